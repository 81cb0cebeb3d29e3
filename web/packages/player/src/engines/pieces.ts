//! What a playlist says of how far behind its end to play. Pure.

import type { Pieces } from "../pacing";

/** Less is no buffer, ms. */
const LEAST_SPARE_MS = 300;

/**
 * What is ahead just before the next piece comes, at the distance from the end that the server wants held
 * (PART-HOLD-BACK, HOLD-BACK): media arrives a piece at a time, so the buffer goes up and down by one. The
 * end is that of what has arrived: fetching a piece takes a while, and is not taken out of what is held. A far
 * server's pieces come as unevenly as they come late, and who held less of them would stall.
 */
export function piecesOf(
  details: { partHoldBack: number; holdBack: number; partTarget: number; targetduration: number },
  lowLatency: boolean,
): Pieces {
  const hasParts = lowLatency && details.partTarget > 0;
  const piece_s = hasParts ? details.partTarget : details.targetduration;
  const back_s = (hasParts ? details.partHoldBack : details.holdBack) || 3 * piece_s;
  const spare_ms = Math.max(LEAST_SPARE_MS, Math.round((back_s - piece_s) * 1000));
  return { piece_ms: Math.round(piece_s * 1000), spare_ms };
}
