//! What a playlist says of how far behind its end to play. Pure.

import type { Pieces } from "../pacing";

/** Less is no buffer, ms. */
const LEAST_SPARE_MS = 300;

/**
 * What is ahead just before the next piece comes, at the distance from the end that the server wants held
 * (PART-HOLD-BACK, HOLD-BACK): media arrives a piece at a time, so the buffer goes up and down by one. That is
 * the distance from the end of the playlist; what each piece takes to get from there into the buffer, `late_ms`, is less ahead.
 */
export function piecesOf(
  details: { partHoldBack: number; holdBack: number; partTarget: number; targetduration: number },
  lowLatency: boolean,
  late_ms = 0,
): Pieces {
  const hasParts = lowLatency && details.partTarget > 0;
  const piece_s = hasParts ? details.partTarget : details.targetduration;
  const back_s = (hasParts ? details.partHoldBack : details.holdBack) || 3 * piece_s;
  const spare_ms = Math.max(LEAST_SPARE_MS, Math.round((back_s - piece_s) * 1000 - late_ms));
  return { piece_ms: Math.round(piece_s * 1000), spare_ms };
}

/** Pieces that are remembered: what none of them did without is the way, and not its jitter. */
const LATE_PIECES = 20;
/** So many tell something. */
const LATE_ENOUGH = 5;
/** The end of the buffer and that of the playlist are the same when they differ by less, seconds. */
const SAME_END_S = 0.05;

/** How long after the playlist has named a piece it is in the buffer, pictures and sound. */
export class Lateness {
  private named: { end_s: number; at_ms: number }[] = [];
  private lates_ms: number[] = [];

  /** A playlist ends there. */
  listed(end_s: number, now_ms: number): void {
    const last = this.named.at(-1);
    if (last && Math.abs(end_s - last.end_s) < SAME_END_S) return;
    if (last && end_s < last.end_s) this.named = [];
    this.named.push({ end_s, at_ms: now_ms });
    if (this.named.length > LATE_PIECES) this.named.shift();
  }

  /** The buffer ends there. */
  buffered(end_s: number, now_ms: number): void {
    const known = this.named.filter((each) => each.end_s <= end_s + SAME_END_S).at(-1);
    if (!known) return;
    // What is in the buffer of the next piece has come earlier than that.
    const more_ms = Math.max(0, end_s - known.end_s) * 1000;
    this.lates_ms.push(Math.max(0, now_ms - known.at_ms - more_ms));
    if (this.lates_ms.length > LATE_PIECES) this.lates_ms.shift();
  }

  /** What each of the last pieces took at least, ms. */
  get least_ms(): number {
    return this.lates_ms.length < LATE_ENOUGH ? 0 : Math.min(...this.lates_ms);
  }
}
