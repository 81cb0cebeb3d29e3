//! What a page's address says of the player. Every other parameter (a signature, a key) goes with the
//! media requests. Pure.

import { isProtocol, LATENCY_MODES, parseStart, type LatencyMode, type Protocol } from "@weir/player";

export interface PlayerQuery {
  protocol: Protocol | null;
  latency: LatencyMode | null;
  /** null: not said. */
  muted: boolean | null;
  autoplay: boolean;
  controls: boolean;
  /** A recording that is meant, and not what is live. */
  recording: string | null;
  /** Where to begin, as the player's `start`. */
  start: string | null;
  /** A clip is to be cut. */
  cuts: boolean;
  /** "?…" or "" */
  media: string;
}

const OURS = ["protocol", "latency", "muted", "autoplay", "controls", "r", "t", "cut"] as const;
/** A recording's id. */
const ID = /^[0-9a-f-]{36}$/i;

export function readPlayerQuery(search: string): PlayerQuery {
  const query = new URLSearchParams(search);
  const [protocol, latency, muted, autoplay, controls, recording, start, cut] = OURS.map((name) => query.get(name));
  const id = recording && ID.test(recording) ? recording.toLowerCase() : null;
  // Others sign addresses with a `t` of theirs.
  const begins = start && parseStart(start) && (id !== null || start.startsWith("-")) ? start : null;
  for (const name of OURS) if (name !== "t" || begins !== null || id !== null) query.delete(name);
  const rest = query.toString();
  return {
    protocol: isProtocol(protocol) ? protocol : null,
    latency: LATENCY_MODES.find((mode) => mode === latency) ?? null,
    muted: muted === null || muted === undefined ? null : isOn(muted),
    autoplay: isOn(autoplay ?? "1"),
    controls: isOn(controls ?? "1"),
    recording: id,
    start: begins,
    cuts: cut !== null && cut !== undefined && isOn(cut),
    media: rest ? `?${rest}` : "",
  };
}

/** `?muted`, `?muted=1` and `?muted=true` are yes. */
const isOn = (value: string): boolean => value !== "0" && value !== "false";
