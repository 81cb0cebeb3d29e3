//! The words the player and its users share. No DOM work and no network here.

/** A way to get the stream; the names are those of `?protocol=` and of `data-protocol`. */
export type Protocol = "flv" | "wsflv" | "hls" | "ts";

export const PROTOCOLS: readonly Protocol[] = ["flv", "wsflv", "hls", "ts"];

export function isProtocol(value: unknown): value is Protocol {
  return typeof value === "string" && (PROTOCOLS as readonly string[]).includes(value);
}

/** One live stream as `GET /api/v1/live` tells it. `rfc6381` is the codecs string for MSE. */
export interface StreamInfo {
  app: string;
  stream: string;
  vhost: string;
  video: VideoInfo | null;
  audio: AudioInfo | null;
  bitrate_kbps: number;
  viewers: number;
  uptime_ms: number;
  /** Path of its newest picture, where there is one that everybody may see. */
  poster?: string;
  /** What the publisher sends and the server does not carry; servers of before do not say. */
  left_out?: LeftOut[];
  /** What can be gone back to; null where it is not recorded. */
  dvr?: DvrWindow | null;
}

/** From when to when a live stream can be watched once more, Unix ms. */
export interface DvrWindow {
  from_ms: number;
  to_ms: number;
  /** Id of the recording that it is in. */
  recording?: string;
}

export interface LeftOut {
  kind: "video" | "audio" | "subtitles" | "data";
  what: string;
}

export interface VideoInfo {
  codec: string;
  rfc6381: string;
  width: number;
  height: number;
  fps: number;
}

export interface AudioInfo {
  codec: string;
  rfc6381: string;
  sample_rate: number;
  channels: number;
}

/**
 * - `loading`: connecting, or out of data for a moment
 * - `playing`: media is there and moves (or the viewer paused it)
 * - `waiting`: the stream is not live yet; asking again by itself
 * - `offline`: it was live and has ended; asking again by itself
 * - `ended`: all of what was recorded has been shown
 * - `error`: refused, unreachable or unplayable here; see `PlayerStatus.fault`
 */
export type PlayerState = "loading" | "playing" | "waiting" | "offline" | "ended" | "error";

/** What is shown: what happens now, what happened a while ago in a stream that is live, or a recording. */
export type PlayerKind = "live" | "shifted" | "recording";

/** Why the player is in `error` (or what the server said while `waiting`). */
export interface Fault {
  kind: "refused" | "unreachable" | "unplayable";
  /** Code and name of the code table, where the server gave them. */
  code?: number;
  name?: string;
  message?: string;
  advice?: string;
}

export interface PlayerStatus {
  kind: PlayerKind;
  state: PlayerState;
  /** The protocol in use or being tried; null before the first attempt. */
  protocol: Protocol | null;
  /** Protocols this stream and this browser allow, best first. */
  available: Protocol[];
  info: StreamInfo | null;
  paused: boolean;
  muted: boolean;
  volume: number;
  /** The browser refused sound before a gesture: offer a button. */
  soundBlocked: boolean;
  /** The browser refused to play at all before a gesture. */
  playBlocked: boolean;
  fault: Fault | null;
  /** Set when the player left a protocol by itself. */
  switchedFrom: Protocol | null;
}

/**
 * How the number was made, so that a label can be honest:
 * - `true`: the publisher's or server's clock at that frame against ours, corrected
 * - `edge`: distance from the end of the playlist
 * - `buffer`: only what this browser holds ahead; the way here is not counted
 */
export type LatencyKind = "true" | "edge" | "buffer";

export interface Latency {
  kind: LatencyKind;
  ms: number;
}

/** From one moment to another, in the time of the course that it is of. */
export interface Span {
  from_ms: number;
  to_ms: number;
}

/**
 * Where one is, and whereto one may go. Times of a live stream are Unix ms, those of a recording ms from its
 * beginning.
 */
export interface Course extends Span {
  position_ms: number;
  /** How far behind the newest of a live stream; null in a recording. */
  behind_ms: number | null;
  /** What this browser holds. */
  buffered: Span[];
  /** Where nothing was recorded; of no length in a recording, whose time does not pass there. */
  holes: Span[];
}

/** One of several renditions. */
export interface Level {
  id: number;
  width: number;
  height: number;
  bitrate_kbps: number;
  /** On screen now. */
  current: boolean;
  /** By the viewer, not by the engine. */
  chosen: boolean;
}

export interface Stats {
  protocol: Protocol | null;
  engine: string;
  videoCodec: string;
  audioCodec: string;
  width: number;
  height: number;
  /** Frames presented in the last second. */
  fps: number;
  framesTotal: number;
  framesDropped: number;
  bitrate_kbps: number;
  /** Whether the bitrate was measured here or told by the server. */
  bitrateMeasured: boolean;
  buffer_ms: number;
  latency: Latency | null;
  playbackRate: number;
  /** What may be ahead before catching up begins: configured, or grown by stalls, ms. */
  target_ms: number;
  /** Times the picture stood still after it had begun, and for how long in all. */
  stalls: number;
  stalled_ms: number;
  /** From the beginning of the newest connection to its first frame on screen, ms; null before. */
  join_ms: number | null;
  reconnects: number;
}
