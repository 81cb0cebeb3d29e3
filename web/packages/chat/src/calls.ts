//! Commands that wait for their answers. A message is sent again on the next connection, under the same name, so that
//! it is posted once; all others are refused when the connection breaks.

import { ChatError, refusal } from "./errors";
import type { Line } from "./read";

/** Milliseconds for which an answer is waited for, and for which a message waits for a connection. */
export const ANSWER_MS = 15_000;
/** Messages that wait for a connection; more would all be said at once, and refused. */
const MAX_WAITING = 10;

export interface Call {
  line: Line;
  /** Whether it may go twice. */
  isIdempotent: boolean;
  done: (answer: Line) => void;
  failed: (error: ChatError) => void;
}

interface Waiting extends Call {
  until_ms: number;
  isSent: boolean;
}

export class Calls {
  private readonly waiting = new Map<number, Waiting>();
  private last = 0;

  /** Its line, to be sent now; null where it waits for a connection or is refused. */
  begin(call: Call, isOpen: boolean, now_ms: number): string | null {
    if (!isOpen && (!call.isIdempotent || this.waiting.size >= MAX_WAITING)) {
      call.failed(new ChatError("lost", 0, "there is no connection now", true));
      return null;
    }
    const i = ++this.last;
    this.waiting.set(i, { ...call, until_ms: now_ms + ANSWER_MS, isSent: isOpen });
    return isOpen ? JSON.stringify({ i, ...call.line }) : null;
  }

  /** Whether the line is an answer to one of them. */
  answered(line: Line): boolean {
    const call = this.waiting.get(line["i"] as number);
    if (!call) return false;
    this.waiting.delete(line["i"] as number);
    if (typeof line["ok"] === "object" && line["ok"] !== null) call.done(line["ok"] as Line);
    else call.failed(refusal(line["er"]));
    return true;
  }

  /** A number of one's own for a command that is not kept. */
  number(): number {
    return ++this.last;
  }

  /** The lines that waited for this connection. */
  resume(): string[] {
    return [...this.waiting].filter(([, call]) => !call.isSent).map(([i, call]) => {
      call.isSent = true;
      return JSON.stringify({ i, ...call.line });
    });
  }

  /** The connection broke. */
  interrupt(): void {
    for (const [i, call] of this.waiting) {
      call.isSent = false;
      if (call.isIdempotent) continue;
      this.waiting.delete(i);
      call.failed(new ChatError("lost", 0, "the connection broke before the answer", true));
    }
  }

  /** Nothing comes any more. */
  end(error: ChatError): void {
    const all = [...this.waiting.values()];
    this.waiting.clear();
    for (const call of all) call.failed(error);
  }

  expire(now_ms: number): void {
    for (const [i, call] of this.waiting) {
      if (call.until_ms > now_ms) continue;
      this.waiting.delete(i);
      call.failed(new ChatError("late", 0, "no answer came in time", true));
    }
  }

  get due_ms(): number {
    let due_ms = Infinity;
    for (const { until_ms } of this.waiting.values()) due_ms = Math.min(due_ms, until_ms);
    return due_ms;
  }
}
