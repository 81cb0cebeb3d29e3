//! What a viewer chooses of the words over the picture, and what of it makes sense.

export interface DanmakuSettings {
  isOn: boolean;
  /** 0.1 to 1. */
  opacity: number;
  /** Times the usual size, 0.5 to 2. */
  scale: number;
  /** Times the usual speed, 0.5 to 2. */
  speed: number;
  /** The part of the picture's height that is used, from the top: 0.1 to 1. */
  area: number;
  /** 0.25 to 2: how close one follows another. */
  density: number;
  /** What has one of these words in it is not shown. */
  words: string[];
  /** Ids of people of whom nothing is shown. */
  users: string[];
}

export const USUAL: Readonly<DanmakuSettings> = { isOn: true, opacity: 0.9, scale: 1, speed: 1, area: 0.5, density: 1, words: [], users: [] };

const RANGES = { opacity: [0.1, 1], scale: [0.5, 2], speed: [0.5, 2], area: [0.1, 1], density: [0.25, 2] } as const;
/** Of words, and of people: each is looked for in every message. */
const MAX_BLOCKED = 200;

/** With what of `more` makes sense. */
export function settled(settings: Readonly<DanmakuSettings>, more: Partial<Record<keyof DanmakuSettings, unknown>>): DanmakuSettings {
  const next = { ...settings };
  for (const [key, [least, most]] of Object.entries(RANGES) as [keyof typeof RANGES, readonly [number, number]][]) {
    const value = more[key];
    if (typeof value === "number" && Number.isFinite(value)) next[key] = Math.min(most, Math.max(least, value));
  }
  if (typeof more.isOn === "boolean") next.isOn = more.isOn;
  for (const key of ["words", "users"] as const) {
    const list = more[key];
    if (Array.isArray(list)) next[key] = list.filter((word): word is string => typeof word === "string" && word.trim() !== "").slice(0, MAX_BLOCKED);
  }
  return next;
}

/** Wide and narrow letters, capitals and small ones are the same. */
export const plain = (text: string): string => text.normalize("NFKC").toLowerCase();

export function isBlocked({ words, users }: DanmakuSettings, text: string, user: string | null): boolean {
  if (user !== null && users.includes(user)) return true;
  if (words.length === 0) return false;
  const said = plain(text);
  return words.some((word) => said.includes(plain(word)));
}
