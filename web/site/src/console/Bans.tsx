//! Bans and appeals: of the whole site, and of one channel.

import { useState } from "preact/hooks";
import type { Appeal, Ban } from "@weir/api";
import { Form } from "../account/Form";
import { ask } from "../api";
import { Act, Card, Choice, inDays, Line, Shown, Table, time, usePages } from "./parts";
import { k, type ConsoleKey } from "./strings";

/** What is asked of the whole site, or of one channel where there is one. */
const askOf = <T,>(channel: string | null, site: () => Promise<T>, one: (path: { name: string }) => Promise<T>): Promise<T> =>
  channel === null ? site() : one({ name: channel });

export function Bans() {
  return (
    <>
      <h1>{k("bans")}</h1>
      <Moderation channel={null} />
    </>
  );
}

/** Who is banned, add, lift, appeals; `channel` null for the whole site. */
export function Moderation({ channel }: { channel: string | null }) {
  const [round, setRound] = useState(0);
  const changed = () => setRound(round + 1);
  return (
    <>
      <Appeals key={`a${round}`} channel={channel} decided={changed} />
      <Standing key={`b${round}`} channel={channel} lifted={changed} />
      <Card title={k("banSomebody")}>
        <BanForm channel={channel} made={changed} />
      </Card>
    </>
  );
}

function Standing({ channel, lifted }: { channel: string | null; lifted: () => void }) {
  const list = usePages((query) => askOf(channel, () => ask("ban_list", { query }), (path) => ask("channel_ban_list", { path, query })), [channel]);
  const lift = async (ban: Ban) => {
    const { id } = ban;
    await askOf(channel, () => ask("ban_lift", { path: { id } }), (path) => ask("channel_ban_lift", { path: { ...path, id } }));
    lifted();
  };
  return (
    <Card title={k("bans")}>
      <Shown of={list}>
        {(bans) => (
          <Table
            label={k("bans")}
            rows={bans}
            id={(ban) => ban.id}
            none={k("noBans")}
            more={list.more}
            columns={[
              { label: k("subject"), cell: (ban) => <span class="co-wrap">{subject(ban)}</span> },
              { label: k("kind"), cell: (ban) => k(`kind_${ban.kind}` as ConsoleKey) },
              { label: k("stops"), cell: (ban) => k(`stops_${ban.stops}` as ConsoleKey) },
              { label: k("reason"), cell: (ban) => <span class="co-wrap">{ban.reason}</span> },
              { label: k("until"), cell: (ban) => (ban.expires_ms ? time(ban.expires_ms) : k("untilLifted")) },
              { label: k("state"), cell: (ban) => k(stateOf(ban)) },
              {
                label: k("actions"),
                cell: (ban) =>
                  stateOf(ban) === "stands" && (
                    <Act label={k("lift")} named={subject(ban)} act={() => lift(ban)} data="lift" />
                  ),
              },
            ]}
          />
        )}
      </Shown>
    </Card>
  );
}

export const subject = (ban: Ban) => ban.name ?? ban.subject;

export function stateOf(ban: Pick<Ban, "lifted_ms" | "expires_ms">, now_ms = Date.now()): "lifted" | "over" | "stands" {
  if (ban.lifted_ms) return "lifted";
  return ban.expires_ms && ban.expires_ms <= now_ms ? "over" : "stands";
}

interface BanFormProps {
  channel: string | null;
  /** The account that it is about, where it is said already. */
  account?: string;
  made: (ban: Ban) => void;
}

export function BanForm({ channel, account, made }: BanFormProps) {
  const send = async (values: Record<string, string>) => {
    const { kind = "account", subject = "", stops, reason = "", days } = values;
    const whom = account === undefined ? { [kind]: subject.trim() } : { account };
    const body = { ...whom, reason, ...inDays(days) };
    made(await askOf(channel, () => ask("ban", { body: { ...body, ...(stops && { stops }) } }), (path) => ask("channel_ban", { path, body })));
  };
  const kinds: [string, string][] = [["account", k("banAccount")], ["network", k("banNetwork")]];
  if (channel === null) kinds.push(["stream", k("banStream")]);
  return (
    <Form button={account === undefined ? k("ban") : k("banUser", { name: account })} send={send}>
      {(wrong) => (
        <div class="ac-pair">
          {account === undefined && <Choice name="kind" label={k("kind")} options={kinds} />}
          {account === undefined && (
            <Line name="subject" label={k("subject")} required wrong={wrong["account"] ?? wrong["network"] ?? wrong["stream"]} />
          )}
          {channel === null && (
            <Choice
              name="stops"
              label={k("stops")}
              options={[["both", k("stops_both")], ["publish", k("stops_publish")], ["play", k("stops_play")]]}
            />
          )}
          <Line name="reason" label={k("reason")} required wrong={wrong["reason"]} />
          <Line name="days" label={k("days")} wrong={wrong["expires_ms"]} />
        </div>
      )}
    </Form>
  );
}

function Appeals({ channel, decided }: { channel: string | null; decided: () => void }) {
  const list = usePages((query) => askOf(channel, () => ask("appeal_list", { query }), (path) => ask("channel_appeals", { path, query })), [channel]);
  return (
    <Card title={k("appeals")}>
      <Shown of={list}>
        {(appeals) =>
          appeals.length === 0 ? (
            <p class="co-none">{k("noAppeals")}</p>
          ) : (
            <>
              {appeals.map((appeal) => <OneAppeal key={appeal.id} channel={channel} appeal={appeal} decided={decided} />)}
              {list.more && <Act label={k("more")} act={list.more} />}
            </>
          )
        }
      </Shown>
    </Card>
  );
}

function OneAppeal({ channel, appeal, decided }: { channel: string | null; appeal: Appeal; decided: () => void }) {
  const send = async (values: Record<string, string>) => {
    const body = { granted: values["granted"] === "yes", answer: values["answer"]?.trim() ?? "" };
    const { ban, id } = appeal;
    await askOf(channel, () => ask("appeal_decide", { path: { ban, id }, body }), (path) => ask("channel_appeal_decide", { path: { ...path, ban, id }, body }));
    decided();
  };
  return (
    <article class="co-appeal" data-appeal={appeal.id}>
      <p><b>{k("saysAgainst", { name: appeal.name ?? "—" })}</b> <q class="co-wrap">{appeal.words}</q></p>
      {appeal.reason && <p class="ac-said">{k("bannedFor", { reason: appeal.reason })}</p>}
      <Form button={k("save")} send={send}>
        {(wrong) => (
          <div class="ac-pair">
            <Choice name="granted" label={k("ban")} options={[["no", k("deny")], ["yes", k("grant")]]} />
            <Line name="answer" label={k("answer")} wrong={wrong["answer"]} />
          </div>
        )}
      </Form>
    </article>
  );
}
