//! Which moment of the clock each position of a playlist was, and where nothing was recorded. Pure.

/** A segment of a playlist, on the element's timeline. */
export interface Piece {
  start_s: number;
  duration_s: number;
  /** When it was, Unix ms; null where the playlist does not say. */
  wall_ms: number | null;
}

/** Media without a break. */
interface Stretch {
  start_s: number;
  end_s: number;
  wall_ms: number;
}

/** Where nothing was recorded: at this position, from one moment to another (Unix ms). */
export interface Hole {
  at_s: number;
  from_ms: number;
  to_ms: number;
}

/** Less than this between two segments is no hole, ms: clocks are read one frame late or early. */
const SEAM_MS = 250;
/** The clock of who publishes is not the server's: what runs apart by more than this is told anew, ms. */
const DRIFT_MS = 100;

export class Timeline {
  readonly start_s: number;
  readonly end_s: number;
  readonly holes: readonly Hole[];
  private readonly stretches: Stretch[] = [];

  constructor(pieces: readonly Piece[]) {
    const holes: Hole[] = [];
    let due_ms: number | null = null;
    for (const { start_s, duration_s, wall_ms } of pieces) {
      if (wall_ms === null) continue;
      const last = this.stretches.at(-1);
      const isLate = due_ms !== null && wall_ms - due_ms > SEAM_MS;
      if (isLate && due_ms !== null) holes.push({ at_s: start_s, from_ms: due_ms, to_ms: wall_ms });
      const drift_ms = last ? Math.abs(wall_ms - last.wall_ms - (start_s - last.start_s) * 1000) : Infinity;
      if (last && !isLate && drift_ms <= DRIFT_MS) last.end_s = start_s + duration_s;
      else this.stretches.push({ start_s, end_s: start_s + duration_s, wall_ms });
      due_ms = wall_ms + duration_s * 1000;
    }
    const [first] = pieces;
    const newest = pieces.at(-1);
    this.start_s = first?.start_s ?? 0;
    this.end_s = newest ? newest.start_s + newest.duration_s : 0;
    this.holes = holes;
  }

  /** When the frame at this position was, Unix ms; null where nobody said. */
  wallAt(position_s: number): number | null {
    let found = this.stretches[0];
    for (const stretch of this.stretches) if (stretch.start_s <= position_s) found = stretch;
    return found ? found.wall_ms + (position_s - found.start_s) * 1000 : null;
  }

  /** Where that moment is: what comes next for one in a hole, and the nearest end for one outside. */
  positionAt(wall_ms: number): number | null {
    const last = this.stretches.at(-1);
    if (!last) return null;
    for (const { start_s, end_s, wall_ms: from_ms } of this.stretches) {
      if (wall_ms < from_ms) return start_s;
      const position_s = start_s + (wall_ms - from_ms) / 1000;
      if (position_s < end_s) return position_s;
    }
    return last.end_s;
  }

  /** Whether that moment is neither before nor behind what is listed. */
  covers(wall_ms: number): boolean {
    const [first] = this.stretches;
    const end_ms = this.wallAt(this.end_s);
    return first !== undefined && end_ms !== null && wall_ms >= first.wall_ms && wall_ms <= end_ms;
  }
}

/** The segments of a playlist, for browsers that play it by themselves and do not tell: they begin at 0. */
export function piecesIn(playlist: string): Piece[] {
  const pieces: Piece[] = [];
  let at_s = 0;
  let wall_ms: number | null = null;
  let duration_s: number | null = null;
  for (const line of playlist.split(/\r?\n/)) {
    const date = /^#EXT-X-PROGRAM-DATE-TIME:(.+)$/.exec(line)?.[1];
    const length = /^#EXTINF:([\d.]+)/.exec(line)?.[1];
    if (date !== undefined) wall_ms = Number.isFinite(Date.parse(date)) ? Date.parse(date) : wall_ms;
    else if (length !== undefined) duration_s = Number(length);
    else if (line !== "" && !line.startsWith("#") && duration_s !== null) {
      pieces.push({ start_s: at_s, duration_s, wall_ms });
      at_s += duration_s;
      if (wall_ms !== null) wall_ms += duration_s * 1000;
      duration_s = null;
    }
  }
  return pieces;
}
