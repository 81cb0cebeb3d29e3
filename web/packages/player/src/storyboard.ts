//! Small pictures of a recording by time, as a storyboard tells them: WebVTT whose cues name a picture, or a part of one
//! (`sprite-0.jpg#xywh=0,0,160,90`). Loaded by whoever points at a bar.

export interface Tile {
  /** From the beginning of the recording. */
  from_ms: number;
  to_ms: number;
  /** When it was captured, Unix ms, as the cue's name has it; null where it has another. */
  at_ms: number | null;
  url: string;
  /** Of width 0: all of the picture. */
  x: number;
  y: number;
  width: number;
  height: number;
}

/** More cues than any recording has. */
const MOST_TILES = 20_000;
/** Names of cues below this are no times, Unix ms. */
const SINCE_2000_MS = 946_684_800_000;
/** Longer than any storyboard, characters. */
const MOST_TEXT = 4_000_000;
const TIME = /^(?:(\d{1,4}):)?(\d\d):(\d\d)\.(\d{3})$/;

export function parseStoryboard(text: string, base: string): Tile[] {
  const tiles: Tile[] = [];
  for (const block of text.split(/\r?\n\r?\n/)) {
    const lines = block.split(/\r?\n/);
    const at = lines.findIndex((line) => line.includes("-->"));
    const [from, to] = at < 0 ? [] : lines[at]!.split("-->").map((part) => readTime(part.trim().split(/\s/)[0] ?? ""));
    const place = /^([^#\s]+)(?:#xywh=(?:pixel:)?(\d+),(\d+),(\d+),(\d+))?$/.exec(lines[at + 1]?.trim() ?? "");
    if (from === null || from === undefined || to === null || to === undefined || !place) continue;
    const isPart = place[2] !== undefined;
    const [x, y, width, height] = place.slice(2).map((part: string | undefined) => Number(part ?? 0)) as [number, number, number, number];
    const named = Number(lines[at - 1]);
    const url = addressOf(place[1]!, base);
    if (url === null || (isPart && (width === 0 || height === 0))) continue;
    const at_ms = Number.isSafeInteger(named) && named >= SINCE_2000_MS ? named : null;
    tiles.push({ from_ms: from, to_ms: to, at_ms, url, x, y, width, height });
    if (tiles.length >= MOST_TILES) break;
  }
  return tiles;
}

/** Widest a picture is drawn, CSS pixels. */
const WIDTH_PX = 160;
/** Of a whole picture whose size nobody said. */
const HEIGHT_PX = 90;

/** Draws the picture of that moment; false where there is none. */
export function drawTile(place: HTMLElement, tiles: readonly Tile[], ms: number): boolean {
  const tile = tileAt(tiles, ms);
  if (!tile) return false;
  const isPart = tile.width > 0;
  const scale = isPart ? Math.min(1, WIDTH_PX / tile.width) : 1;
  place.style.width = `${isPart ? tile.width * scale : WIDTH_PX}px`;
  place.style.height = `${isPart ? tile.height * scale : HEIGHT_PX}px`;
  place.classList.toggle("whole", !isPart);
  const image = (place.firstElementChild as HTMLImageElement | null) ?? place.appendChild(document.createElement("img"));
  image.alt = "";
  if (image.src !== tile.url) image.src = tile.url;
  image.style.transform = isPart ? `scale(${scale}) translate(${-tile.x}px, ${-tile.y}px)` : "";
  return true;
}

/** The same pictures by when they were captured, Unix ms; those of which nobody knows are left out. */
export function byClock(tiles: readonly Tile[]): Tile[] {
  const known = tiles.filter((tile): tile is Tile & { at_ms: number } => tile.at_ms !== null);
  const moved = known.map((tile) => ({ ...tile, from_ms: tile.at_ms, to_ms: tile.at_ms + (tile.to_ms - tile.from_ms) }));
  return moved.sort((a, b) => a.from_ms - b.from_ms);
}

/** The picture of that moment. */
export function tileAt(tiles: readonly Tile[], ms: number): Tile | null {
  let [low, high] = [0, tiles.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tiles[middle]!.to_ms <= ms) low = middle + 1;
    else high = middle;
  }
  const found = tiles[low] ?? tiles.at(-1);
  return found && ms >= found.from_ms - 1 ? found : null;
}

/** None where the server makes none. */
export async function fetchStoryboard(url: string, signal: AbortSignal): Promise<Tile[]> {
  const answer = await fetch(url, { signal });
  if (!answer.ok) return [];
  const text = await answer.text();
  return text.length > MOST_TEXT ? [] : parseStoryboard(text, answer.url || url);
}

function readTime(text: string): number | null {
  const parts = TIME.exec(text);
  if (!parts) return null;
  const [h = "0", m, s, ms] = parts.slice(1);
  return ((Number(h) * 60 + Number(m)) * 60 + Number(s)) * 1000 + Number(ms);
}

/** Pictures come from where the storyboard does; a query of the storyboard (a signature) goes with them. */
function addressOf(name: string, base: string): string | null {
  try {
    const { origin, search } = new URL(base);
    const url = new URL(name, base);
    if (url.origin !== origin) return null;
    if (!url.search) url.search = search;
    return url.href;
  } catch {
    return null;
  }
}
