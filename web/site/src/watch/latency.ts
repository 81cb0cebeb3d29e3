//! The latency as the page shows it: read twice a second, named for what it is.

import type { Latency, LatencyKind, Player } from "@weir/player";
import { useEffect, useState } from "preact/hooks";
import type { Key } from "../i18n";

const READ_MS = 500;

export const LATENCY_TEXT: Record<LatencyKind, { label: Key; hint: Key }> = {
  true: { label: "latencyTrue", hint: "latencyTrueHint" },
  edge: { label: "latencyEdge", hint: "latencyEdgeHint" },
  buffer: { label: "latencyBuffer", hint: "latencyBufferHint" },
};

export function useLatency(player: { current: Player | null }): Latency | null {
  const [latency, setLatency] = useState<Latency | null>(null);
  useEffect(() => {
    const timer = setInterval(() => setLatency(player.current?.latency() ?? null), READ_MS);
    return () => clearInterval(timer);
  }, []);
  return latency;
}
