//! The control messages of SLSP 1 (docs/ref/slsp.md), read without trust. Pure.

import type { Container } from "./types";

export interface Hello {
  v: 1;
  container: Container;
  resume?: string;
  test?: boolean;
  agent?: string;
}

export interface Ready {
  type: "ready";
  session: string;
  resume: string;
  resumed: boolean;
  bytes: number;
  ack_ms: number;
  resume_ms: number;
  keyframe_ms: number;
  max_kbps: number | null;
  /** FourCCs; null when the server did not say. */
  codecs: string[] | null;
}

export interface Ack {
  type: "ack";
  bytes: number;
  dts_ms: number;
  at_ms: number;
}

export interface Fault {
  type: "error";
  code: number;
  name: string;
  message: string;
}

export type ServerMessage =
  | Ready
  | Ack
  | Fault
  | { type: "hint"; max_kbps: number }
  | { type: "redirect"; url: string };

/** What `ready` is taken to say where it says nothing. */
const DEFAULTS = { ack_ms: 200, resume_ms: 5000, keyframe_ms: 2000 };

/** Null for what cannot be read and for types unknown: those are ignored from a server. */
export function parseServerMessage(text: string): ServerMessage | null {
  const raw = parseObject(text);
  switch (raw?.["type"]) {
    case "ready":
      return {
        type: "ready",
        session: words(raw["session"]),
        resume: words(raw["resume"]),
        resumed: raw["resumed"] === true,
        bytes: number(raw["bytes"], 0),
        ack_ms: number(raw["ack_ms"], DEFAULTS.ack_ms),
        resume_ms: number(raw["resume_ms"], DEFAULTS.resume_ms),
        keyframe_ms: number(raw["keyframe_ms"], DEFAULTS.keyframe_ms),
        max_kbps: positive(raw["max_kbps"]),
        codecs: Array.isArray(raw["codecs"]) ? raw["codecs"].filter((each) => typeof each === "string") : null,
      };
    case "ack":
      return { type: "ack", bytes: number(raw["bytes"], 0), dts_ms: number(raw["dts_ms"], -1), at_ms: number(raw["at_ms"], 0) };
    case "hint": {
      const max_kbps = positive(raw["max_kbps"]);
      return max_kbps === null ? null : { type: "hint", max_kbps };
    }
    case "redirect":
      return typeof raw["url"] === "string" ? { type: "redirect", url: raw["url"] } : null;
    case "error":
      return { type: "error", code: number(raw["code"], 4004), name: words(raw["name"]), message: words(raw["message"]) };
    default:
      return null;
  }
}

/**
 * Where a redirect leads, or null if it may not be followed: only WebSocket addresses, and never
 * from an encrypted one to a plain one. The query, with the key in it, goes along if the new
 * address has none.
 */
export function redirectTarget(from: string, to: string): string | null {
  const [old, next] = [parseUrl(from), parseUrl(to)];
  if (!old || !next) return null;
  if (next.protocol !== "wss:" && !(next.protocol === "ws:" && old.protocol === "ws:")) return null;
  if (next.search === "") next.search = old.search;
  return next.href;
}

function parseUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function words(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isFinite(value) ? value : otherwise;
}

function positive(value: unknown): number | null {
  return typeof value === "number" && value > 0 && Number.isFinite(value) ? value : null;
}
