//! What a link delivers, by the acknowledgements. Pure.

/** A window shorter than this is noise: acknowledgements bunch up on their way back, ms. */
const LEAST_WINDOW_MS = 350;

export class DeliveryRate {
  private readonly samples: { at_ms: number; bytes: number }[] = [];

  /** `keep_ms` is how far back `peak` looks. */
  constructor(private readonly keep_ms: number) {}

  /** `bytes` is the total that has arrived; told again and again, it counts once. */
  add(at_ms: number, bytes: number): void {
    const last = this.samples.at(-1);
    if (last && bytes < last.bytes) this.clear();
    if (last && at_ms <= last.at_ms) return;
    this.samples.push({ at_ms, bytes });
    while (this.samples.length > 2 && this.samples[1]!.at_ms < at_ms - this.keep_ms) this.samples.shift();
  }

  clear(): void {
    this.samples.length = 0;
  }

  /**
   * kbit/s from the first sample at or after `from_ms` to the newest, but not across a silence longer
   * than `gap_ms`; null while that is too short.
   */
  since(from_ms: number, gap_ms: number): number | null {
    const last = this.samples.at(-1);
    if (!last) return null;
    let first = last;
    for (let index = this.samples.length - 2; index >= 0; index--) {
      const sample = this.samples[index]!;
      if (sample.at_ms < from_ms || first.at_ms - sample.at_ms > gap_ms) break;
      first = sample;
    }
    const span_ms = last.at_ms - first.at_ms;
    return span_ms < LEAST_WINDOW_MS ? null : ((last.bytes - first.bytes) * 8) / span_ms;
  }

  /** The best rate of any short span in the last `window_ms`: the link can do that. 0 while unknown. */
  peak(now_ms: number, window_ms: number): number {
    let best = 0;
    let begin = 0;
    for (let end = 1; end < this.samples.length; end++) {
      const to = this.samples[end]!;
      while (to.at_ms - this.samples[begin + 1]!.at_ms >= LEAST_WINDOW_MS) begin++;
      const from = this.samples[begin]!;
      const span_ms = to.at_ms - from.at_ms;
      if (from.at_ms < now_ms - window_ms || span_ms < LEAST_WINDOW_MS) continue;
      best = Math.max(best, ((to.bytes - from.bytes) * 8) / span_ms);
    }
    return best;
  }
}
