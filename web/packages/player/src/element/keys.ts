//! What each key does. Pure: who asks says what can be done.

import { nextRate } from "./menus";

export interface KeyActions {
  togglePlay: () => void;
  toggleMute: () => void;
  louder: (by: number) => void;
  jumpToLive: () => void;
  toggleCaptions: () => void;
  toggleFullscreen: () => void;
  togglePip: () => void;
  toggleStats: () => void;
  /** Forward, or back where it is less than 0, seconds. */
  step: (s: number) => void;
  /** To this part of all that can be gone to, 0 to 1. */
  seekToPart: (part: number) => void;
  setRate: (rate: number) => void;
}

const VOLUME_STEP = 0.05;
const STEP_S = 5;
const LEAP_S = 10;
const PAGE_S = 60;

/** What may be done now. */
export interface KeyView {
  /** There is a bar to go to and fro on. */
  hasCourse: boolean;
  /** The focus is on it. */
  isOnBar: boolean;
  rate: number;
}

/** What this key does; undefined where it is none of ours. */
export function actionOf(key: string, actions: KeyActions, view: KeyView): (() => void) | undefined {
  const always: Record<string, () => void> = {
    " ": actions.togglePlay,
    k: actions.togglePlay,
    m: actions.toggleMute,
    l: actions.jumpToLive,
    c: actions.toggleCaptions,
    f: actions.toggleFullscreen,
    p: actions.togglePip,
    i: actions.toggleStats,
    ArrowUp: () => actions.louder(VOLUME_STEP),
    ArrowDown: () => actions.louder(-VOLUME_STEP),
  };
  if (!view.hasCourse) return always[key];
  if (/^\d$/.test(key)) return () => actions.seekToPart(Number(key) / 10);
  const moving: Record<string, () => void> = {
    ArrowLeft: () => actions.step(-STEP_S),
    ArrowRight: () => actions.step(STEP_S),
    j: () => actions.step(-LEAP_S),
    l: () => actions.step(LEAP_S),
    Home: () => actions.seekToPart(0),
    End: () => actions.seekToPart(1),
    "<": () => actions.setRate(nextRate(view.rate, false)),
    ">": () => actions.setRate(nextRate(view.rate, true)),
  };
  // Elsewhere these are the page's, or the volume.
  const onBar: Record<string, () => void> = {
    ArrowUp: () => actions.step(STEP_S),
    ArrowDown: () => actions.step(-STEP_S),
    PageUp: () => actions.step(PAGE_S),
    PageDown: () => actions.step(-PAGE_S),
  };
  return (view.isOnBar ? onBar[key] : undefined) ?? moving[key] ?? always[key];
}
