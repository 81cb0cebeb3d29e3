//! Refusals as objects that programs decide by, and which closes one comes again after.

/** What the server's numbers are called; the table is in docs/ref/chat.md. */
const NAMES = {
  100: "internal",
  101: "signed_out",
  102: "no_group",
  103: "forbidden",
  104: "no_command",
  105: "joined",
  106: "limit",
  107: "bad_request",
  108: "unavailable",
  109: "token_expired",
  111: "too_fast",
  112: "unrecoverable",
  201: "muted",
  202: "banned",
  203: "slow_mode",
  206: "emotes_only",
  207: "repeated",
  208: "too_long",
  209: "blocked",
  211: "room_closed",
} as const;

/** Of the numbers above; `lost` and `late` arise here: the connection broke, or no answer came in time. */
export type ChatErrorName = (typeof NAMES)[keyof typeof NAMES] | "lost" | "late" | "closed" | "unknown";

/** Why something was refused. */
export class ChatError extends Error {
  override readonly name = "ChatError";

  constructor(
    /** What programs decide by. */
    readonly reason: ChatErrorName,
    /** The server's number; 0 for what arose here. */
    readonly number: number,
    words: string,
    /** Whether the very same may succeed later. */
    readonly isTemporary: boolean,
    /** Milliseconds after which to try again, where the server says so. */
    readonly retry_ms: number | null = null,
  ) {
    super(words);
  }
}

/** `er` of an answer. */
export function refusal(er: unknown): ChatError {
  const { n, m, tmp, r } = (typeof er === "object" && er !== null ? er : {}) as Record<string, unknown>;
  const number = typeof n === "number" ? n : 0;
  const reason = (NAMES as Record<number, ChatErrorName>)[number] ?? "unknown";
  return new ChatError(reason, number, typeof m === "string" ? m : "", tmp === true, typeof r === "number" ? r : null);
}

/** A handshake is refused with the status of HTTP in the last three digits; these pass. */
const PASSING = new Set([4429, 4500, 4502, 4503, 4504]);

/** Whether one connects again by oneself after a close. */
export function mayComeAgain(code: number): boolean {
  return code === 1001 || code === 1006 || (code >= 3000 && code < 3500) || PASSING.has(code);
}
