//! Numbers and states in the words of the player. Pure.

import { PROTOCOL_NAME } from "../names";
import type { Latency, LatencyKind, PlayerStatus } from "../types";
import type { TextKey, Translate } from "./texts";

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
    case "ended":
      return t("ended");
    case "playing":
      if (status.paused) return t("paused");
      if (status.kind !== "live") return t(status.kind === "shifted" ? "shifted" : "replaying");
      return t("playing", { protocol: status.protocol ? PROTOCOL_NAME[status.protocol] : "" });
    case "waiting":
      return `${t("waiting")}. ${t("waitingHint")}`;
    case "offline":
      return `${t("offline")}. ${t("offlineHint")}`;
    case "error":
      return t(status.fault?.kind ?? "unreachable");
    case "loading":
      return status.kind !== "live" || (status.info && status.protocol) ? t("buffering") : t("connecting");
    default:
      return t("connecting");
  }
}
