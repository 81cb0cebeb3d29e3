//! Which parts of a playlist are there.

/** How far what is buffered may fall short of a part at either end, seconds: sound and pictures end apart. */
const SEAM_S = 0.03;

/** A part of a playlist, as hls.js has it. */
export interface ListedPart {
  start: number;
  end: number;
  loaded: boolean;
}

/** Parts that are in the buffer although nobody remembers that they were loaded. */
export function forgottenParts<P extends ListedPart>(parts: P[], buffered: Pick<TimeRanges, "length" | "start" | "end">): P[] {
  return parts.filter((part) => {
    if (part.loaded) return false;
    // Of a short part, less may be missing.
    const seam_s = Math.min(SEAM_S, (part.end - part.start) / 4);
    for (let at = 0; at < buffered.length; at++) {
      if (buffered.start(at) <= part.start + seam_s && buffered.end(at) >= part.end - seam_s) return true;
    }
    return false;
  });
}
