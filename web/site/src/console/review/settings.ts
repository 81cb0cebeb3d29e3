//! How one reviewer wants to see pictures, and how long they have looked: kept in this browser.

/** Minutes of looking after which there is a rest. */
export const REST_AFTER_MIN = 50;
/** A pause of so long is a rest by itself. */
const PAUSE_MS = 5 * 60_000;
const MIN_MS = 60_000;

export interface Looks {
  blur: boolean;
  grey: boolean;
}

/** Since when somebody looks without a rest, when they last did, and at how many pictures. */
export interface Shift {
  since_ms: number;
  last_ms: number;
  pictures: number;
}

function read<T>(key: string, fallback: T): T {
  try {
    return { ...fallback, ...(JSON.parse(localStorage.getItem(`weir.review.${key}`) ?? "{}") as Partial<T>) };
  } catch {
    return fallback;
  }
}

function write(key: string, value: unknown): void {
  try {
    localStorage.setItem(`weir.review.${key}`, JSON.stringify(value));
  } catch {
    // Private mode: it holds for this page only.
  }
}

/** Both where nobody chose. */
export const looks = (): Looks => read("looks", { blur: true, grey: true });
export const keepLooks = (value: Looks) => write("looks", value);

export const shift = (now_ms: number): Shift => worked(read("shift", { since_ms: now_ms, last_ms: now_ms, pictures: 0 }), 0, now_ms);
export const keepShift = (value: Shift) => write("shift", value);

/** The shift after so many pictures more: a new one behind a pause. */
export function worked(before: Shift, pictures: number, now_ms: number): Shift {
  const isNew = now_ms - before.last_ms >= PAUSE_MS || before.last_ms > now_ms;
  return isNew ? { since_ms: now_ms, last_ms: now_ms, pictures } : { ...before, last_ms: now_ms, pictures: before.pictures + pictures };
}

export const minutes = (of: Shift): number => Math.floor((of.last_ms - of.since_ms) / MIN_MS);
export const needsRest = (of: Shift): boolean => minutes(of) >= REST_AFTER_MIN;
