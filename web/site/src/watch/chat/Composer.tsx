//! Where one writes: or why one cannot now, and for how long.

import { ChatError } from "@weir/chat";
import { useEffect, useRef, useState } from "preact/hooks";
import { locale } from "../../i18n";
import { Icon } from "../../ui/icons";
import { meantIn, type Posted } from "./model";
import { c } from "./strings";
import { isGuest, type Room, type Silence } from "./useRoom";

/** As the server's default; what is longer it refuses. */
const MAX_CHARS = 500;
const TICK_MS = 250;

interface Props {
  room: Room;
  /** What the next message answers. */
  answered: Posted | null;
  onAnswered: (line: Posted | null) => void;
}

export function Composer({ room, answered, onAnswered }: Props) {
  const [asGuest, setAsGuest] = useState(false);
  if (room.silence) return <p class="chat-note" role="status">{silenced(room.silence)}</p>;
  if (isGuest(room.own) && !asGuest) {
    return (
      <p class="chat-doors">
        <a class="button small" href="/account/sign-in">{c("signIn")}</a>
        <button type="button" class="plain" onClick={() => setAsGuest(true)}>{c("asGuest")}</button>
      </p>
    );
  }
  return <Write room={room} answered={answered} onAnswered={onAnswered} onSignedOut={() => setAsGuest(false)} />;
}

function Write({ room, answered, onAnswered, onSignedOut }: Props & { onSignedOut: () => void }) {
  const { chat, group, view, isModerator } = room;
  const [text, setText] = useState("");
  const [told, setTold] = useState("");
  const [until_ms, setUntil] = useState(0);
  const left_s = useLeft(until_ms);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (answered) field.current?.focus();
  }, [answered]);
  const send = async (event: Event) => {
    event.preventDefault();
    const said = text.trim();
    if (said === "" || left_s > 0) return;
    setText("");
    setTold("");
    try {
      const at = meantIn(view, said, answered);
      await chat.publish(group, { m: said, ...(answered && { re: answered.post.id }), ...(at.length > 0 && { at }) });
      onAnswered(null);
      if (!isModerator && view.mode.slow_s > 0) setUntil(Date.now() + view.mode.slow_s * 1000);
    } catch (error) {
      // What was refused is not lost, unless there is something new by now.
      setText((now) => now || said);
      if (!(error instanceof ChatError)) throw error;
      if (error.retry_ms !== null) setUntil(Date.now() + error.retry_ms);
      if (error.reason === "muted") room.setSilence({ how: "mute", until_ms: Infinity, reason: "" });
      setTold(c(`error_${error.reason}`));
      if (error.reason === "signed_out") onSignedOut();
    }
    field.current?.focus();
  };
  return (
    <form class="chat-write" onSubmit={(event) => void send(event)}>
      {answered?.post.from && (
        <p class="chat-answered">
          <Icon name="reply" size={16} /> <span dir="auto">{c("replying", { name: answered.post.from.name })}</span>
          <button type="button" class="plain square" aria-label={c("notReplying")} onClick={() => (onAnswered(null), field.current?.focus())}><Icon name="close" size={16} /></button>
        </p>
      )}
      <input
        ref={field}
        type="text"
        name="said"
        value={text}
        maxLength={MAX_CHARS}
        autocomplete="off"
        enterkeyhint="send"
        aria-label={c("write")}
        aria-describedby="chat-told"
        placeholder={c("write")}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
      <button type="submit" class="button" disabled={text.trim() === "" || left_s > 0}>{left_s > 0 ? c("seconds", { n: left_s }) : c("send")}</button>
      <p id="chat-told" class={told ? "chat-told alert" : "chat-told"} role="status">{told || modeWords(room)}</p>
    </form>
  );
}

function modeWords({ view: { mode }, isModerator }: Room): string {
  if (isModerator) return "";
  if (mode.isClosed) return c("isClosed");
  if (mode.emotesOnly) return c("emotesOnly");
  return mode.slow_s > 0 ? c("slow", { n: mode.slow_s }) : "";
}

function silenced({ how, until_ms, reason }: Silence): string {
  if (how === "out") return reason;
  const why = reason ? ` ${c("why", { why: reason })}` : "";
  if (how === "ban") return c("banned") + why;
  // Ten years are for ever.
  const isShort = until_ms - Date.now() < 366 * 86_400_000;
  if (!isShort) return c("mutedForEver") + why;
  const until = new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(until_ms);
  return c("muted", { until }) + why;
}

/** Whole seconds until then. */
function useLeft(until_ms: number): number {
  const [now_ms, setNow] = useState(Date.now());
  useEffect(() => {
    if (until_ms <= Date.now()) return;
    setNow(Date.now());
    const timer = setInterval(() => {
      setNow(Date.now());
      if (Date.now() >= until_ms) clearInterval(timer);
    }, TICK_MS);
    return () => clearInterval(timer);
  }, [until_ms]);
  return Math.max(0, Math.ceil((until_ms - now_ms) / 1000));
}
