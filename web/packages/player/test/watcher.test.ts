//! What counts as a stall: a video element made up, looked at ten times a second.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Engine } from "../src/engines/engine";
import { DEFAULTS, Pacer, PRESETS } from "../src/pacing";
import { Watcher } from "../src/watcher";

const TICK_MS = 100;

/** An element with `end_s` of media; it plays while there is some, as fast as it is told. */
class Element {
  currentTime = 0;
  playbackRate = 1;
  preservesPitch = true;
  seeking = false;
  end_s = 0;
  /** Whether it moves, if only it has something to play. */
  plays = true;
  get buffered() {
    return { length: 1, start: () => 0, end: () => this.end_s };
  }
  pass(ms: number): void {
    if (this.plays) this.currentTime = Math.min(this.end_s, this.currentTime + (this.playbackRate * ms) / 1000);
  }
}

let element: Element;
let watcher: Watcher;

function go(ms: number, arrives = true): void {
  for (let passed = 0; passed < ms; passed += TICK_MS) {
    if (arrives) element.end_s += TICK_MS / 1000;
    element.pass(TICK_MS);
    vi.advanceTimersByTime(TICK_MS);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", { hidden: false });
  element = new Element();
  const events = { onMoved() {}, onStill() {} };
  watcher = new Watcher(element as unknown as HTMLVideoElement, events, () => true);
  const engine = { name: "made up", needsCatchUp: true, end_s: () => element.end_s };
  element.end_s = 1.2;
  watcher.starting();
  watcher.attach(engine as unknown as Engine, new Pacer({ ...DEFAULTS, ...PRESETS.normal }));
});

afterEach(() => {
  watcher.destroy();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("a viewer that runs dry, and is held back until there is more, has stalled once", () => {
  go(3000);
  expect([watcher.stalls, watcher.hasMoved]).toEqual([0, true]);
  go(2500, false);
  expect(watcher.stalls).toBe(1);
  expect(element.playbackRate).toBe(0);
  // The element creeps on by a picture, though it was stopped.
  element.end_s += 0.05;
  element.currentTime += 0.05;
  go(200);
  go(3000);
  expect(element.playbackRate).toBeGreaterThan(0.9);
  expect(watcher.stalls).toBe(1);
  expect(watcher.stalled_ms).toBeGreaterThan(1000);
});

test("what is held back at the start is no stall", () => {
  element.end_s = 0.2;
  go(5000);
  expect(element.currentTime).toBeGreaterThan(3);
  expect(element.end_s - element.currentTime).toBeGreaterThan(0.9);
  expect(watcher.stalls).toBe(0);
});

test("an element that does not go on when it may has stalled", () => {
  go(3000);
  element.plays = false;
  go(500);
  expect(watcher.stalls).toBe(1);
});
