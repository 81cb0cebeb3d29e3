//! `/c/{name}`: a channel's page. What is live plays; what is said about it is below.

import { parseWatchPath, type PlayerStatus } from "@weir/player";
import { render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { channel as read, follow, Refused, type Channel as Shown } from "../account/api";
import { a } from "../account/strings";
import { count } from "../format";
import { locale } from "../i18n";
import { Picture } from "../ui/Picture";
import { isClosed, Leave } from "../watch/Leave";
import { LivePlayer } from "../watch/LivePlayer";
import { readPlayerQuery } from "../watch/query";
import "../css/account.css";

/** Between two looks whether it is live. */
const POLL_MS = 5_000;
/** Codes of a ticket that counts no more. */
const REFUSED = [1001, 1003, 1006, 2007];

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
      {!channel.live && <Picture kind="cover" id={channel.cover} width={960} alt="" />}
      <Playing channel={channel} />
      <p class="ac-mail">{channel.name} · {a("followers", { n: count(channel.followers, locale()) })}</p>
      <section class="ac-card" aria-labelledby="ac-about">
        <h2 id="ac-about">{a("about")}</h2>
        <p class="ac-about">{channel.description || a("nothingSaid")}</p>
      </section>
    </>
  );
}

/** The player while it is live, or what stands before it where not everybody may watch. */
function Playing({ channel }: { channel: Shown }) {
  const stream = parseWatchPath(`/watch/${channel.stream.split("/").map(encodeURIComponent).join("/")}`);
  const asked = useMemo(() => readPlayerQuery(location.search), []);
  const [ticket, setTicket] = useState<string | null>(null);
  const closed = isClosed(channel);
  const query = useMemo(() => {
    if (!closed || !ticket) return asked;
    return { ...asked, media: `${asked.media ? `${asked.media}&` : "?"}ticket=${encodeURIComponent(ticket)}` };
  }, [asked, closed, ticket]);
  const seen = (status: PlayerStatus) => {
    // The leave was taken back, or is over: ask anew.
    if (ticket && REFUSED.includes(status.fault?.code ?? 0)) setTicket(null);
  };
  if (!channel.live || !stream) return null;
  if (closed && !ticket) return <Leave channel={channel} onTicket={setTicket} />;
  return <LivePlayer key={`${ticket ?? ""} ${closed}`} name={stream} query={query} keep onStatus={seen} />;
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
  return channel && <Playing channel={channel} />;
}

function Follow({ name }: { name: string }) {
  const [state, setState] = useState<"no" | "asking" | "yes">("no");
  const ask = async () => {
    setState("asking");
    try {
      await follow(name);
      setState("yes");
    } catch (error) {
      setState("no");
      if (error instanceof Refused && error.status === 401) location.assign("/account/sign-in");
    }
  };
  if (state === "yes") return <span role="status">{a("following")}</span>;
  return <button type="button" class="button small" disabled={state === "asking"} onClick={() => void ask()}>{a("follow")}</button>;
}
