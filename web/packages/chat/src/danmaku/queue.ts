//! Words that wait for a lane. There are more than fit: one's own goes first, and what has waited too long, or is more
//! than may wait, is left out and counted.

export interface Shout {
  id: string;
  text: string;
  /** Whose it is; for the block list, and to take it away. */
  user: string | null;
  isOwn: boolean;
}

/** After this nobody knows what it was said about, milliseconds. */
const MAX_WAIT_MS = 2_000;
const MAX_WAITING = 120;

export class Queue {
  /** Left out since the beginning. */
  left = 0;
  private waiting: { shout: Shout; since_ms: number }[] = [];

  add(shout: Shout, now_ms: number): void {
    if (shout.isOwn) this.waiting.unshift({ shout, since_ms: now_ms });
    else this.waiting.push({ shout, since_ms: now_ms });
    if (this.waiting.length <= MAX_WAITING) return;
    const oldest = this.waiting.findIndex(({ shout: { isOwn } }) => !isOwn);
    this.waiting.splice(Math.max(0, oldest), 1);
    this.left += 1;
  }

  /** Offers them in order until one is not taken. */
  drain(now_ms: number, take: (shout: Shout) => boolean): void {
    const fresh = this.waiting.filter(({ shout, since_ms }) => shout.isOwn || now_ms - since_ms <= MAX_WAIT_MS);
    this.left += this.waiting.length - fresh.length;
    const stops = fresh.findIndex(({ shout }) => !take(shout));
    this.waiting = stops < 0 ? [] : fresh.slice(stops);
  }

  remove(which: (shout: Shout) => boolean): void {
    this.waiting = this.waiting.filter(({ shout }) => !which(shout));
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }
}
