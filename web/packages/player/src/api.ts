//! What the player asks of the server: who is live, and why a stream is refused.

import type { Fault, StreamInfo } from "./types";
import type { RtmpAddress } from "./urls";

export interface LiveList {
  streams: StreamInfo[];
  server_time_ms: number;
}

/** How long an answer may take, ms: the API answers from memory. */
const TIMEOUT_MS = 6000;

/**
 * Throws on anything but a list. `sent_ms` and `received_ms` are for `ClockOffset`. `stream`: what is called so, which
 * may stand in no list; a server of before tells all that is live.
 */
export async function fetchLive(
  signal?: AbortSignal,
  origin?: { protocol: string; host: string },
  stream?: { app: string; stream: string },
): Promise<LiveList & { sent_ms: number; received_ms: number }> {
  const sent_ms = Date.now();
  const meant = stream ? `?stream=${encodeURIComponent(`${stream.app}/${stream.stream}`)}` : "";
  const path = `/api/v1/live${meant}`;
  const response = await fetch(origin ? `${origin.protocol}//${origin.host}${path}` : path, {
    cache: "no-store",
    headers: { accept: "application/json" },
    signal: withTimeout(signal),
  });
  const received_ms = Date.now();
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const body: unknown = await response.json();
  const list = body as Partial<LiveList> | null;
  if (!list || !Array.isArray(list.streams)) throw new Error("not a list of streams");
  return { streams: list.streams, server_time_ms: Number(list.server_time_ms), sent_ms, received_ms };
}

/** Where the server speaks RTMP; null where it does not. Throws where it does not say. */
export async function fetchRtmp(signal?: AbortSignal): Promise<RtmpAddress | null> {
  const response = await fetch("/api/v1/addresses", { headers: { accept: "application/json" }, signal: withTimeout(signal) });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const { rtmp } = (await response.json()) as { rtmp?: Partial<RtmpAddress> | null };
  if (typeof rtmp?.port !== "number") return null;
  return { host: typeof rtmp.host === "string" ? rtmp.host : null, port: rtmp.port };
}

export type Probe = { live: true } | { live: false; fault: Fault };

/** Longest the server holds a request for a stream that is not live (`wait=`), s. */
const WAIT_S = 30;

/** Asks for the media and is answered when the stream is live, or after half a minute. */
export function awaitMedia(url: string, signal?: AbortSignal): Promise<Probe> {
  return probeMedia(`${url}${url.includes("?") ? "&" : "?"}wait=${WAIT_S}`, signal, WAIT_S * 1000 + TIMEOUT_MS);
}

/** Asks for the media itself and hangs up: tells why it is not to be had. */
export async function probeMedia(url: string, signal?: AbortSignal, timeout_ms = TIMEOUT_MS): Promise<Probe> {
  const hangUp = new AbortController();
  const abort = () => hangUp.abort();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    const response = await fetch(url, { cache: "no-store", signal: withTimeout(hangUp.signal, timeout_ms) });
    if (response.ok) return { live: true };
    return { live: false, fault: await readFault(response) };
  } catch (error) {
    return { live: false, fault: { kind: "unreachable", message: String(error) } };
  } finally {
    signal?.removeEventListener("abort", abort);
    hangUp.abort();
  }
}

async function readFault(response: Response): Promise<Fault> {
  const fault: Fault = { kind: "refused", message: `HTTP ${response.status}` };
  if (response.status === 404) fault.code = NOT_LIVE;
  if (response.status >= 500) fault.kind = "unreachable";
  try {
    const body = (await response.json()) as Record<string, unknown>;
    if (typeof body["code"] === "number") fault.code = body["code"];
    if (typeof body["name"] === "string") fault.name = body["name"];
    if (typeof body["message"] === "string") fault.message = body["message"];
    if (typeof body["advice"] === "string") fault.advice = body["advice"];
  } catch {
    // A proxy's own page: the status has to do.
  }
  return fault;
}

export const NOT_LIVE = 3002;
/** Codes of the registry that only mean "not now": never there, not live, ended, starting. */
const NOT_NOW = new Set([3001, NOT_LIVE, 3003, 3007]);

export function isNotNow(fault: Fault): boolean {
  return fault.code !== undefined && NOT_NOW.has(fault.code);
}

/** Codes that may be meant for one protocol only: what an app does not take, a codec that cannot be carried. */
const ONE_PROTOCOL = new Set([2002, 3006]);

/** Whether the server itself said it, and of the stream: then no other protocol helps. */
export function isForAllProtocols(fault: Fault): boolean {
  return fault.code !== undefined && !ONE_PROTOCOL.has(fault.code);
}

/**
 * A signal that fires with the given one or after `timeout_ms`; by hand, for browsers of 2022. It
 * leaves nothing behind at the given one, which may live as long as the page.
 */
function withTimeout(signal?: AbortSignal, timeout_ms = TIMEOUT_MS): AbortSignal {
  const both = new AbortController();
  const abort = () => both.abort();
  const timer = setTimeout(abort, timeout_ms);
  signal?.addEventListener("abort", abort, { once: true });
  const forget = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  };
  both.signal.addEventListener("abort", forget, { once: true });
  if (signal?.aborted) abort();
  return both.signal;
}
