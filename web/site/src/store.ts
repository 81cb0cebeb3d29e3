//! What the viewer chose, kept in localStorage; a browser that refuses storage just forgets.

import { isProtocol, LATENCY_MODES, type LatencyMode, type Protocol } from "@weir/player";

type Key = "language" | "protocol" | "latency" | "volume" | "muted" | "stats" | "signed-in" | "danmaku";

function read(key: Key): string | null {
  try {
    return localStorage.getItem(`weir.${key}`);
  } catch {
    return null;
  }
}

function write(key: Key, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`weir.${key}`);
    else localStorage.setItem(`weir.${key}`, value);
  } catch {
    // Private mode: it holds for this page only.
  }
}

export const store = {
  language: () => read("language"),
  setLanguage: (value: string) => write("language", value),

  protocol(): Protocol | null {
    const value = read("protocol");
    return isProtocol(value) ? value : null;
  },
  setProtocol: (value: Protocol | null) => write("protocol", value),

  latency(): LatencyMode | null {
    const value = read("latency");
    return LATENCY_MODES.find((mode) => mode === value) ?? null;
  },
  setLatency: (value: LatencyMode) => write("latency", value),

  volume(): number {
    const text = read("volume");
    const value = text === null ? NaN : Number(text);
    return value >= 0 && value <= 1 ? value : 1;
  },
  setVolume: (value: number) => write("volume", value.toFixed(2)),

  /** null: never chosen. */
  muted(): boolean | null {
    const value = read("muted");
    return value === null ? null : value === "true";
  },
  setMuted: (value: boolean) => write("muted", String(value)),

  /** Whether somebody was signed in here when this browser last asked: public pages ask nothing of others. */
  signedIn: () => read("signed-in") === "true",
  setSignedIn: (value: boolean) => write("signed-in", value ? "true" : null),

  /** What was chosen of the messages over the picture; whoever reads it checks it. */
  danmaku(): Record<string, unknown> {
    try {
      const kept: unknown = JSON.parse(read("danmaku") ?? "{}");
      return typeof kept === "object" && kept !== null ? { ...kept } : {};
    } catch {
      return {};
    }
  },
  setDanmaku: (value: object) => write("danmaku", JSON.stringify(value)),

  stats: () => read("stats") === "true",
  setStats: (value: boolean) => write("stats", String(value)),
};
