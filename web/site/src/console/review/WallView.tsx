//! The newest picture of every live stream, a page of tiles at a time. Nothing of it is claimed until somebody opens one.

import { useEffect, useRef, useState } from "preact/hooks";
import { ask, pictureAt } from "../../api";
import { duration } from "../../format";
import type { Held, Verdict } from "./desk";
import { Detail } from "./Detail";
import { Order } from "./Dialogs";
import { columns } from "./grid";
import { looks } from "./settings";
import { r } from "./strings";
import { Shot } from "./Tile";
import { TILES, Wall } from "./wall";

const api = {
  page: (after: string | null) => ask("review_wall", { query: { limit: TILES, ...(after && { after }) } }),
  preload: (url: string) => {
    void pictureAt(url).then((found) => {
      const image = new Image();
      image.onload = image.onerror = () => found !== url && URL.revokeObjectURL(found);
      image.src = found;
    }, () => {});
  },
};

type Shown = { kind: "tiles" } | { kind: "detail"; held: Held } | { kind: "order"; held: Held; verdict: Exclude<Verdict, "ok"> };

export function WallView() {
  const wall = useWall();
  const [shown, setShown] = useState<Shown>({ kind: "tiles" });
  const [words, setWords] = useState("");
  const [look] = useState(looks);
  const grid = useRef<HTMLUListElement>(null);

  const open = async (stream: string | undefined) => {
    if (!stream || shown.kind !== "tiles") return;
    setWords("");
    try {
      const { claim, items } = await ask("review_wall_claim", { body: { stream } });
      const item = items[0];
      if (item) setShown({ kind: "detail", held: { item, claim } });
      else setWords(r("wallTaken", { stream }));
    } catch (error) {
      setWords(error instanceof Error ? error.message : String(error));
    }
  };
  const close = (held: Held) => {
    setShown({ kind: "tiles" });
    void ask("review_release", { path: { claim: held.claim } }).catch(() => {});
  };
  const decide = async ({ item, claim }: Held, verdict: Verdict, more: { reason?: string; hours?: number } = {}) => {
    setShown({ kind: "tiles" });
    try {
      const { lost } = await ask("review_decide", { body: { claim, items: [item.id], verdict, ...more } });
      setWords(r(lost.length > 0 ? "lost" : "wallDone", { n: lost.length, stream: item.stream }));
    } catch (error) {
      setWords(error instanceof Error ? error.message : String(error));
    }
  };
  const press = useRef<(event: KeyboardEvent) => void>(() => {});
  press.current = (event) => {
    const on = event.target as HTMLElement | null;
    if (event.ctrlKey || event.metaKey || event.altKey || on?.closest("dialog, input, select, textarea")) return;
    const keys: Record<string, () => void> = {
      ArrowLeft: () => wall.move(-1),
      ArrowRight: () => wall.move(1),
      ArrowUp: () => wall.move(-columns(grid.current)),
      ArrowDown: () => wall.move(columns(grid.current)),
      n: () => wall.next(),
      PageDown: () => wall.next(),
      p: () => wall.previous(),
      PageUp: () => wall.previous(),
    };
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  useEffect(() => {
    const listen = (event: KeyboardEvent) => press.current(event);
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
  useEffect(() => {
    if (shown.kind === "tiles") grid.current?.querySelector<HTMLElement>("[tabindex='0']")?.focus();
  }, [wall.at, wall.number, shown.kind]);

  const page = wall.shown;
  const pages = Math.max(1, Math.ceil((page?.live ?? 0) / TILES));
  const plain = `${look.blur ? " blurred" : ""}${look.grey ? " grey" : ""}`;
  return (
    <div class={`rv-queue${plain}`} data-wall={wall.number} data-live={page?.live}>
      <div class="rv-bar">
        <div class="rv-acts" role="toolbar" aria-label={r("wallPages")}>
          <button type="button" class="button small quiet" data-act="previous" disabled={wall.number === 1} onClick={() => wall.previous()}>{r("previous")}</button>
          <span class="rv-shift">{r("wallPage", { page: wall.number, pages })}</span>
          <button type="button" class="button small quiet" data-act="next" disabled={!page?.next} onClick={() => wall.next()}>{r("next")}</button>
        </div>
        <span class="rv-shift">{r("wallLive", { n: page?.live ?? 0 })}</span>
      </div>
      <p class="rv-said" role="status">{words || wall.words}</p>
      {page && page.items.length === 0 && <p class="co-none">{page.off ? r("off", { why: page.off }) : r("wallEmpty")}</p>}
      <ul class="rv-grid" ref={grid} aria-label={r("wall")}>
        {page?.items.map((tile, at) => {
          const age = tile.age_ms == null ? "—" : duration(tile.age_ms);
          return (
            <li key={tile.stream} data-stream={tile.stream}>
              <button type="button" class="rv-tile" tabIndex={at === wall.at ? 0 : -1} aria-label={r("wallTile", { stream: tile.stream, n: tile.viewers, age })} onClick={() => void open(tile.stream)}>
                <span class="rv-shots">
                  {tile.url ? <Shot shot={{ url: tile.url, width: 640, height: 360 }} /> : <span class="rv-none" data-words={r("soundAlone")} />}
                </span>
              </button>
              <div class="rv-under">
                <span class="rv-wall-name">{tile.stream}</span>
                <span class="rv-age">{r("wallAge", { age })} · {r("viewers", { n: tile.viewers })}</span>
              </div>
            </li>
          );
        })}
      </ul>
      <p class="rv-hint">{r("wallIntro")} {r("reveal")}</p>
      {shown.kind === "detail" && (
        <Detail item={shown.held.item} plain={plain} pass={() => void decide(shown.held, "ok")} order={(verdict) => setShown({ kind: "order", held: shown.held, verdict })} close={() => close(shown.held)} />
      )}
      {shown.kind === "order" && (
        <Order verdict={shown.verdict} on={[shown.held.item]} close={() => close(shown.held)} give={(more) => void decide(shown.held, shown.verdict, more)} />
      )}
    </div>
  );
}

function useWall(): Wall {
  const [, redraw] = useState(0);
  const wall = useRef<Wall | null>(null);
  wall.current ??= new Wall(api, () => redraw((count) => count + 1));
  useEffect(() => {
    const open = wall.current!;
    open.open();
    return () => open.close();
  }, []);
  return wall.current;
}
