//! Beginning to play where the browser may want a gesture of the viewer first.

import type { PlayerStatus } from "./types";

/**
 * With sound if the viewer had sound, else without, else not before a gesture. What that changes; null where it
 * plays as it was meant to.
 */
export async function startPlayback(video: HTMLVideoElement): Promise<Partial<PlayerStatus> | null> {
  if (await plays(video)) return null;
  if (video.muted) return { playBlocked: true, paused: true };
  video.muted = true;
  const silent = { muted: true, soundBlocked: true };
  return (await plays(video)) ? silent : { ...silent, playBlocked: true, paused: true };
}

/** Whether the browser lets it; what is interrupted by something newer counts as let. */
async function plays(video: HTMLVideoElement): Promise<boolean> {
  try {
    await video.play();
    return true;
  } catch (error) {
    return !(error instanceof DOMException) || error.name !== "NotAllowedError";
  }
}
