//! What the broadcaster chose, kept in localStorage. The key is kept in sessionStorage only, unless
//! the broadcaster wants this device to remember it.

import { FPS, PRESETS, type Fps, type PresetId } from "./presets";
import { friendlyName, type Pasted } from "./target";

export type SourceKind = "camera" | "screen" | "pattern" | "file";
export const SOURCES: readonly SourceKind[] = ["camera", "screen", "pattern", "file"];
export const VIDEO_CODECS = ["auto", "h264", "hevc", "av1", "vp9"] as const;
export const ENCODERS = ["auto", "hardware", "software"] as const;
export const ENGINES = ["auto", "webcodecs", "mediarecorder"] as const;
/** 0: as the server wishes */
export const KEYFRAMES_S = [0, 1, 2, 4] as const;
export const AUDIO_KBPS = [32, 64, 96, 128, 192] as const;

export interface Settings {
  source: SourceKind | null;
  /** deviceId; "" for the browser's own choice */
  camera: string;
  /** deviceId; "" for the browser's own choice, "none" for none */
  microphone: string;
  app: string;
  stream: string;
  preset: PresetId;
  fps: Fps;
  codec: (typeof VIDEO_CODECS)[number];
  encoder: (typeof ENCODERS)[number];
  engine: (typeof ENGINES)[number];
  keyframe_s: (typeof KEYFRAMES_S)[number];
  audio_kbps: (typeof AUDIO_KBPS)[number];
  /** Whether the key is remembered on this device. */
  keep: boolean;
}

const NAME = "weir.studio";
const AUTH = "weir.studio.auth";

/** Checks what was stored: an older page may have written it, or somebody's hand. */
export function readSettings(text: string | null, random: () => number = Math.random): Settings {
  let stored: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text ?? "{}");
    if (parsed && typeof parsed === "object") stored = parsed as Record<string, unknown>;
  } catch {
    // Not ours: begin anew.
  }
  const one = <T>(key: keyof Settings, of: readonly T[], otherwise: T): T =>
    of.includes(stored[key] as T) ? (stored[key] as T) : otherwise;
  const string = (key: keyof Settings, otherwise: string): string =>
    typeof stored[key] === "string" ? (stored[key] as string).slice(0, 255) : otherwise;
  return {
    source: one<SourceKind | null>("source", SOURCES, null),
    camera: string("camera", ""),
    microphone: string("microphone", ""),
    app: string("app", "") || "live",
    stream: string("stream", "") || friendlyName(random),
    preset: one<PresetId>("preset", PRESETS.map((preset) => preset.id), "auto"),
    fps: one<Fps>("fps", FPS, 30),
    codec: one("codec", VIDEO_CODECS, "auto"),
    encoder: one("encoder", ENCODERS, "auto"),
    engine: one("engine", ENGINES, "auto"),
    keyframe_s: one("keyframe_s", KEYFRAMES_S, 0),
    audio_kbps: one("audio_kbps", AUDIO_KBPS, 96),
    keep: stored["keep"] === true,
  };
}

export function loadSettings(): { settings: Settings; auth: string } {
  const settings = readSettings(get(() => localStorage, NAME));
  const auth = get(() => sessionStorage, AUTH) ?? (settings.keep ? get(() => localStorage, AUTH) : null) ?? "";
  return { settings, auth };
}

export function saveSettings(settings: Settings, auth: string): void {
  set(() => localStorage, NAME, JSON.stringify(settings));
  set(() => sessionStorage, AUTH, auth || null);
  set(() => localStorage, AUTH, settings.keep && auth ? auth : null);
}

/** What an address names wins over what was stored. */
export function withPasted(settings: Settings, auth: string, pasted: Pasted): { settings: Settings; auth: string } {
  return {
    settings: { ...settings, app: pasted.app ?? settings.app, stream: pasted.stream ?? settings.stream },
    auth: pasted.auth ?? auth,
  };
}

// A browser may refuse storage altogether; then it holds for this page only.
function get(storage: () => Storage, name: string): string | null {
  try {
    return storage().getItem(name);
  } catch {
    return null;
  }
}

function set(storage: () => Storage, name: string, value: string | null): void {
  try {
    if (value === null) storage().removeItem(name);
    else storage().setItem(name, value);
  } catch {
    // Private mode.
  }
}
