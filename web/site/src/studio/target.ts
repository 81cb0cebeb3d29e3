//! Where to publish: names, keys and the addresses people paste. Pure.

import { streamPath, type Origin } from "@weir/player";

export interface Target {
  /** One or more levels, "live" or "a/b". */
  app: string;
  stream: string;
  /** What lets one publish, as a query without "?": `key=…` or signed parameters; "" for nothing. */
  auth: string;
}

/** What a pasted address says; a part it does not name is missing. */
export interface Pasted extends Partial<Target> {
  /** host and port named in it */
  host?: string;
}

/** Bytes of one part of a name, as the server has it. */
const MAX_NAME_BYTES = 255;
const SCHEMES = new Set(["rtmp:", "rtmps:", "ws:", "wss:", "http:", "https:"]);
/** Endings that name a way to play, not a stream. */
const MEDIA_ENDING = /(\/ts\.m3u8|\.flv|\.m3u8|\.ts)$/;

/**
 * Reads `rtmp://host/app/stream?key=…`, `ws(s)://host/slsp/app/stream?…`, `…/studio?app=…&stream=…&key=…`,
 * an encoder's `stream?key=…`, or `key=…`. Null: it is none of these, so a bare key.
 */
export function parseAddress(text: string): Pasted | null {
  const trimmed = text.trim();
  if (trimmed.includes("://")) return parseUrl(trimmed);
  const mark = trimmed.indexOf("?");
  const query = mark >= 0 ? trimmed.slice(mark + 1) : trimmed;
  // A key may look like anything: only a name that is ours makes it a query.
  const has = (name: string) => new RegExp(`(^|&)${name}=`).test(query);
  if (!has("key") && !(has("s") && has("e"))) return null;
  const path = mark > 0 ? trimmed.slice(0, mark).split("/").filter(Boolean) : [];
  return { ...namesOf(path), ...authOf(new URLSearchParams(query)) };
}

function parseUrl(text: string): Pasted | null {
  // URL reads the host of unknown schemes loosely: http's rules are wanted for all.
  const scheme = text.slice(0, text.indexOf("://") + 1).toLowerCase();
  if (!SCHEMES.has(scheme)) return null;
  let url: URL;
  try {
    url = new URL(`http${text.slice(scheme.length - 1)}`);
  } catch {
    return null;
  }
  const query = url.searchParams;
  let levels: string[];
  try {
    levels = url.pathname.replace(MEDIA_ENDING, "").split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    return null;
  }
  const found: Pasted = url.host ? { host: url.host } : {};
  if (levels[0] === "studio" && !scheme.startsWith("rtmp")) {
    return { ...found, ...readQuery(url.search) };
  }
  if (levels[0] === "slsp" || levels[0] === "watch" || levels[0] === "embed") levels.shift();
  // An encoder's "server" field names the app alone.
  if (levels.length === 1 && scheme.startsWith("rtmp")) return { ...found, app: levels[0]!, ...authOf(query) };
  return { ...found, ...namesOf(levels), ...authOf(query) };
}

/** The query of /studio itself: `app`, `stream`; every other parameter goes to the server. */
export function readQuery(search: string): Pasted {
  const query = new URLSearchParams(search);
  const found: Pasted = {};
  const app = query.get("app");
  const stream = query.get("stream");
  if (app) found.app = app;
  if (stream) found.stream = stream;
  query.delete("app");
  query.delete("stream");
  return { ...found, ...authOf(query) };
}

function namesOf(levels: string[]): Pasted {
  const stream = levels.at(-1);
  if (!stream) return {};
  return levels.length > 1 ? { app: levels.slice(0, -1).join("/"), stream } : { stream };
}

function authOf(query: URLSearchParams): Pasted {
  const auth = query.toString();
  return auth ? { auth } : {};
}

/** A bare key becomes `key=…`; what is typed is kept as it is. */
export function authFromKey(key: string): string {
  const trimmed = key.trim();
  return trimmed ? new URLSearchParams({ key: trimmed }).toString() : "";
}

/** The key in it, or null when it is something else: a signature cannot be shown in a field. */
export function keyOf(auth: string): string | null {
  if (!auth) return "";
  const query = new URLSearchParams(auth);
  return [...query.keys()].every((name) => name === "key") ? (query.get("key") ?? "") : null;
}

export function publishUrl(origin: Origin, target: Target): string {
  const scheme = origin.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${origin.host}/slsp/${streamPath(target)}${target.auth ? `?${target.auth}` : ""}`;
}

export type NameFault = "nameEmpty" | "nameLong" | "nameChars";

/** What is wrong with a name, by the server's rules; null when nothing is. */
export function nameFault(name: string, levels: boolean): NameFault | null {
  if (!name) return "nameEmpty";
  for (const part of levels ? name.split("/") : [name]) {
    if (!part || part === "." || part.includes("..")) return "nameChars";
    if (/[\u0000-\u001f\u007f/\\?#"<>%]/.test(part)) return "nameChars";
    if (new TextEncoder().encode(part).length > MAX_NAME_BYTES) return "nameLong";
  }
  return null;
}

const FIRST = ["amber", "brisk", "calm", "clear", "deep", "early", "gentle", "green", "high", "late", "little", "misty", "quiet", "silver", "still", "swift"];
const SECOND = ["bay", "brook", "creek", "delta", "falls", "ferry", "harbor", "lagoon", "lake", "mill", "pond", "rapids", "river", "spring", "stream", "tide"];

/** "calm-river-42"; `random` gives [0, 1). */
export function friendlyName(random: () => number = Math.random): string {
  const pick = (list: string[]) => list[Math.floor(random() * list.length)] ?? list[0]!;
  return `${pick(FIRST)}-${pick(SECOND)}-${10 + Math.floor(random() * 90)}`;
}
