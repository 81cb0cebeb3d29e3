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

/** "0:05", "12:05", "1:02:03"; days go into the hours. */
export function duration(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  const h = Math.floor(total / 3600);
  const m = Math.floor((total % 3600) / 60);
  const two = (n: number) => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(total % 60)}` : `${m}:${two(total % 60)}`;
}
