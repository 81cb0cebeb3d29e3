//! Which protocols this browser can play this stream over, best first. Pure: what the browser can
//! is handed in, so that every case can be tested.

import type { Protocol, StreamInfo } from "./types";

export interface Capabilities {
  /** The real MediaSource; iPhones have only ManagedMediaSource. */
  mediaSource: boolean;
  managedMediaSource: boolean;
  /** The video element plays HLS by itself (Safari, some Android). */
  nativeHls: boolean;
  /** `isTypeSupported` of whichever media source there is, else `canPlayType`. */
  typeSupported: (mime: string) => boolean;
}

/** What our own FLV engine takes apart; MP3 is left to mpegts.js. */
const FLV_VIDEO = new Set(["h264", "hevc", "av1", "vp9"]);
const FLV_AUDIO = new Set(["aac", "opus", "flac"]);
/**
 * What mpegts.js 1.8 plays from FLV when tried. It has code for AV1 and FLAC too, but throws on AV1
 * from SVT-AV1 and buffers nothing, or breaks, with FLAC; of Opus it knows packets of 20 ms.
 */
const MPEGTS_VIDEO = new Set(["h264", "hevc"]);
const MPEGTS_AUDIO = new Set(["aac", "mp3", "opus"]);
/** What the light build of hls.js demuxes from MPEG-TS; HEVC and AC-3 in TS are left out of it. */
const TS_VIDEO = new Set(["h264"]);
const TS_AUDIO = new Set(["aac", "mp3"]);
/** What an HLS player of the platform takes in MPEG-TS. */
const NATIVE_TS_VIDEO = new Set(["h264", "hevc"]);
const NATIVE_TS_AUDIO = new Set(["aac", "mp3", "ac3", "eac3"]);

/**
 * Protocols worth trying, best first; `wanted` goes to the front if it is possible at all.
 * With `info` null (the server did not tell) only the browser decides.
 * An empty answer means that nothing here can decode the stream.
 */
export function protocolOrder(
  info: StreamInfo | null,
  can: Capabilities,
  wanted: Protocol | null,
): Protocol[] {
  const order: Protocol[] = [];
  const decodable = info === null || canDecode(info, can);
  const mse = can.mediaSource || can.managedMediaSource;

  if (decodable && flvEngines(can, info).length > 0) order.push("flv", "wsflv");
  if ((mse || can.nativeHls) && decodable) order.push("hls");
  const hlsJsTs = mse && carries(info, TS_VIDEO, TS_AUDIO);
  const nativeTs = can.nativeHls && carries(info, NATIVE_TS_VIDEO, NATIVE_TS_AUDIO);
  if ((hlsJsTs || nativeTs) && decodable) order.push("ts");

  if (wanted !== null && order.includes(wanted)) {
    return [wanted, ...order.filter((protocol) => protocol !== wanted)];
  }
  return order;
}

/** Engines for FLV, best first; the second one is for when the first has failed. */
export function flvEngines(can: Capabilities, info: StreamInfo | null): ("weir" | "mpegts")[] {
  if (!can.mediaSource) return [];
  const own = carries(info, FLV_VIDEO, FLV_AUDIO) ? (["weir"] as const) : [];
  const other = carries(info, MPEGTS_VIDEO, MPEGTS_AUDIO) ? (["mpegts"] as const) : [];
  return [...own, ...other];
}

/** Whether hls.js shall play it, or the browser by itself. */
export function hlsEngine(can: Capabilities, protocol: "hls" | "ts", info: StreamInfo | null): "hlsjs" | "native" {
  if (!can.nativeHls) return "hlsjs";
  if (!can.mediaSource) return "native";
  return protocol === "hls" || carries(info, TS_VIDEO, TS_AUDIO) ? "hlsjs" : "native";
}

function canDecode(info: StreamInfo, can: Capabilities): boolean {
  if (info.video && !can.typeSupported(`video/mp4; codecs="${info.video.rfc6381}"`)) return false;
  if (info.audio) {
    const { codec, rfc6381 } = info.audio;
    const asMp4 = can.typeSupported(`audio/mp4; codecs="${rfc6381}"`);
    if (!asMp4 && !(codec === "mp3" && can.typeSupported("audio/mpeg"))) return false;
  }
  return true;
}

function carries(info: StreamInfo | null, video: Set<string>, audio: Set<string>): boolean {
  if (info === null) return true;
  return (!info.video || video.has(info.video.codec)) && (!info.audio || audio.has(info.audio.codec));
}

/** Asks the browser; the only function here that touches it. */
export function browserCapabilities(): Capabilities {
  const scope = globalThis as typeof globalThis & { ManagedMediaSource?: typeof MediaSource };
  const source = scope.MediaSource ?? scope.ManagedMediaSource;
  const probe = document.createElement("video");
  return {
    mediaSource: typeof scope.MediaSource === "function",
    managedMediaSource: typeof scope.ManagedMediaSource === "function",
    nativeHls: probe.canPlayType("application/vnd.apple.mpegurl") !== "",
    typeSupported: (mime) => (source ? source.isTypeSupported(mime) : probe.canPlayType(mime) !== ""),
  };
}
