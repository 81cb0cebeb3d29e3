//! The words the publisher and its users share. No DOM work and no network here.

import type { ControlNumbers, Controller } from "./control";
import type { PublishError } from "./errors";
import type { TransportFactory } from "./transport";

export type VideoCodecName = "h264" | "hevc" | "av1" | "vp9";
export type AudioCodecName = "aac" | "opus";
export type EngineName = "webcodecs" | "mediarecorder";
export type EncoderKind = "hardware" | "software";
/** A container of SLSP. */
export type Container = "flv" | "fmp4" | "webm" | "ts";

/**
 * - `idle`: made, not started
 * - `connecting`: opening the socket, choosing an encoder
 * - `live`: the server takes media
 * - `reconnecting`: the socket is lost; capture goes on and the session is being resumed
 * - `stopped`: ended by `stop()`
 * - `failed`: ended by an error; the `error` event said which
 */
export type PublisherState = "idle" | "connecting" | "live" | "reconnecting" | "stopped" | "failed";

export interface PublisherOptions {
  /** `ws(s)://host/slsp/{app}/{stream}?key=…` */
  url: string;
  /** Camera, screen, `canvas.captureStream()`, `video.captureStream()`. Its tracks are not stopped. */
  source: MediaStream;
  video?: VideoOptions;
  /** `false` sends no sound. */
  audio?: AudioOptions | false;
  encoder?: "auto" | EncoderKind;
  /** The server's list: `encoders` of `GET /api/v1/apps/{app}`. */
  encoderRules?: EncoderRule[];
  engine?: "auto" | EngineName;
  /** MIME type for MediaRecorder, for tests and experts. */
  recorderType?: string;
  /** Numbers of the controller that differ from `CONTROL`. */
  control?: Partial<ControlNumbers>;
  /** Another strategy altogether. */
  controller?: (numbers: ControlNumbers) => Controller;
  /** SLSP over a WebSocket by default. */
  transport?: TransportFactory;
  /** Whether the capture time goes out as `weirWallMs` each second; true by default. */
  stamp?: boolean;
}

export interface VideoOptions {
  /** `auto` is H.264, which plays everywhere, unless a rule avoids it or it cannot be encoded. */
  codec?: "auto" | VideoCodecName;
  /** The most that may be sent, sound included. Default by picture size. */
  max_kbps?: number;
  /** The picture is never encoded at less. */
  min_kbps?: number;
  max_height?: number;
  max_fps?: number;
  /** Time between keyframes; the server's wish by default. */
  keyframe_ms?: number;
}

export interface AudioOptions {
  /** `auto` is AAC where the browser encodes it, else Opus. */
  codec?: "auto" | AudioCodecName;
  kbps?: number;
}

/**
 * A line of the server's list of encoders. `match` is a glob (`*`, `?`), case-insensitive, on the
 * user agent, the platform and model of the client hints, and the WebGL renderer. The first rule
 * that fits counts.
 */
export interface EncoderRule {
  match: string;
  prefer: EncoderKind | "auto";
  /** Codecs not to be encoded on such a device. */
  avoid?: string[];
}

export interface PublisherEvents {
  state: PublisherState;
  /** Once a second. */
  stats: PublisherStats;
  /** When level or reason change. */
  health: Health;
  /** What ended the broadcast (or kept it from starting). */
  error: PublishError;
  /** A line for a log; English. */
  log: string;
}

export type HealthReason =
  | "ok"
  | "uplink_fell"
  | "uplink_recovering"
  | "queue"
  | "encoder_slow"
  | "source_slow"
  | "reconnecting"
  | "server_limit"
  | "refused"
  | "ended";

export interface Health {
  level: "good" | "fair" | "poor" | "down";
  reason: HealthReason;
  /** For `uplink_fell` and `server_limit`: what was sent before and what is now. */
  from_kbps?: number;
  to_kbps?: number;
  /** For how long it has been so. */
  since_ms: number;
}

export interface PublisherStats {
  state: PublisherState;
  engine: EngineName;
  /** RFC 6381 string, or "" without video. */
  videoCodec: string;
  audioCodec: string;
  encoder: EncoderKind | "unknown";
  /** Size as encoded. */
  width: number;
  height: number;
  /** Pictures encoded per second. */
  fps: number;
  /** What the controller asks for, sound included. */
  target_kbps: number;
  /** Handed to the socket. */
  sent_kbps: number;
  /** Said by the server to have arrived. */
  acked_kbps: number;
  /** Media captured and not acknowledged, beyond the round trip. */
  queue_ms: number;
  rtt_ms: number;
  /** Pictures, in total. */
  captured: number;
  encoded: number;
  droppedBeforeEncoding: number;
  droppedAfterEncoding: number;
  keyframes: number;
  reconnects: number;
  /** Since first live. */
  uptime_ms: number;
  /** The most that may be sent now, by the user, the app and the server's hint. */
  ceiling_kbps: number;
}

/** What this browser can encode. */
export interface Probe {
  webcodecs: boolean;
  /** MSTP: frames straight from the track, also in a hidden tab. */
  trackProcessor: boolean;
  video: ProbeVideo[];
  audio: { codec: AudioCodecName; supported: boolean }[];
  /** MediaRecorder types that weir takes, best first. */
  recorderTypes: string[];
}

export interface ProbeVideo {
  codec: VideoCodecName;
  /** The string the probe asked with. */
  config: string;
  hardware: boolean;
  software: boolean;
}

export interface ProbeOptions {
  width?: number;
  height?: number;
  fps?: number;
  kbps?: number;
}
