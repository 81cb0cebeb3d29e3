//! One's passkeys: added, named, removed.

import { useEffect, useState } from "preact/hooks";
import { locale } from "../i18n";
import { passkeys, removePasskey, renamePasskey, type Account, type Passkey } from "./api";
import { Field, Form } from "./Form";
import { hasPasskeys, makePasskey } from "./authenticator";
import { a } from "./strings";

export function Passkeys({ account }: { account: Account }) {
  const [list, setList] = useState<Passkey[]>([]);
  const load = () => passkeys().then(setList, () => setList([]));
  useEffect(() => void load(), []);
  const add = async (values: Record<string, string>) => {
    await makePasskey(values["label"] ?? "", values["password"] ?? "");
    await load();
  };
  return (
    <section class="ac-card" aria-labelledby="ac-passkeys">
      <h2 id="ac-passkeys">{a("passkeys")}</h2>
      <p>{a("passkeysHint")}</p>
      {list.map((passkey) => <One key={passkey.id} passkey={passkey} account={account} changed={load} />)}
      {hasPasskeys() ? (
        <Form button={a("addPasskey")} send={add} failed={a("passkeyRefused")}>
          {(wrong) => (
            <>
              <Field name="label" label={a("passkeyName")} wrong={wrong["label"]} />
              <Password account={account} wrong={wrong["password"]} />
            </>
          )}
        </Form>
      ) : (
        <p>{a("noPasskeys")}</p>
      )}
    </section>
  );
}

function One({ passkey, account, changed }: { passkey: Passkey; account: Account; changed: () => Promise<void> }) {
  const when = (ms: number) => new Date(ms).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "short" });
  const rename = async (values: Record<string, string>) => {
    await renamePasskey(passkey.id, values["label"] ?? "");
    await changed();
  };
  const remove = async (values: Record<string, string>) => {
    await removePasskey(passkey.id, values["password"] ?? "");
    await changed();
  };
  return (
    <details class="ac-passkey" data-passkey={passkey.label}>
      <summary>
        {passkey.label} · {passkey.used_ms ? a("passkeyUsed", { when: when(passkey.used_ms) }) : a("keyMade", { when: when(passkey.created_ms) })}
      </summary>
      <Form button={a("rename")} send={rename}>
        {(wrong) => <Field name="label" label={a("passkeyName")} wrong={wrong["label"]} />}
      </Form>
      <Form button={a("removeNamed", { name: passkey.label })} send={remove}>
        {(wrong) => <Password account={account} wrong={wrong["password"]} />}
      </Form>
    </details>
  );
}

function Password({ account, wrong }: { account: Account; wrong: string | undefined }) {
  if (!account.has_password) return null;
  return <Field name="password" type="password" label={a("oldPassword")} autocomplete="current-password" wrong={wrong} />;
}
