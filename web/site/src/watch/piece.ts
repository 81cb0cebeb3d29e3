//! The ends of a clip, and what keeps them apart. Pure.

export interface Piece {
  /** From the beginning of the recording. */
  from_ms: number;
  to_ms: number;
}

/** Shorter is no clip, ms. */
const LEAST_MS = 1000;
/** What is offered first: so much before what is seen, and as much behind it, ms. */
const AROUND_MS = 15_000;

export function pieceAround(at_ms: number, all_ms: number): Piece {
  const from_ms = Math.max(0, Math.min(at_ms - AROUND_MS, all_ms - 2 * AROUND_MS));
  return { from_ms, to_ms: Math.min(all_ms, from_ms + 2 * AROUND_MS) };
}

/** With one of its ends elsewhere: the other one gives way. */
export function moved(piece: Piece, end: keyof Piece, to_ms: number, all_ms: number): Piece {
  const least_ms = Math.min(LEAST_MS, all_ms);
  if (end === "from_ms") {
    const from_ms = Math.min(Math.max(0, to_ms), all_ms - least_ms);
    return { from_ms, to_ms: Math.max(piece.to_ms, from_ms + least_ms) };
  }
  const end_ms = Math.max(Math.min(all_ms, to_ms), least_ms);
  return { from_ms: Math.min(piece.from_ms, end_ms - least_ms), to_ms: end_ms };
}
