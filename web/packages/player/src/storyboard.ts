//! Small pictures of a recording by time, as a storyboard tells them: WebVTT whose cues name a part of a picture
//! (`sprite-0.jpg#xywh=0,0,160,90`). Loaded by whoever points at a bar.

export interface Tile {
  /** From the beginning of the recording. */
  from_ms: number;
  to_ms: number;
  url: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** More cues than any recording has. */
const MOST_TILES = 20_000;
/** Longer than any storyboard, characters. */
const MOST_TEXT = 4_000_000;
const TIME = /^(?:(\d{1,4}):)?(\d\d):(\d\d)\.(\d{3})$/;

export function parseStoryboard(text: string, base: string): Tile[] {
  const tiles: Tile[] = [];
  for (const block of text.split(/\r?\n\r?\n/)) {
    const lines = block.split(/\r?\n/);
    const at = lines.findIndex((line) => line.includes("-->"));
    const [from, to] = at < 0 ? [] : lines[at]!.split("-->").map((part) => readTime(part.trim().split(/\s/)[0] ?? ""));
    const place = /^(\S+)#xywh=(?:pixel:)?(\d+),(\d+),(\d+),(\d+)$/.exec(lines[at + 1]?.trim() ?? "");
    if (from === null || from === undefined || to === null || to === undefined || !place) continue;
    const [x, y, width, height] = place.slice(2).map(Number) as [number, number, number, number];
    const url = addressOf(place[1]!, base);
    if (url === null || width === 0 || height === 0) continue;
    tiles.push({ from_ms: from, to_ms: to, url, x, y, width, height });
    if (tiles.length >= MOST_TILES) break;
  }
  return tiles;
}

/** Widest a picture is drawn, CSS pixels. */
const WIDTH_PX = 160;

/** Draws the picture of that moment; false where there is none. */
export function drawTile(place: HTMLElement, tiles: readonly Tile[], ms: number): boolean {
  const tile = tileAt(tiles, ms);
  if (!tile) return false;
  const scale = Math.min(1, WIDTH_PX / tile.width);
  place.style.width = `${tile.width * scale}px`;
  place.style.height = `${tile.height * scale}px`;
  const image = (place.firstElementChild as HTMLImageElement | null) ?? place.appendChild(document.createElement("img"));
  image.alt = "";
  if (image.src !== tile.url) image.src = tile.url;
  image.style.transform = `scale(${scale}) translate(${-tile.x}px, ${-tile.y}px)`;
  return true;
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
