//! What a page's address says of the player. Every other parameter (a signature, a key) goes with the
//! media requests. Pure.

import { isProtocol, LATENCY_MODES, type LatencyMode, type Protocol } from "@weir/player";

export interface PlayerQuery {
  protocol: Protocol | null;
  latency: LatencyMode | null;
  /** null: not said. */
  muted: boolean | null;
  autoplay: boolean;
  controls: boolean;
  /** "?…" or "" */
  media: string;
}

const OURS = ["protocol", "latency", "muted", "autoplay", "controls"] as const;

export function readPlayerQuery(search: string): PlayerQuery {
  const query = new URLSearchParams(search);
  const [protocol, latency, muted, autoplay, controls] = OURS.map((name) => query.get(name));
  for (const name of OURS) query.delete(name);
  const rest = query.toString();
  return {
    protocol: isProtocol(protocol) ? protocol : null,
    latency: LATENCY_MODES.find((mode) => mode === latency) ?? null,
    muted: muted === null || muted === undefined ? null : isOn(muted),
    autoplay: isOn(autoplay ?? "1"),
    controls: isOn(controls ?? "1"),
    media: rest ? `?${rest}` : "",
  };
}

/** `?muted`, `?muted=1` and `?muted=true` are yes. */
const isOn = (value: string): boolean => value !== "0" && value !== "false";
