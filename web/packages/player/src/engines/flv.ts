//! HTTP-FLV and WS-FLV by mpegts.js: for MP3, and where our own engine failed. The library runs on the page's thread: its worker is built
//! from its own source text, which a bundler's renaming breaks.

import mpegts from "mpegts.js";
import { WallStamp } from "../clock";
import type { Latency } from "../types";
import { bufferedEnd, trueLatency, type Engine, type EngineContext } from "./engine";

/** Played-out media kept for the element, seconds: seeking back is not offered. */
const BACK_BUFFER_S = 15;
/** A track missing this long after the start of a stream is not coming, ms. */
const TRACKS_KNOWN_AFTER_MS = 3000;
/** At most this long is what was buffered at the close played out, ms. */
const DRAIN_LIMIT_MS = 3000;
/** Weight of the newest sample in the smoothed bitrate. */
const SMOOTHING = 0.2;

export function startFlv(context: EngineContext): Engine {
  mpegts.LoggingControl.applyConfig({ enableAll: false, enableError: true });
  const stamp = new WallStamp();
  const player = mpegts.createPlayer(sourceOf(context), {
    enableWorker: false,
    enableStashBuffer: false,
    lazyLoad: false,
    autoCleanupSourceBuffer: true,
    autoCleanupMaxBackwardDuration: BACK_BUFFER_S * 2,
    autoCleanupMinBackwardDuration: BACK_BUFFER_S,
  });
  let bitrate_kbps: number | null = null;
  let drain: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;

  player.on(mpegts.Events.ERROR, (type: string, detail: string, info?: { msg?: string }) => {
    const kind = type === mpegts.ErrorTypes.NETWORK_ERROR ? "network" : "media";
    if (!stopped) context.onFail(kind, `${detail} ${info?.msg ?? ""}`.trim());
  });
  player.on(mpegts.Events.LOADING_COMPLETE, () => {
    const left_s = (bufferedEnd(context.video) ?? 0) - context.video.currentTime;
    drain = setTimeout(context.onEnd, Math.min(DRAIN_LIMIT_MS, Math.max(0, left_s * 1000)));
  });
  player.on(mpegts.Events.STATISTICS_INFO, (info: { speed?: number }) => {
    const now_kbps = (info.speed ?? 0) * 8.192;
    bitrate_kbps = bitrate_kbps === null ? now_kbps : bitrate_kbps + (now_kbps - bitrate_kbps) * SMOOTHING;
  });
  let stamps = 0;
  const onScript = (data: unknown) => {
    const wall_ms = stampOf(data);
    // The first of a connection is the last one there was, of a frame that is gone.
    if (wall_ms !== null && stamps++ > 0) stamp.set(wall_ms, bufferedEnd(context.video) ?? 0);
  };
  player.on(mpegts.Events.METADATA_ARRIVED, onScript);

  player.attachMediaElement(context.video);
  player.load();

  return {
    name: `mpegts.js ${mpegts.version}`,
    needsCatchUp: true,
    stop() {
      stopped = true;
      clearTimeout(drain);
      player.destroy();
    },
    bitrate_kbps: () => bitrate_kbps,
    latency(): Latency | null {
      const { video } = context;
      const exact = trueLatency(stamp.at(video.currentTime), context.serverNow_ms());
      if (exact) return exact;
      const end_s = bufferedEnd(video);
      return end_s === null ? null : { kind: "buffer", ms: Math.max(0, (end_s - video.currentTime) * 1000) };
    },
    liveEdge_s: () => bufferedEnd(context.video),
  };
}

/**
 * The library waits for every track that the FLV header promises; what the server knows of the
 * tracks saves a stream with one track from waiting for ever.
 */
function sourceOf({ url, info }: EngineContext) {
  const known = info !== null && info.uptime_ms > TRACKS_KNOWN_AFTER_MS;
  return {
    type: "flv",
    isLive: true,
    url,
    ...(known && !info.audio ? { hasAudio: false } : {}),
    ...(known && !info.video ? { hasVideo: false } : {}),
  };
}

/** `weirWallMs` in script data: wall clock, ms since 1970, of the frame that follows the tag. */
function stampOf(data: unknown): number | null {
  if (typeof data !== "object" || data === null) return null;
  const outer = data as Record<string, unknown>;
  const inner = typeof outer["onMetaData"] === "object" ? (outer["onMetaData"] as Record<string, unknown>) : outer;
  const wall_ms = inner?.["weirWallMs"];
  return typeof wall_ms === "number" ? wall_ms : null;
}
