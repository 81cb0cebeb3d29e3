//! What turns a MediaStream into packets of a container. WebCodecs and MediaRecorder are such.

import type { PublishError } from "./errors";
import type { Packet } from "./queue";
import type { Container, EncoderKind, EngineName } from "./types";

export interface EngineEvents {
  packet(packet: Packet): void;
  /** What waits is worthless: a new container begins with the next packet. */
  restart(): void;
  /** Encoding is not possible any more. */
  fail(error: PublishError): void;
  log(text: string): void;
}

/** What the server said that an engine heeds. */
export interface EngineLimits {
  /** FourCCs; null for any. */
  codecs: readonly string[] | null;
  keyframe_ms: number;
}

/** What the controller decided, for an engine. */
export interface Order {
  kbps: number;
  keepEvery: 1 | 2;
  scale: number;
}

export interface EngineStats {
  videoCodec: string;
  audioCodec: string;
  encoder: EncoderKind | "unknown";
  width: number;
  height: number;
  captured: number;
  encoded: number;
  droppedBeforeEncoding: number;
  keyframes: number;
  encodeQueue: number;
  /** Whether the source gives clearly fewer pictures than it said it would. */
  isSourceSlow: boolean;
}

export interface Engine {
  readonly name: EngineName;
  readonly container: Container;
  /** How much media one packet may hold, ms. */
  readonly grain_ms: number;
  /** The picture in full size and its rate, for the controller. */
  readonly full: { width: number; height: number; fps: number };
  readonly audio_kbps: number;
  /** Begins capturing and encoding; the first packets begin a container. */
  start(limits: EngineLimits, order: Order): Promise<void>;
  apply(order: Order): void;
  forceKeyframe(): void;
  /** Begins the container anew: its head, then on from a keyframe. */
  begin(): void;
  setSource(source: MediaStream): Promise<void>;
  /** Ten times a second. */
  tick(now_ms: number): void;
  stop(): Promise<void>;
  readonly stats: EngineStats;
}
