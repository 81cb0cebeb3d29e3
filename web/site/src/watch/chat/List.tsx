//! The messages: a log that screen readers follow, at its end unless one reads further up. Up and down go from message
//! to message.

import { memo } from "preact/compat";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { huesOf } from "../../format";
import { locale } from "../../i18n";
import { Icon } from "../../ui/icons";
import { shownOf, type Offer } from "./gifts";
import type { Line } from "./model";
import { c } from "./strings";

/** Nearer to the end than this is at the end, pixels. */
const END_PX = 40;
/** Faster than so many changes in such a time nobody can listen: a screen reader is then left alone. */
const BUSY = { changes: 10, in_ms: 4000 };

interface Props {
  lines: readonly Line[];
  /** What gifts are called. */
  offers: readonly Offer[];
  /** Who one is: what is for oneself stands out. */
  own: string;
  onMore: (line: Line) => void;
}

export function List({ lines, offers, own, onMore }: Props) {
  const log = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const last = lines.at(-1)?.id;
  const isBusy = useBusy(last);
  const authors = new Map(lines.flatMap((line) => ("post" in line && line.post.from ? [[line.post.id, line.post.from.name] as const] : [])));
  const answered = (line: Line) => (line.is === "said" && line.re !== null ? (authors.get(line.re) ?? "") : null);
  const toEnd = () => log.current && (log.current.scrollTop = log.current.scrollHeight);
  useLayoutEffect(() => {
    if (atEnd) toEnd();
  }, [last, lines.length, atEnd]);
  const scrolled = ({ currentTarget: { scrollHeight, scrollTop, clientHeight } }: { currentTarget: HTMLElement }) =>
    setAtEnd(scrollHeight - scrollTop - clientHeight < END_PX);
  return (
    <div class="chat-lines">
      <div ref={log} class="chat-log" role="log" aria-live={isBusy ? "off" : "polite"} aria-label={c("messages")} tabIndex={0} onScroll={scrolled} onKeyDown={wander}>
        {lines.length === 0 && <p class="chat-empty">{c("nothing")}</p>}
        {lines.map((line) => <Row key={line.id} line={line} offers={offers} answered={answered(line)} isForOne={line.is === "said" && line.at.includes(own)} onMore={onMore} language={locale()} />)}
      </div>
      {!atEnd && <button type="button" class="button small chat-end" onClick={() => setAtEnd(true)}>{c("newMessages")}</button>}
    </div>
  );
}

function useBusy(last: string | undefined): boolean {
  const changes = useRef<{ id: string | undefined; at_ms: number }[]>([]);
  const now_ms = Date.now();
  changes.current = changes.current.filter(({ at_ms }) => now_ms - at_ms < BUSY.in_ms);
  if (changes.current.at(-1)?.id !== last) changes.current.push({ id: last, at_ms: now_ms });
  return changes.current.length > BUSY.changes;
}

/** From one message's button to that of the next. */
function wander(event: KeyboardEvent): void {
  if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
  const buttons = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLButtonElement>("button.chat-more")];
  const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
  const next = at < 0 ? buttons.length - 1 : event.key === "ArrowUp" ? at - 1 : at + 1;
  if (!buttons[next]) return;
  event.preventDefault();
  buttons[next].focus();
}

interface RowProps {
  line: Line;
  offers: readonly Offer[];
  /** Who said what it answers: empty where that is not here, null where it answers nothing. */
  answered: string | null;
  isForOne: boolean;
  onMore: Props["onMore"];
  language: string;
}

const Row = memo(function Row({ line, offers, answered, isForOne, onMore }: RowProps) {
  if (line.is === "entered") return <p class="chat-system chat-entered" aria-live="off" dir="auto">{c("entered", { names: line.names.join(", ") })}</p>;
  if (line.is === "skipped") return <p class="chat-system">{c("skipped", { n: line.count })}</p>;
  if (line.is === "gap") return <p class="chat-system">{c("gap")}</p>;
  const { from, at_ms } = line.post;
  const time = new Date(at_ms);
  return (
    <div class={`chat-line ${line.is}${isForOne ? " for-one" : ""}`} data-post={line.id}>
      <time dateTime={time.toISOString()}>{clock(time)}</time>
      <p>
        {answered !== null && <span class="chat-answers"><Icon name="reply" size={14} /> {answered === "" ? c("answersGone") : c("answers", { name: answered })}</span>}
        {isForOne && <span class="chat-badge">{c("forYou")}</span>}
        {line.is === "notice" && <span class="chat-badge">{c("notice")}</span>}
        {from?.role === "mod" && <span class="chat-badge">{c("moderator")}</span>}
        {from && <b style={{ "--hue": String(huesOf(from.name)[0]) }}>{from.name}</b>}{" "}
        {line.is === "gift" ? <Gift offers={offers} gift={line.gift} count={line.count} /> : <span class="chat-words" dir="auto">{line.text}</span>}
      </p>
      {from && (
        <button type="button" class="chat-more" tabIndex={-1} aria-label={c("about", { name: from.name })} onClick={() => onMore(line)}>
          <Icon name="more" size={18} />
        </button>
      )}
    </div>
  );
});

function Gift({ offers, gift, count }: { offers: readonly Offer[]; gift: string; count: number }) {
  const { title, badge } = shownOf(offers, gift);
  return <span class="chat-gift"><span aria-hidden="true">{badge}</span> {c("gave", { gift: title })} <b class="chat-combo">× {count}</b></span>;
}

const clock = (time: Date): string => time.toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
