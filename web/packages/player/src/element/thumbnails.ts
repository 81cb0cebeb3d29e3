//! What was to be seen at a moment, in small: from a storyboard, which is fetched when somebody asks first.

import { fetchStoryboard, tileAt, type Tile } from "../storyboard";

/** A storyboard of what still grows is asked for again after this, ms. */
const ANEW_MS = 30_000;
/** Widest a picture is drawn, CSS pixels. */
const WIDTH_PX = 160;

export class Thumbnails {
  private url: string | null = null;
  private tiles: Tile[] = [];
  private asked_ms = -Infinity;
  private grows = false;
  private abort = new AbortController();

  /** Of this recording; null where there is none. `grows`: it is not over. */
  setSource(url: string | null, grows: boolean): void {
    this.grows = grows;
    if (url === this.url) return;
    this.abort.abort();
    this.abort = new AbortController();
    this.url = url;
    this.tiles = [];
    this.asked_ms = -Infinity;
  }

  /** Draws the picture of that moment; false where there is none (yet). */
  draw(place: HTMLElement, ms: number): boolean {
    this.ask();
    const tile = tileAt(this.tiles, ms);
    if (!tile) return false;
    const scale = Math.min(1, WIDTH_PX / tile.width);
    const { style } = place;
    style.width = `${tile.width * scale}px`;
    style.height = `${tile.height * scale}px`;
    const image = (place.firstElementChild as HTMLImageElement | null) ?? place.appendChild(document.createElement("img"));
    image.alt = "";
    if (image.src !== tile.url) image.src = tile.url;
    image.style.transform = `scale(${scale}) translate(${-tile.x}px, ${-tile.y}px)`;
    return true;
  }

  private ask(): void {
    const { url } = this;
    const now_ms = performance.now();
    if (url === null || now_ms - this.asked_ms < (this.grows ? ANEW_MS : Infinity)) return;
    this.asked_ms = now_ms;
    const { signal } = this.abort;
    // Who cannot have pictures has the time.
    void fetchStoryboard(url, signal).then((tiles) => void (signal.aborted || (this.tiles = tiles)), () => {});
  }
}
