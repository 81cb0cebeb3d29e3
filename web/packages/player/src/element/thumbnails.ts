//! What was to be seen at a moment, in small: from a storyboard, which is fetched when somebody asks first.

import type { Tile } from "../storyboard";

type Board = typeof import("../storyboard");

export class Thumbnails {
  private url: string | null = null;
  private board: Board | null = null;
  private tiles: Tile[] = [];
  private abort: AbortController | null = null;

  /** Of this recording; null where there is none. */
  setSource(url: string | null): void {
    if (url === this.url) return;
    this.abort?.abort();
    this.abort = null;
    this.url = url;
    this.tiles = [];
  }

  /** Draws the picture of that moment; false where there is none (yet). */
  draw(place: HTMLElement, ms: number): boolean {
    if (this.url !== null && !this.abort) void this.load(this.url, (this.abort = new AbortController()).signal);
    return this.board?.drawTile(place, this.tiles, ms) ?? false;
  }

  private async load(url: string, signal: AbortSignal): Promise<void> {
    try {
      this.board ??= await import("../storyboard");
      const tiles = await this.board.fetchStoryboard(url, signal);
      if (!signal.aborted) this.tiles = tiles;
    } catch {
      // Who cannot have pictures has the time.
    }
  }
}
