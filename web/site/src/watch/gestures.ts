//! Fullscreen, picture in picture and the keyboard.

import type { Player } from "@weir/player";
import { useCallback, useEffect, useState } from "preact/hooks";

interface Ref<T> {
  current: T | null;
}

export interface Toggle {
  on: boolean;
  possible: boolean;
  toggle: () => void;
}

/** iPhones can only put the video itself in fullscreen. */
type PhoneVideo = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

export function useFullscreen(stage: Ref<HTMLElement>, video: Ref<HTMLVideoElement>): Toggle {
  const [on, setOn] = useState(false);
  useEffect(() => {
    const changed = () => setOn(document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", changed);
    return () => document.removeEventListener("fullscreenchange", changed);
  }, []);
  const toggle = useCallback(() => {
    const element = stage.current;
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (element?.requestFullscreen) void element.requestFullscreen().catch(() => {});
    else (video.current as PhoneVideo | null)?.webkitEnterFullscreen?.();
  }, []);
  return { on, possible: true, toggle };
}

export function usePictureInPicture(video: Ref<HTMLVideoElement>): Toggle {
  const [on, setOn] = useState(false);
  useEffect(() => {
    const element = video.current;
    const changed = () => setOn(document.pictureInPictureElement === element);
    element?.addEventListener("enterpictureinpicture", changed);
    element?.addEventListener("leavepictureinpicture", changed);
    return () => {
      element?.removeEventListener("enterpictureinpicture", changed);
      element?.removeEventListener("leavepictureinpicture", changed);
    };
  }, []);
  const toggle = useCallback(() => {
    if (document.pictureInPictureElement) void document.exitPictureInPicture();
    else void video.current?.requestPictureInPicture?.().catch(() => {});
  }, []);
  return { on, possible: document.pictureInPictureEnabled ?? false, toggle };
}

const VOLUME_STEP = 0.05;

export function useShortcuts(actions: {
  player: Ref<Player>;
  video: Ref<HTMLVideoElement>;
  setMuted: (muted: boolean) => void;
  setVolume: (volume: number) => void;
  toggleStats: () => void;
  fullscreen: () => void;
  pip: () => void;
}): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !isForPlayer(event)) return;
      const video = actions.video.current;
      if (!video) return;
      const byKey: Record<string, () => void> = {
        " ": () => actions.player.current?.togglePlay(),
        k: () => actions.player.current?.togglePlay(),
        m: () => actions.setMuted(!video.muted),
        f: actions.fullscreen,
        i: actions.toggleStats,
        p: actions.pip,
        ArrowUp: () => actions.setVolume(Math.min(1, video.volume + VOLUME_STEP)),
        ArrowDown: () => actions.setVolume(Math.max(0, video.volume - VOLUME_STEP)),
      };
      const action = byKey[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!action) return;
      event.preventDefault();
      action();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}

/** Fields, dialogs and open menus keep their keys; a focused button keeps the space bar. */
function isForPlayer(event: KeyboardEvent): boolean {
  const target = event.target instanceof Element ? event.target : null;
  if (!target) return true;
  if (target.closest("input, textarea, select, dialog, [role=menu]")) return false;
  return !(event.key === " " && target.closest("button, a"));
}
