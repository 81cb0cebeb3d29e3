//! What was to be seen at a moment, in small: from a storyboard, which is fetched when somebody asks first; that of a
//! stream that is live again when it has grown.

import type { Tile } from "../storyboard";

type Board = typeof import("../storyboard");

/** Between two times that a storyboard that grows is fetched, ms. */
const AGAIN_MS = 15_000;

/** Which storyboard: of a recording by its own time, of what is live by the clock. */
export interface BoardSource {
  url: string;
  isLive: boolean;
}

export class Thumbnails {
  private source: BoardSource | null = null;
  private board: Board | null = null;
  private tiles: Tile[] = [];
  private abort: AbortController | null = null;
  private fetched_ms = 0;

  /** Of this recording; null where there is none. */
  setSource(source: BoardSource | null): void {
    if (source?.url === this.source?.url && source?.isLive === this.source?.isLive) return;
    this.abort?.abort();
    this.abort = null;
    this.source = source;
    this.tiles = [];
  }

  /** Draws the picture of that moment; false where there is none (yet). */
  draw(place: HTMLElement, ms: number): boolean {
    const isOld = this.source?.isLive === true && performance.now() - this.fetched_ms > AGAIN_MS;
    if (this.source && (!this.abort || isOld)) {
      this.fetched_ms = performance.now();
      void this.load(this.source, (this.abort ??= new AbortController()).signal);
    }
    return this.board?.drawTile(place, this.tiles, ms) ?? false;
  }

  private async load({ url, isLive }: BoardSource, signal: AbortSignal): Promise<void> {
    try {
      this.board ??= await import("../storyboard");
      const tiles = await this.board.fetchStoryboard(url, signal);
      if (!signal.aborted) this.tiles = isLive ? this.board.byClock(tiles) : tiles;
    } catch {
      // Who cannot have pictures has the time.
    }
  }
}
