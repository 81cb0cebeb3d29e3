//! One's own account: who one is, the password, the channels and their keys.

import { rtmpAppUrl } from "@weir/player";
import { useEffect, useState } from "preact/hooks";
import { locale } from "../i18n";
import { Copy } from "../ui/Copy";
import { useRtmp } from "../ui/rtmp";
import { makeChannel, makeKey, ownBans, ownChannels, ownTeams, removeAvatar, removeCover, revokeKey, setAvatar, setCover, setPassword, setRecord, setVisibility, signOut, streamKeys, type Account, type Channel, type OwnBan, type StreamKey } from "./api";
import { OwnBans } from "./Bans";
import { Field, Form } from "./Form";
import { Moderate } from "./Moderate";
import { Identities } from "./Elsewhere";
import { Passkeys } from "./Passkeys";
import { PictureField } from "./PictureField";
import { a, followersOf, type AccountKey } from "./strings";

const VISIBILITIES = ["public", "unlisted", "password", "followers", "private"] as const;

export function Mine({ account }: { account: Account }) {
  const [channels, setChannels] = useState<Channel[] | null>(null);
  const [bans, setBans] = useState<OwnBan[]>([]);
  const [helped, setHelped] = useState<Channel[]>([]);
  useEffect(() => {
    ownChannels().then(setChannels, () => setChannels([]));
    ownBans().then(setBans, () => {});
    ownTeams().then((teams) => setHelped(teams.filter(({ role }) => role === "moderator")), () => {});
  }, []);
  const make = async (values: Record<string, string>) => {
    const made = await makeChannel(values["name"] ?? "", values["title"] ?? "");
    setChannels([...(channels ?? []), made]);
  };
  return (
    <>
      <div class="heading">
        <h1>{account.name}</h1>
        <span class="ac-role">{a(`role_${account.role}` as AccountKey)}</span>
        <button type="button" class="plain" onClick={() => void signOut().finally(() => location.assign("/"))}>{a("signOut")}</button>
      </div>
      <p class="ac-mail">{account.email}{account.email && !account.email_verified && ` · ${a("notProved")}`}</p>
      {["moderator", "admin"].includes(account.role) && <p><a href="/console">{a("console")}</a></p>}
      <OwnBans bans={bans} />
      <section class="ac-card">
        <PictureField kind="avatar" label={a("avatar")} id={account.avatar} send={setAvatar} remove={removeAvatar} />
      </section>
      <Password account={account} />
      <Passkeys account={account} />
      <Identities account={account} />
      <section class="ac-card" aria-labelledby="ac-channels">
        <h2 id="ac-channels">{a("channels")}</h2>
        {channels === null && <p role="status">{a("loading")}</p>}
        {channels?.length === 0 && <p>{a("noChannels")}</p>}
        {channels?.map((channel) => <Own key={channel.name} channel={channel} />)}
        <Form button={a("makeChannel")} send={make}>
          {(wrong) => (
            <div class="ac-pair">
              <Field name="name" label={a("channelName")} hint={a("nameHint")} wrong={wrong["name"]} />
              <Field name="title" label={a("channelTitle")} required={false} wrong={wrong["title"]} />
            </div>
          )}
        </Form>
      </section>
      {helped.length > 0 && (
        <section class="ac-card" aria-labelledby="ac-teams">
          <h2 id="ac-teams">{a("teams")}</h2>
          {helped.map((channel) => (
            <article key={channel.name} class="ac-channel">
              <h3><a href={`/c/${encodeURIComponent(channel.name)}`}>{channel.title || channel.name}</a></h3>
              <Moderate channel={channel.name} owns={false} />
            </article>
          ))}
        </section>
      )}
    </>
  );
}

function Password({ account }: { account: Account }) {
  const [set, setSet] = useState(false);
  const send = async (values: Record<string, string>) => {
    await setPassword(values["new_password"] ?? "", values["password"] ?? "");
    setSet(true);
  };
  const form = (
    <Form button={a(account.has_password ? "changePassword" : "setPassword")} send={send}>
      {(wrong) => (
        <>
          {account.has_password && <Field name="password" type="password" label={a("oldPassword")} autocomplete="current-password" wrong={wrong["password"]} />}
          <Field name="new_password" type="password" label={a("newPassword")} hint={a("passwordHint")} autocomplete="new-password" wrong={wrong["new_password"]} />
        </>
      )}
    </Form>
  );
  if (set) return <section class="ac-card"><p role="status">{a("passwordSet")}</p></section>;
  if (!account.has_password) return <section class="ac-card"><h2>{a("setPassword")}</h2><p>{a("needsPassword")}</p>{form}</section>;
  return <details class="ac-card"><summary>{a("changePassword")}</summary>{form}</details>;
}

function Own({ channel }: { channel: Channel }) {
  const [keys, setKeys] = useState<StreamKey[]>([]);
  const [fresh, setFresh] = useState<string | null>(null);
  const rtmp = useRtmp();
  const load = () => streamKeys(channel.name).then(setKeys, () => setKeys([]));
  useEffect(() => void load(), [channel.name]);
  const make = async () => {
    setFresh((await makeKey(channel.name, "")).key);
    await load();
  };
  const slash = channel.stream.lastIndexOf("/");
  const [app, stream] = [channel.stream.slice(0, slash), channel.stream.slice(slash + 1)];
  return (
    <article class="ac-channel" data-channel={channel.name}>
      <h3><a href={`/c/${encodeURIComponent(channel.name)}`}>{channel.title || channel.name}</a></h3>
      <p class="ac-mail">{channel.name} · {channel.live ? a("isLive") : a("notLive")} · {followersOf(channel)}</p>
      <PictureField
        kind="cover"
        label={a("coverOf", { name: channel.title || channel.name })}
        id={channel.cover}
        send={(file, progress) => setCover(channel.name, file, progress)}
        remove={() => removeCover(channel.name)}
      />
      <p><a href="/studio/recordings">{a("pastBroadcasts")}</a> · <a href="/studio/gifts">{a("gifts")}</a></p>
      <Who channel={channel} />
      <Recorded channel={channel} />
      <h4>{a("keys")}</h4>
      <ul>
        {keys.map((key) => <KeyLine key={key.id} channel={channel.name} line={key} changed={load} />)}
      </ul>
      {fresh && (
        <div class="ac-fresh" role="status">
          <p>{a("keyOnce")}</p>
          {rtmp && <Copy label={a("server")} text={rtmpAppUrl(location, app, rtmp)} />}
          <Copy label={a("streamKey")} text={`${stream}?key=${fresh}`} />
          <p><a class="button small" href={`/studio?stream=${encodeURIComponent(stream)}&key=${fresh}`}>{a("goLiveStudio")}</a></p>
        </div>
      )}
      <Form what="new-key" button={a("newKey")} send={make}>{() => null}</Form>
      <Moderate channel={channel.name} owns />
    </article>
  );
}

const RECORDS = ["app", "on", "off"] as const;

/** Whether broadcasts can be watched again. */
function Recorded({ channel }: { channel: Channel }) {
  const [chosen, setChosen] = useState(channel.record);
  const [said, setSaid] = useState("");
  const keep = async () => {
    setSaid("");
    await setRecord(channel.name, chosen);
    setSaid(a("kept"));
  };
  return (
    <Form what="record" button={a("keep")} send={keep}>
      {() => (
        <>
          <label class="ac-field">
            {a("recorded")}
            <select name="record" value={chosen} onChange={(event) => setChosen(event.currentTarget.value)}>
              {RECORDS.map((one) => <option key={one} value={one}>{a(`record_${one}`)}</option>)}
            </select>
          </label>
          {said && <span role="status">{said}</span>}
        </>
      )}
    </Form>
  );
}

/** Who may watch. */
function Who({ channel }: { channel: Channel }) {
  const [kept, setKept] = useState(channel.visibility);
  const [chosen, setChosen] = useState(channel.visibility);
  const [said, setSaid] = useState("");
  const keep = async (values: Record<string, string>) => {
    setSaid("");
    setKept((await setVisibility(channel.name, chosen, values["password"] ?? "")).visibility);
    setSaid(a("kept"));
  };
  return (
    <Form button={a("keep")} send={keep}>
      {(wrong) => (
        <>
          <label class="ac-field">
            {a("whoMayWatch")}
            <select name="visibility" value={chosen} onChange={(event) => setChosen(event.currentTarget.value)}>
              {VISIBILITIES.map((one) => <option key={one} value={one}>{a(`visible_${one}`)}</option>)}
            </select>
          </label>
          {chosen === "password" && (
            <Field name="password" type="password" label={a("channelPassword")} autocomplete="new-password" required={kept !== "password"} wrong={wrong["password"]} />
          )}
          {said && <span role="status">{said}</span>}
        </>
      )}
    </Form>
  );
}

function KeyLine({ channel, line, changed }: { channel: string; line: StreamKey; changed: () => Promise<void> }) {
  const when = new Date(line.created_ms).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "short" });
  if (line.revoked_ms) return <li>{a("keyMade", { when })} · {a("keyRevoked")}</li>;
  return (
    <li>
      {a("keyMade", { when })}
      <button
        type="button"
        class="plain"
        aria-label={a("revokeNamed", { when })}
        onClick={() => void revokeKey(channel, line.id).then(changed)}
      >
        {a("revoke")}
      </button>
    </li>
  );
}
