//! `/c/{name}`: a channel's page. What is live plays; what is said about it is below.

import { parseWatchPath } from "@weir/player";
import { render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { channel as read, follow, unfollow, type Channel as Shown } from "../account/api";
import { followed } from "../account/followed";
import { ask, Refused } from "../api";
import { a, followersOf } from "../account/strings";
import { store } from "../store";
import { Picture } from "../ui/Picture";
import { Admitted } from "../watch/Admitted";
import { ChatPlace } from "../watch/ChatPlace";
import { isPlayable, type Replay } from "../watch/replays";
import { Replays } from "../watch/Replays";
import { readPlayerQuery } from "../watch/query";
import "../css/account.css";

/** Between two looks whether it is live. */
const POLL_MS = 5_000;

type State = { kind: "loading" } | { kind: "none" } | { kind: "down" } | { kind: "shown"; channel: Shown };

export function Channel() {
  const name = decodeURIComponent(location.pathname.split("/")[2] ?? "");
  const [state, setState] = useState<State>({ kind: "loading" });
  useChannel(name, (next) => {
    // What was seen stays while the server is away.
    setState((before) => (next.kind === "down" && before.kind === "shown" ? before : next));
    return next.kind !== "none";
  });
  useEffect(() => {
    document.title = `${state.kind === "shown" ? state.channel.title || name : name} · weir`;
  });
  return (
    <main id="main" class="page watch channel">
      {state.kind === "loading" && <p role="status">{a("loading")}</p>}
      {state.kind === "none" && <section class="message"><h1>{a("noChannel")}</h1></section>}
      {state.kind === "down" && <section class="message" role="alert"><h1>{a("down")}</h1></section>}
      {state.kind === "shown" && <Seen channel={state.channel} />}
    </main>
  );
}

/** Looks at a channel, and again for as long as `seen` says so. */
function useChannel(name: string, seen: (next: State) => boolean): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    const load = async () => {
      const next = await look(name);
      if (!gone && seen(next)) timer = setTimeout(() => void load(), POLL_MS);
    };
    void load();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [name]);
}

async function look(name: string): Promise<State> {
  try {
    return { kind: "shown", channel: await read(name) };
  } catch (error) {
    return { kind: error instanceof Refused && error.status === 404 ? "none" : "down" };
  }
}

function Seen({ channel }: { channel: Shown }) {
  return (
    <>
      <div class="heading">
        <h1>{channel.title || channel.name}</h1>
        <span class="ac-role">{channel.live ? a("isLive") : a("notLive")}</span>
        <Follow name={channel.name} />
      </div>
      <Playing channel={channel} />
      <ChatPlace stream={channel.stream} />
      <Replays all={useChannelReplays(channel)} shown={null} />
      <p class="ac-mail">{channel.name} · {followersOf(channel)}</p>
      <section class="ac-card" aria-labelledby="ac-about">
        <h2 id="ac-about">{a("about")}</h2>
        <p class="ac-about">{channel.description || a("nothingSaid")}</p>
      </section>
    </>
  );
}

/** What of it can be watched again; read anew when it goes on or off the air. */
function useChannelReplays({ name, live }: Shown): Replay[] {
  const [replays, setReplays] = useState<Replay[]>([]);
  useEffect(() => {
    let gone = false;
    ask("channel_recordings", { path: { name } }).then(({ items }) => gone || setReplays(items.filter(isPlayable)), () => {});
    return () => void (gone = true);
  }, [name, live]);
  return replays;
}

/** The player while it is live, and its picture else. */
function Playing({ channel }: { channel: Shown }) {
  const stream = parseWatchPath(`/watch/${channel.stream.split("/").map(encodeURIComponent).join("/")}`);
  const asked = useMemo(() => readPlayerQuery(location.search), []);
  if (!channel.live || !stream) return <Picture kind="cover" id={channel.cover} width={960} alt="" />;
  return <Admitted channel={channel} name={stream} query={asked} keep />;
}

/** On a page that came with its words: the player while it is live, and the button to follow. */
export function enlivenChannel(): void {
  const player = document.getElementById("player");
  const follow = document.getElementById("follow");
  const name = player?.dataset["channel"];
  if (!player || !follow || name === undefined) return;
  render(<Follow name={name} />, follow);
  player.replaceChildren();
  render(<Live name={name} />, player);
}

function Live({ name }: { name: string }) {
  const [channel, setChannel] = useState<Shown | null>(null);
  useChannel(name, (next) => {
    if (next.kind === "shown") {
      setChannel(next.channel);
      const standing = document.getElementById("standing");
      if (standing) standing.textContent = a(next.channel.live ? "isLive" : "notLive");
    }
    return true;
  });
  return channel && <><Playing channel={channel} /><ChatPlace stream={channel.stream} /></>;
}

function Follow({ name }: { name: string }) {
  const [state, setState] = useState<"no" | "asking" | "yes">("no");
  useEffect(() => {
    if (!store.signedIn()) return;
    // Who cannot be told is offered to follow, which once more is no harm.
    void followed().then((all) => all.some((channel) => channel.name === name) && setState("yes"), () => {});
  }, [name]);
  const turn = async (next: "no" | "yes") => {
    setState("asking");
    try {
      await (next === "yes" ? follow(name) : unfollow(name));
      setState(next);
    } catch (error) {
      setState(next === "yes" ? "no" : "yes");
      if (error instanceof Refused && error.status === 401) location.assign("/account/sign-in");
    }
  };
  if (state !== "yes") return <button type="button" class="button small" disabled={state === "asking"} onClick={() => void turn("yes")}>{a("follow")}</button>;
  return (
    <>
      <span role="status">{a("following")}</span>
      <button type="button" class="plain" data-act="unfollow" onClick={() => void turn("no")}>{a("unfollow")}</button>
    </>
  );
}
