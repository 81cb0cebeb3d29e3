//! What came in one tick is shown over the time until the next, so that a busy room flows and does not jerk. The first
//! of a tick waits for nothing.

/** More than this does not flow but piles up: it is let go at once. */
const MAX_WAITING = 500;

export class Release<T> {
  private waiting: { at_ms: number; item: T }[] = [];

  /** `span_ms`: of a tick. */
  constructor(private span_ms: number) {}

  setSpan(span_ms: number): void {
    this.span_ms = span_ms;
  }

  give(items: readonly T[], now_ms: number): void {
    const behind_ms = this.waiting.at(-1)?.at_ms ?? now_ms;
    const from_ms = Math.max(now_ms, behind_ms);
    items.forEach((item, at) => this.waiting.push({ at_ms: from_ms + (this.span_ms * at) / items.length, item }));
    // A second tick on top of the first does not add to it: all is out a span after it came.
    const last_ms = now_ms + this.span_ms;
    for (let at = this.waiting.length - 1; at >= 0 && this.waiting[at]!.at_ms > last_ms; at -= 1) this.waiting[at]!.at_ms = last_ms;
  }

  /** What is to be shown by now. */
  take(now_ms: number): T[] {
    const isLate = this.waiting.length > MAX_WAITING;
    const end = isLate ? this.waiting.length : this.waiting.findIndex(({ at_ms }) => at_ms > now_ms);
    return this.waiting.splice(0, end < 0 ? this.waiting.length : end).map(({ item }) => item);
  }

  takeAll(): T[] {
    return this.take(Infinity);
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }
}
