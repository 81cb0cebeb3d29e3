//! The pages of the wall: the one in front, and the one behind it, which is fetched before somebody asks. Knows no page of
//! the site: it says when something has changed.

import type { WallTile } from "@weir/api";

/** Tiles on a page. */
export const TILES = 20;
/** Between two looks. */
const LOOK_MS = 2_000;

export interface WallPage {
  items: WallTile[];
  next?: string | null;
  live: number;
  off?: string | null;
}

export interface WallApi {
  page: (after: string | null) => Promise<WallPage>;
  /** Fetches a picture before it is shown. */
  preload: (url: string) => void;
}

export class Wall {
  /** What stands in front; null before it is known. */
  shown: WallPage | null = null;
  /** The tile that keys are about. */
  at = 0;
  /** Something went wrong, in the server's words. */
  words = "";

  /** Where each page begins, up to the one in front. */
  private begins: (string | null)[] = [null];
  private behind: WallPage | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly api: WallApi, private readonly changed: () => void) {}

  open(): void {
    void this.look();
    this.timer = setInterval(() => void this.look(), LOOK_MS);
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** Which page it is, from 1 on. */
  get number(): number {
    return this.begins.length;
  }

  get current(): WallTile | undefined {
    return this.shown?.items[this.at];
  }

  move(by: number): void {
    const to = this.at + by;
    if (to < 0 || to >= (this.shown?.items.length ?? 0)) return;
    this.at = to;
    this.changed();
  }

  /** The next page stands in front at once, as it was a moment ago; then it is looked at again. */
  next(): void {
    const next = this.shown?.next;
    if (!next) return;
    this.begins.push(next);
    this.turn(this.behind);
  }

  previous(): void {
    if (this.begins.length < 2) return;
    this.begins.pop();
    this.turn(null);
  }

  private turn(page: WallPage | null): void {
    if (page) this.shown = page;
    [this.behind, this.at] = [null, 0];
    this.changed();
    void this.look();
  }

  /** Reads the page in front, and the one behind it. What comes late for another page is not shown. */
  async look(): Promise<void> {
    const [begin, count] = [this.begins.at(-1) ?? null, this.begins.length];
    const isHere = () => this.begins.length === count && (this.begins.at(-1) ?? null) === begin;
    try {
      const page = await this.api.page(begin);
      if (!isHere()) return;
      [this.shown, this.words] = [page, ""];
      this.at = Math.min(this.at, Math.max(0, page.items.length - 1));
      this.changed();
      if (!page.next) return;
      const behind = await this.api.page(page.next);
      if (!isHere()) return;
      this.behind = behind;
      behind.items.forEach(({ url }) => url && this.api.preload(url));
    } catch (error) {
      this.words = error instanceof Error ? error.message : String(error);
      this.changed();
    }
  }
}
