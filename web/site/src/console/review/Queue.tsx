//! What waits, a page of tiles at a time, by keys alone where somebody likes.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ask } from "../../api";
import { duration } from "../../format";
import { usePolled } from "../../ui/poll";
import type { Held, Verdict } from "./desk";
import { Detail } from "./Detail";
import { Help, Modal, Order } from "./Dialogs";
import { columns } from "./grid";
import { actOf, type Act } from "./keys";
import { keepLooks, keepShift, looks, minutes, needsRest, shift, worked } from "./settings";
import { r } from "./strings";
import { Tile } from "./Tile";
import { useDesk } from "./useDesk";

const NUMBERS_MS = 5_000;

type Shown = { kind: "tiles" } | { kind: "help" } | { kind: "detail"; id: string } | { kind: "order"; verdict: Exclude<Verdict, "ok">; on: Held[] };

export function Queue() {
  const desk = useDesk();
  const [shown, setShown] = useState<Shown>({ kind: "tiles" });
  const [look, setLook] = useState(looks);
  const [time, setTime] = useState(() => shift(Date.now()));
  const grid = useRef<HTMLUListElement>(null);
  const numbers = usePolled(useCallback(() => ask("review_numbers"), []), NUMBERS_MS);

  useEffect(() => {
    if (desk.seen === 0) return;
    const next = worked(shift(Date.now()), desk.seen, Date.now());
    desk.seen = 0;
    keepShift(next);
    setTime(next);
    if (needsRest(next)) void desk.rest(true);
  });
  const opened = shown.kind === "detail" ? desk.page.find(({ item }) => item.id === shown.id) : undefined;
  const order = (verdict: Exclude<Verdict, "ok">) => {
    const on = opened ? [opened] : desk.chosen;
    if (on.length > 0) setShown({ kind: "order", verdict, on });
  };
  const pass = () => {
    if (!opened) return void desk.pageOk();
    setShown({ kind: "tiles" });
    void desk.decide([opened], "ok");
  };
  const acts: Record<Act, () => void> = {
    pageOk: pass,
    left: () => desk.move(-1),
    right: () => desk.move(1),
    up: () => desk.move(-columns(grid.current)),
    down: () => desk.move(columns(grid.current)),
    mark: () => desk.current && desk.mark(desk.current.item.id),
    open: () => desk.current && setShown({ kind: "detail", id: desk.current.item.id }),
    ban: () => order("ban"),
    end: () => order("end"),
    warn: () => order("warn"),
    escalate: () => order("escalate"),
    undo: () => void desk.undo(),
    help: () => setShown({ kind: "help" }),
  };
  const act = useRef(acts);
  act.current = acts;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const on = event.target as HTMLElement | null;
      // Dialogs and fields have keys of their own; so have buttons, but for tiles, two.
      if (on?.closest("dialog:not(.rv-detail), input, select, textarea")) return;
      if (on?.closest("a, button:not(.rv-tile)") && [" ", "Enter"].includes(event.key)) return;
      const asked = actOf(event);
      if (!asked) return;
      if (on?.closest("dialog") && ["left", "right", "up", "down", "open", "mark"].includes(asked)) return;
      event.preventDefault();
      act.current[asked]();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
  useEffect(() => {
    if (shown.kind === "tiles") grid.current?.querySelector<HTMLElement>("[tabindex='0']")?.focus();
  }, [desk.at, desk.page, shown.kind]);

  const choose = (next: typeof look) => {
    keepLooks(next);
    setLook(next);
  };
  const rest = async (isResting: boolean) => {
    const now_ms = Date.now();
    const fresh = { since_ms: now_ms, last_ms: now_ms, pictures: 0 };
    if (!isResting) {
      keepShift(fresh);
      setTime(fresh);
    }
    await desk.rest(isResting);
  };
  if (desk.isResting) {
    return (
      <section class="message rv-rest" role="alert">
        <h2>{r("restTitle")}</h2>
        <p>{r("restHint", { minutes: minutes(time) })}</p>
        <button type="button" class="button" onClick={() => void rest(false)}>{r("goOn")}</button>
      </section>
    );
  }
  const plain = `${look.blur ? " blurred" : ""}${look.grey ? " grey" : ""}`;
  return (
    <div class={`rv-queue${plain}`} data-review={desk.page.length}>
      <Alarm of={numbers.value} />
      <div class="rv-bar">
        <div class="rv-acts" role="toolbar" aria-label={r("acts")}>
          <button type="button" class="button small" data-act="ok" disabled={desk.page.length === 0} onClick={() => void desk.pageOk()}>{r("pageOk")}</button>
          {(["warn", "end", "ban", "escalate"] as const).map((verdict) => (
            <button key={verdict} type="button" class="button small quiet" data-act={verdict} disabled={desk.chosen.length === 0} onClick={() => order(verdict)}>{r(verdict)}</button>
          ))}
          <button type="button" class="button small quiet" data-act="undo" disabled={!desk.canUndo} onClick={() => void desk.undo()}>{r("undo")}</button>
          <button type="button" class="button small quiet" data-act="help" onClick={() => setShown({ kind: "help" })}>{r("help")}</button>
        </div>
        <div class="rv-own">
          <label class="rv-check"><input type="checkbox" checked={look.blur} onChange={() => choose({ ...look, blur: !look.blur })} /> {r("blur")}</label>
          <label class="rv-check"><input type="checkbox" checked={look.grey} onChange={() => choose({ ...look, grey: !look.grey })} /> {r("grey")}</label>
          <span class="rv-shift">{r("shift", { minutes: minutes(time), n: time.pictures })}</span>
          <button type="button" class="button small quiet" data-act="rest" onClick={() => void rest(true)}>{r("rest")}</button>
        </div>
      </div>
      <p class="rv-said" role="status">
        {desk.marked.size > 0 && <span>{r("chosen", { n: desk.marked.size })} · </span>}
        {desk.lost > 0 && <span>{r("lost", { n: desk.lost })} · </span>}
        {desk.words && <span class="ac-words">{desk.words} · </span>}
        {r("nextReady", { n: desk.next.length })}
      </p>
      {desk.page.length === 0 && <p class="co-none">{numbers.value?.off ? r("off", { why: numbers.value.off }) : r("empty")}</p>}
      <ul class="rv-grid" ref={grid} aria-label={r("tiles")}>
        {desk.page.map((held, at) => (
          <Tile
            key={held.item.id}
            item={held.item}
            isCurrent={at === desk.at}
            isMarked={desk.marked.has(held.item.id)}
            mark={() => desk.mark(held.item.id)}
            open={() => setShown({ kind: "detail", id: held.item.id })}
          />
        ))}
      </ul>
      <p class="rv-hint">{r("intro")} {r("reveal")}</p>
      {shown.kind === "help" && <Modal title={r("help")} close={() => setShown({ kind: "tiles" })}><Help /></Modal>}
      {opened && <Detail item={opened.item} pass={pass} order={order} close={() => setShown({ kind: "tiles" })} plain={plain} />}
      {shown.kind === "order" && (
        <Order
          verdict={shown.verdict}
          on={shown.on.map(({ item }) => item)}
          close={() => setShown({ kind: "tiles" })}
          give={(more) => {
            setShown({ kind: "tiles" });
            void desk.decide(shown.on, shown.verdict, more);
          }}
        />
      )}
    </div>
  );
}

function Alarm({ of }: { of: { alarm: string; oldest_age_ms?: number | null } | null }) {
  if (!of || of.alarm === "none" || of.oldest_age_ms == null) return null;
  const age = duration(of.oldest_age_ms);
  const isVery = of.alarm === "very_late";
  return <p class={isVery ? "rv-alarm very" : "rv-alarm"} role="alert" data-alarm={of.alarm}>{r(isVery ? "veryLate" : "late", { age })}</p>;
}
