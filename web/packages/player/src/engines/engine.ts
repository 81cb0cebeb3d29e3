//! What the player wants of a playing engine. An engine plays one address into one video element
//! and reports; it decides nothing: reconnecting and falling back are the player's.

import { plausibleLatency } from "../clock";
import type { Pieces } from "../pacing";
import type { Latency, Level, Protocol, StreamInfo } from "../types";
import type { ReplayContext } from "./replay";

export interface EngineContext {
  video: HTMLVideoElement;
  url: string;
  protocol: Protocol;
  info: StreamInfo | null;
  /** How far behind the newest frame to begin, ms. */
  startBehind_ms: number;
  /** The newest segment before the stream went away: playing begins behind it. null: at the edge. */
  after: number | null;
  /** How the playlist brings its media; told with each version of it. */
  onPieces: (pieces: Pieces) => void;
  /** Our clock moved to the server's, or null while unknown. */
  serverNow_ms: () => number | null;
  /** Cannot go on: `media` is about the bytes, `network` about getting them. */
  onFail: (kind: "network" | "media", message: string) => void;
  /** The server closed the stream in good order. */
  onEnd: () => void;
}

export interface Engine {
  /** For the statistics: library and version. */
  readonly name: string;
  /** Whether catching up is left to the player (else the engine does it). */
  readonly needsCatchUp: boolean;
  stop(): void;
  /** Measured over the last seconds; null if this engine cannot tell. */
  bitrate_kbps(): number | null;
  latency(): Latency | null;
  /** Where to jump to be live, seconds on the element's timeline. */
  liveEdge_s(): number | null;
  /** Where the media ends; without this the element's buffer tells. */
  end_s?(): number | null;
  /** The newest keyframe not after this position. */
  keyframe_s?(notAfter_s: number): number | null;
  /** The number of the newest segment that a playlist has named. */
  newest?(): number | null;
  /** Renditions, where there are several. */
  levels?(): Level[];
  /** By `Level.id`; null leaves the choice to the engine. */
  setLevel?(id: number | null): void;
}

export type EngineName = "weir" | "mpegts" | "hlsjs" | "native";

const loadWeir = () => import("./flv-mse/index");

/** Fetches the engine that will most likely be wanted while the server is still being asked. */
export function preloadEngine(): void {
  loadWeir().catch(() => {});
}

/**
 * The one place that loads the engines: each is its own file, fetched when needed. What comes back
 * starts one, and takes the video element at once.
 */
export async function loadEngine(name: EngineName): Promise<(context: EngineContext) => Engine> {
  switch (name) {
    case "weir":
      return (await loadWeir()).startFlvMse;
    case "mpegts":
      return (await import("./flv")).startFlv;
    case "native":
      return (await import("./native")).startNative;
    case "hlsjs":
      return (await import("./hls")).startHls;
  }
}

/** Likewise, of what was recorded. */
export async function loadReplay(): Promise<(context: ReplayContext) => Engine> {
  return (await import("./replay")).startReplay;
}

/** End of the buffered range that the play position is in (or of the last one), seconds. */
export function bufferedEnd(video: HTMLVideoElement): number | null {
  const { buffered, currentTime } = video;
  for (let i = 0; i < buffered.length; i++) {
    if (currentTime >= buffered.start(i) - 0.5 && currentTime <= buffered.end(i) + 0.1) return buffered.end(i);
  }
  return buffered.length > 0 ? buffered.end(buffered.length - 1) : null;
}

/** Latency by the wall clock of the frame on screen, if clocks are known and make sense. */
export function trueLatency(wall_ms: number | null, server_ms: number | null): Latency | null {
  if (wall_ms === null || server_ms === null) return null;
  const ms = plausibleLatency(server_ms - wall_ms);
  return ms === null ? null : { kind: "true", ms };
}
