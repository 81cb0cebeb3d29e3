//! What the page says of health and of errors: keys of texts with their values. Pure.

import type { Health, PublisherStats } from "@weir/publisher";
import { bitrate } from "../format";
import type { StudioKey } from "./strings";

export type Tone = "good" | "fair" | "poor" | "down";

export interface Line {
  tone: Tone;
  key: StudioKey;
  values: Record<string, string | number>;
}

/** One line for the health light. */
export function healthLine(health: Health, stats: PublisherStats | null): Line {
  const { from_kbps, to_kbps } = health;
  const line = (key: StudioKey, values: Line["values"] = {}): Line => ({ tone: health.level, key, values });
  const size = stats && stats.height > 0 ? `${Math.min(stats.width, stats.height)}p${Math.round(stats.fps) || ""}` : "";
  switch (health.reason) {
    case "ok":
      return line("hOk");
    case "uplink_fell":
      if (from_kbps === undefined || to_kbps === undefined) return line("hFellPlain");
      return line("hFell", rates(from_kbps, to_kbps));
    case "uplink_recovering":
      return to_kbps === undefined ? line("hRecoveringPlain") : line("hRecovering", { to: bitrate(to_kbps) });
    case "queue":
      return stats && stats.queue_ms > 0 ? line("hQueue", { s: (stats.queue_ms / 1000).toFixed(1) }) : line("hQueuePlain");
    case "encoder_slow":
      return size ? line("hEncoder", { size }) : line("hEncoderPlain");
    case "source_slow":
      return stats ? line("hSource", { fps: Math.round(stats.fps) }) : line("hSourcePlain");
    case "reconnecting":
      return line("hReconnecting");
    case "server_limit":
      return to_kbps === undefined ? line("hLimitPlain") : line("hLimit", { to: bitrate(to_kbps) });
    case "refused":
      return line("hRefused");
    case "ended":
      return line("hEnded");
    default:
      return line("hOk");
  }
}

/** Two rates in one unit: "2.1" and "0.8 Mbit/s". */
export function rates(from_kbps: number, to_kbps: number): { from: string; to: string } {
  if (Math.max(from_kbps, to_kbps) >= 1000) {
    return { from: (from_kbps / 1000).toFixed(1), to: `${(to_kbps / 1000).toFixed(1)} Mbit/s` };
  }
  return { from: String(Math.round(from_kbps)), to: `${Math.round(to_kbps)} kbit/s` };
}

/** The way out of an error that the page can offer as a button. */
export type Way = "key" | "name" | "retry" | "lower" | "codec" | "pattern" | "camera";

export interface Trouble {
  title: StudioKey;
  /** What to do; absent: what the error itself says. */
  hint?: StudioKey;
  way?: Way;
  /** "1004 auth_bad_signature" */
  code?: string;
  /** The server's own words. */
  detail?: string;
  /** Where it belongs: with the source, or with the broadcast. */
  about: "source" | "broadcast";
}

const BY_CODE: Record<number, Pick<Trouble, "title" | "hint" | "way">> = {
  1001: { title: "e1001", hint: "e1001Do", way: "key" },
  1002: { title: "e1002", hint: "e1002Do", way: "key" },
  1003: { title: "e1003", hint: "e1003Do", way: "key" },
  1004: { title: "e1004", hint: "e1004Do", way: "key" },
  1005: { title: "e1003", hint: "e1003Do", way: "key" },
  1006: { title: "e1006", hint: "e1006Do", way: "key" },
  1007: { title: "e1007", hint: "e1007Do", way: "key" },
  2001: { title: "e2001", hint: "eOperator", way: "name" },
  2002: { title: "e2002", hint: "e2002Do", way: "name" },
  2003: { title: "e2003", hint: "eOperator" },
  2004: { title: "e2004", hint: "eOperator" },
  2005: { title: "e2005", hint: "e2005Do", way: "retry" },
  2007: { title: "e2007", hint: "eOperator" },
  2008: { title: "e2008", hint: "e2008Do", way: "key" },
  3001: { title: "e3001", hint: "e3001Do", way: "name" },
  3004: { title: "e3004", hint: "e3004Do", way: "name" },
  3005: { title: "e3005", hint: "e3005Do", way: "name" },
  3006: { title: "e3006", hint: "e3006Do", way: "codec" },
  4002: { title: "e4002", hint: "e4002Do", way: "retry" },
  4003: { title: "e4003", hint: "e4003Do", way: "retry" },
  4004: { title: "e4004", hint: "e4004Do", way: "retry" },
  4005: { title: "e4011", hint: "e4011Do", way: "lower" },
  4008: { title: "e4008", hint: "eOperator" },
  4009: { title: "e4009", hint: "e4009Do", way: "retry" },
  4010: { title: "e4010", hint: "e4010Do", way: "lower" },
  4011: { title: "e4011", hint: "e4011Do", way: "lower" },
  5001: { title: "e5001", hint: "e5001Do", way: "retry" },
};

/** An error of the publisher: `PublishError`, or anything else it threw. */
export function publishTrouble(error: unknown): Trouble {
  const { code, codeName, message, advice, retryable } = error as {
    code?: unknown; codeName?: unknown; message?: unknown; advice?: unknown; retryable?: unknown;
  };
  const number = typeof code === "number" ? code : 0;
  const known: Pick<Trouble, "title" | "hint" | "way"> = BY_CODE[number] ?? { title: "eUnknown" as const, ...(retryable === false ? {} : { way: "retry" as const }) };
  // Where the page has advice of its own, in the visitor's language, one is enough.
  const words = known.hint ? [message] : [message, advice];
  const detail = words.filter((part): part is string => typeof part === "string" && part !== "").join(" · ");
  return {
    ...known,
    about: "broadcast",
    ...(number ? { code: `${number} ${typeof codeName === "string" ? codeName : ""}`.trim() } : {}),
    ...(detail ? { detail } : {}),
  };
}

export type Wanted = "camera" | "microphone" | "screen" | "file";

/** Where a key belongs to one name, another name is no way out. */
export function withKeys(trouble: Trouble): Trouble {
  if (trouble.way !== "name") return trouble;
  if (trouble.title === "e3004") return { ...trouble, hint: "e3004Key", way: "retry" };
  return trouble.title === "e3005" ? { ...trouble, way: "retry" } : { ...trouble, way: "key" };
}

/** What a browser threw when a device, a screen or a file was opened; null: the visitor only changed their mind. */
export function sourceTrouble(error: unknown, wanted: Wanted): Trouble | null {
  const name = (error as { name?: string } | null)?.name ?? "";
  const way: Way = wanted === "camera" ? "pattern" : "camera";
  const of = (title: StudioKey, hint: StudioKey, button: Way = way): Trouble => ({ title, hint, way: button, about: "source" });
  switch (name) {
    case "InsecureContextError":
      return of("dInsecure", "dInsecureDo", "pattern");
    case "NotAllowedError":
    case "SecurityError":
      return wanted === "screen" ? null : of("dPermission", "dPermissionDo");
    case "AbortError":
      return wanted === "screen" ? null : of("dBusy", "dBusyDo");
    case "NotFoundError":
    case "DevicesNotFoundError":
      return of("dNone", "dNoneDo");
    case "NotReadableError":
    case "TrackStartError":
      return of("dBusy", "dBusyDo");
    case "OverconstrainedError":
      return of("dGone", "dGoneDo", "camera");
    case "NotSupportedError":
      return wanted === "file" ? of("dFile", "dFileDo") : of("dUnsupported", "dUnsupportedDo", "pattern");
    default: {
      const detail = String((error as { message?: unknown } | null)?.message ?? error);
      return { title: wanted === "file" ? "dFile" : "dUnknown", way, about: "source", detail };
    }
  }
}
