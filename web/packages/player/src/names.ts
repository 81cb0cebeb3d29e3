//! Names and numbers as people read them, the same in every language. Pure.

import type { Protocol } from "./types";

export const PROTOCOL_NAME: Record<Protocol, string> = { flv: "HTTP-FLV", wsflv: "WS-FLV", hls: "LL-HLS", ts: "HLS-TS" };

const CODEC_NAME: Record<string, string> = {
  h264: "H.264",
  hevc: "HEVC",
  av1: "AV1",
  vp9: "VP9",
  aac: "AAC",
  opus: "Opus",
  mp3: "MP3",
  ac3: "AC-3",
  eac3: "E-AC-3",
  flac: "FLAC",
};

export const codecName = (codec: string): string => CODEC_NAME[codec] ?? codec.toUpperCase();

export function bitrate(kbps: number): string {
  return kbps >= 1000 ? `${(kbps / 1000).toFixed(2)} Mbit/s` : `${Math.round(kbps)} kbit/s`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}
