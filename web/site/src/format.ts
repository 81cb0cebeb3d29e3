//! Numbers and names for people. Pure.

import type { Protocol } from "@weir/player";

export const PROTOCOL_NAME: Record<Protocol, string> = {
  flv: "HTTP-FLV",
  wsflv: "WS-FLV",
  hls: "LL-HLS",
  ts: "HLS-TS",
};

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

export function codecName(codec: string): string {
  return CODEC_NAME[codec] ?? codec.toUpperCase();
}

/** "12:05", "1:02:03"; days go into the hours. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const h = Math.floor(seconds / 3600);
  const m = Math.floor((seconds % 3600) / 60);
  const two = (n: number) => String(n).padStart(2, "0");
  const tail = `${two(seconds % 60)}`;
  return h > 0 ? `${h}:${two(m)}:${tail}` : `${m}:${tail}`;
}

export function bitrate(kbps: number): string {
  return kbps >= 1000 ? `${(kbps / 1000).toFixed(2)} Mbit/s` : `${Math.round(kbps)} kbit/s`;
}

/** "640×360" stays, common heights are called by name. */
export function resolution(width: number, height: number): string {
  const name: Record<number, string> = { 2160: "4K", 1440: "1440p", 1080: "1080p", 720: "720p", 480: "480p", 360: "360p" };
  return name[Math.min(width, height)] ?? `${width}×${height}`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** 29.97 stays, 30.000 becomes 30. */
export function rate(fps: number): string {
  return String(Math.round(fps * 100) / 100);
}

export function count(n: number, locale: string): string {
  return new Intl.NumberFormat(locale, { notation: n >= 10_000 ? "compact" : "standard" }).format(n);
}

/** Two hues for a name, always the same for the same name. */
export function huesOf(name: string): [number, number] {
  let hash = 2166136261;
  for (const unit of name) hash = Math.imul(hash ^ (unit.codePointAt(0) ?? 0), 16777619) >>> 0;
  const hue = hash % 360;
  return [hue, (hue + 35 + ((hash >>> 9) % 50)) % 360];
}
