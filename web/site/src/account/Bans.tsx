//! Bans on one's own account: why, until when, and what one says against it.

import { useState } from "preact/hooks";
import { locale } from "../i18n";
import { appealAgainst, type OwnBan } from "./api";
import { Field, Form } from "./Form";
import { a, type AccountKey } from "./strings";

export function OwnBans({ bans }: { bans: OwnBan[] }) {
  if (bans.length === 0) return null;
  return (
    <section class="ac-card" aria-labelledby="ac-bans">
      <h2 id="ac-bans">{a("banned")}</h2>
      {bans.map((ban) => <One key={ban.id} ban={ban} />)}
    </section>
  );
}

function One({ ban }: { ban: OwnBan }) {
  const [said, setSaid] = useState(ban.appeal ?? null);
  const send = async ({ words = "" }: Record<string, string>) => setSaid(await appealAgainst(ban.id, words));
  const when = ban.expires_ms && new Date(ban.expires_ms).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "short" });
  return (
    <article class="ac-channel" data-ban={ban.id}>
      <h3>{ban.channel ? a("bannedOn", { name: ban.channel }) : a("bannedHere")}</h3>
      <p>{a(`stops_${ban.stops}` as AccountKey)} · {when ? a("bannedUntil", { when }) : a("bannedOpen")}</p>
      <p><q class="ac-reason">{ban.reason}</q></p>
      {said ? (
        <div role="status">
          <p>{a("youSaid")} <q>{said.words}</q></p>
          <p>{a(`appeal_${said.state}` as AccountKey)}{said.answer && <> <q class="ac-answer">{said.answer}</q></>}</p>
        </div>
      ) : (
        <Form button={a("appeal")} send={send}>
          {(wrong) => <Field name="words" label={a("appealWords")} wrong={wrong["words"]} />}
        </Form>
      )}
    </article>
  );
}
