//! From what was chosen to what the publisher is told. Pure.

import type { PublisherOptions } from "@weir/publisher";
import type { AppRules } from "./api";
import type { VideoGoal } from "./presets";
import { ENGINES, type Settings } from "./settings";

/** What only the address can say: for tests and experts. */
export interface Expert {
  engine?: Settings["engine"];
  recorderType?: string;
  /** No sound is sent, whatever the source has. */
  silent?: boolean;
}

/** Takes `engine`, `recorder` and `sound=0` out of a query: they are not the server's. */
export function takeExpert(search: string): { expert: Expert; rest: string } {
  const query = new URLSearchParams(search);
  const expert: Expert = {};
  const engine = ENGINES.find((one) => one === query.get("engine"));
  const recorderType = query.get("recorder");
  if (engine) expert.engine = engine;
  if (recorderType) expert.recorderType = recorderType;
  if (query.get("sound") === "0") expert.silent = true;
  query.delete("sound");
  query.delete("engine");
  query.delete("recorder");
  return { expert, rest: query.toString() };
}

export function publisherOptions(
  url: string,
  source: MediaStream,
  settings: Settings,
  goal: VideoGoal,
  rules: AppRules | null,
  expert: Expert,
): PublisherOptions {
  return {
    url,
    source,
    video: {
      codec: settings.codec,
      max_kbps: goal.kbps + settings.audio_kbps,
      max_height: goal.height,
      max_fps: goal.fps,
      ...(settings.keyframe_s > 0 ? { keyframe_ms: settings.keyframe_s * 1000 } : {}),
    },
    audio: expert.silent ? false : { kbps: settings.audio_kbps },
    encoder: settings.encoder,
    engine: expert.engine ?? settings.engine,
    ...(rules && rules.encoders.length > 0 ? { encoderRules: rules.encoders } : {}),
    ...(expert.recorderType ? { recorderType: expert.recorderType } : {}),
  };
}
