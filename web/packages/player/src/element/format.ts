//! Numbers and names as the player shows them. Pure.

import type { Latency, LatencyKind, PlayerStatus, Protocol } from "../types";
import type { TextKey, Translate } from "./texts";

export const PROTOCOL_NAME: Record<Protocol, string> = { flv: "HTTP-FLV", wsflv: "WS-FLV", hls: "LL-HLS", ts: "HLS-TS" };

const CODEC_NAME: Record<string, string> = {
  h264: "H.264",
  hevc: "HEVC",
  av1: "AV1",
  vp9: "VP9",
  aac: "AAC",
  opus: "Opus",
  mp3: "MP3",
  flac: "FLAC",
};

export const codecName = (codec: string): string => CODEC_NAME[codec] ?? codec.toUpperCase();

export function bitrate(kbps: number): string {
  return kbps >= 1000 ? `${(kbps / 1000).toFixed(2)} Mbit/s` : `${Math.round(kbps)} kbit/s`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** "2", "0.4" */
export const shortSeconds = (ms: number): string => String(Math.round(ms / 100) / 10);

export const LATENCY_TEXT: Record<LatencyKind, { label: TextKey; hint: TextKey }> = {
  true: { label: "latencyTrue", hint: "latencyTrueHint" },
  edge: { label: "latencyEdge", hint: "latencyEdgeHint" },
  buffer: { label: "latencyBuffer", hint: "latencyBufferHint" },
};

/** Only a measured latency goes by that name alone. */
export function latencyName(latency: Latency | null, t: Translate): string {
  if (!latency || latency.kind === "true") return t("sLatency");
  return `${t("sLatency")} (${t(LATENCY_TEXT[latency.kind].label)})`;
}

/** One line for the state, also read out to those who do not see it. */
export function stateText(status: PlayerStatus | null, t: Translate): string {
  switch (status?.state) {
    case "playing":
      if (status.paused) return t("paused");
      return t("playing", { protocol: status.protocol ? PROTOCOL_NAME[status.protocol] : "" });
    case "waiting":
      return `${t("waiting")}. ${t("waitingHint")}`;
    case "offline":
      return `${t("offline")}. ${t("offlineHint")}`;
    case "error":
      return t(status.fault?.kind ?? "unreachable");
    case "loading":
      return status.info && status.protocol ? t("buffering") : t("connecting");
    default:
      return t("connecting");
  }
}
