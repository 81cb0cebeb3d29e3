//! Hearts: one taps, all see them rise, and how many there were. Taps are gathered and sent as one number.

import { useEffect, useRef, useState } from "preact/hooks";
import { count } from "../../format";
import { locale } from "../../i18n";
import { Icon } from "../../ui/icons";
import { c } from "./strings";
import { isGuest, type Room } from "./useRoom";

/** Taps of such a time go together. */
const GATHER_MS = 300;
/** As the server takes them at once. */
const MAX_TAPS = 60;
/** Hearts that rise at the same time; what is more is a number. */
const MAX_RISING = 24;
/** Of one telling. */
const MAX_MORE = 8;

export function HeartButton({ room: { chat, group, own, view, silence } }: { room: Room }) {
  const taps = useRef(0);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const send = () => {
    timer.current = undefined;
    const n = Math.min(taps.current, MAX_TAPS);
    taps.current = 0;
    // Too many, or no connection: a heart that is not counted is no loss that anybody has to be told of.
    void chat.like(group, n).catch(() => {});
  };
  const tap = () => {
    taps.current += 1;
    timer.current ??= setTimeout(send, GATHER_MS);
  };
  const likes = view.likes ?? 0;
  const words = c("likes", { n: count(likes, locale()) });
  return (
    <button type="button" class="plain chat-like" disabled={isGuest(own) || silence !== null} aria-label={`${c("like")} · ${words}`} title={c("like")} onClick={tap}>
      <Icon name="heart" size={18} /><span data-likes={likes}>{count(likes, locale())}</span>
    </button>
  );
}

/** Where they rise: one for each that the room was given, while they are few. */
export function Hearts({ likes }: { likes: number | null }) {
  const [rising, setRising] = useState<readonly number[]>([]);
  const known = useRef(likes);
  const last = useRef(0);
  useEffect(() => {
    // What there was when one came in does not rise.
    const more = likes === null || known.current === null ? 0 : Math.min(likes - known.current, MAX_MORE);
    known.current = likes;
    if (more <= 0 || document.hidden) return;
    const fresh = Array.from({ length: more }, () => ++last.current);
    setRising((now) => [...now, ...fresh].slice(-MAX_RISING));
  }, [likes]);
  const risen = (id: number) => setRising((now) => now.filter((one) => one !== id));
  return (
    <div class="chat-hearts" aria-hidden="true">
      {rising.map((id) => (
        <span key={id} style={{ "--at": String((id * 37) % 100), "--late": String((id * 53) % 100) }} onAnimationEnd={() => risen(id)}><Icon name="heart" size={26} /></span>
      ))}
    </div>
  );
}
