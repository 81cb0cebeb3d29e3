//! Clips: pieces of recordings with an address of their own, which plays like a recording.

import type { ClipSeen } from "@weir/api";
import { ask } from "../api";
import { store } from "../store";

export type Clip = ClipSeen;

export const makeClip = (id: string, wish: { from_ms: number; to_ms: number; title: string }) => ask("clip_create", { path: { id }, body: wish });

export const clipsOf = async (id: string) => (await ask("clips_list", { path: { id } })).items;

export const removeClip = (id: string, clip: string) => ask("clip_remove", { path: { id, clip } });

/** Whether who looks may cut this recording: who is told of it as staff or as the channel's own. Nobody else asks. */
export async function mayCut(id: string): Promise<boolean> {
  if (!store.signedIn()) return false;
  return ask("recording", { path: { id } }).then(() => true, () => false);
}
