//! The keys of review. Pure.

export type Act = "pageOk" | "left" | "right" | "up" | "down" | "mark" | "open" | "ban" | "end" | "warn" | "escalate" | "undo" | "help";

const ACTS: Record<string, Act> = {
  " ": "pageOk",
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  x: "mark",
  Enter: "open",
  b: "ban",
  k: "end",
  w: "warn",
  e: "escalate",
  z: "undo",
  "?": "help",
};

interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  repeat: boolean;
}

/** What a key asks for. One that is held passes no page and bans nobody. */
export function actOf({ key, ctrlKey, metaKey, altKey, repeat }: Pressed): Act | null {
  if (ctrlKey || metaKey || altKey) return null;
  const act = ACTS[key.length === 1 ? key.toLowerCase() : key] ?? null;
  return repeat && act && !["left", "right", "up", "down"].includes(act) ? null : act;
}

/** For the list of keys: which, and its words. */
export const SHOWN = [
  ["space", "keyPage"],
  ["arrows", "keyMove"],
  ["X", "keyMark"],
  ["enter", "keyOpen"],
  ["B", "keyBan"],
  ["K", "keyEnd"],
  ["W", "keyWarn"],
  ["E", "keyEscalate"],
  ["Z", "keyUndo"],
  ["?", "keyHelp"],
] as const;
