//! Which lane a flight gets, so that no two ever touch: not where it enters, and not where a faster one behind a slower
//! one would reach it. Pure: pixels and milliseconds in, a lane out.

/** A flight from the right edge until it is wholly out at the left. */
export interface Flight {
  start_ms: number;
  /** Of the picture when it began, pixels. */
  width_px: number;
  length_px: number;
  /** Pixels a millisecond. */
  speed: number;
}

/** All cross the picture in the same time, so the longer fly faster. */
export function speedOf(width_px: number, length_px: number, cross_ms: number): number {
  return (width_px + length_px) / cross_ms;
}

export class Lanes {
  private last: (Flight | null)[] = [];

  /** Lanes that are no more keep nothing; flights in them go on to their end. */
  setCount(count: number): void {
    this.last.length = Math.min(this.last.length, count);
    while (this.last.length < count) this.last.push(null);
  }

  get count(): number {
    return this.last.length;
  }

  /** The first lane in which the flight touches none, which it then has; -1 for none. */
  take(flight: Flight, gap_px: number): number {
    const lane = this.last.findIndex((before) => before === null || isClear(before, flight, gap_px));
    if (lane >= 0) this.last[lane] = flight;
    return lane;
  }

  clear(): void {
    this.last.fill(null);
  }
}

/** Whether `next`, which begins now, never comes nearer to `before` than the gap. */
export function isClear(before: Flight, next: Flight, gap_px: number): boolean {
  const age_ms = next.start_ms - before.start_ms;
  const tail_px = before.width_px + before.length_px - before.speed * age_ms;
  if (tail_px + gap_px > next.width_px) return tail_px <= 0;
  // It is behind; the faster closes in until the one before is out.
  const out_ms = tail_px / before.speed;
  const head_px = next.width_px - next.speed * out_ms;
  return head_px >= gap_px || next.speed <= before.speed;
}
