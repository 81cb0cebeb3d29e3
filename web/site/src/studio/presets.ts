//! Quality: the presets, which of them an uplink carries, and what they mean to the publisher. Pure.

export const PRESETS = [
  { id: "1080p", height: 1080, kbps: 4500 },
  { id: "720p", height: 720, kbps: 2500 },
  { id: "540p", height: 540, kbps: 1500 },
  { id: "360p", height: 360, kbps: 800 },
] as const;

export type FixedPreset = (typeof PRESETS)[number]["id"];
export type PresetId = "auto" | FixedPreset;
export const FPS = [24, 30, 60] as const;
export type Fps = (typeof FPS)[number];

/** The part of a measured uplink a broadcast may count on: the rest is for sound, headers and bad moments. */
const HEADROOM = 0.75;
/** Automatic quality before anything was measured: most uplinks carry it, and the controller comes down from it. */
const UNMEASURED: FixedPreset = "720p";
/** Twice the pictures cost less than twice the bits: neighbours are more alike. */
const COST_60FPS = 1.4;
/** Below this even the smallest preset will stutter, kbit/s. */
const POOR_KBPS = 500;

export type Verdict = "great" | "good" | "fair" | "poor" | "bad";

/** An uplink in words; the best preset it carries. */
export function judgeUplink(kbps: number): { verdict: Verdict; preset: FixedPreset } {
  const preset = (PRESETS.find((one) => one.kbps <= kbps * HEADROOM) ?? PRESETS[PRESETS.length - 1]!).id;
  if (kbps < POOR_KBPS) return { verdict: "bad", preset };
  const verdict = ({ "1080p": "great", "720p": "good", "540p": "fair", "360p": "poor" } as const)[preset];
  return { verdict, preset };
}

export interface Quality {
  preset: PresetId;
  fps: Fps;
}

export interface Limits {
  /** What the uplink test found; null: not measured. */
  uplink_kbps: number | null;
  /** The most the app takes; null: no limit. */
  app_kbps: number | null;
}

export interface VideoGoal {
  height: number;
  width: number;
  fps: number;
  kbps: number;
}

/** What to capture and the most to send. */
export function videoGoal(quality: Quality, limits: Limits, audio_kbps = 0): VideoGoal {
  const auto = limits.uplink_kbps === null ? UNMEASURED : judgeUplink(limits.uplink_kbps).preset;
  const id = quality.preset === "auto" ? auto : quality.preset;
  const preset = PRESETS.find((one) => one.id === id) ?? PRESETS[1]!;
  let kbps: number = preset.kbps * (quality.fps > 30 ? COST_60FPS : 1);
  if (quality.preset === "auto" && limits.uplink_kbps !== null) kbps = Math.min(kbps, limits.uplink_kbps * HEADROOM);
  if (limits.app_kbps !== null) kbps = Math.min(kbps, limits.app_kbps - audio_kbps);
  return {
    height: preset.height,
    width: Math.round((preset.height * 16) / 9 / 2) * 2,
    fps: quality.fps,
    kbps: Math.max(100, Math.round(kbps)),
  };
}
