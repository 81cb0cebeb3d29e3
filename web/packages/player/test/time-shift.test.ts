//! Going back in what is live, and on from there: which of the two shows what, and from when.

import { beforeEach, expect, test, vi } from "vitest";
import type { Player } from "../src/player";
import type { ReplayOptions } from "../src/replay";
import { TimeShift, type TimeShiftOptions } from "../src/time-shift";
import type { PlayerStatus } from "../src/types";

const NOW = 1_767_225_600_000;
const WINDOW = { from_ms: NOW - 600_000, to_ms: NOW - 2000 };

const { made } = vi.hoisted(() => ({ made: [] as FakeReplay[] }));

/** Shows what it is told to, and covers a minute from where its playlist begins. */
class FakeReplay {
  status = status({ kind: "shifted", state: "playing", soundBlocked: false });
  rate = 1;
  clock_ms: number;
  isGone = false;
  timeline = { end_s: 100, holes: [], covers: (ms: number) => ms >= this.from_ms && ms <= this.from_ms + 120_000, wallAt: (s: number) => this.from_ms + s * 1000 };
  readonly from_ms: number;

  constructor(readonly options: ReplayOptions) {
    this.from_ms = Number(new URL(options.url).searchParams.get("from"));
    this.clock_ms = (options.start as { at_ms: number }).at_ms;
    made.push(this);
  }
  seekToClock(ms: number) {
    this.clock_ms = ms;
  }
  setRate(rate: number) {
    this.rate = rate;
  }
  play() {
    this.status = { ...this.status, paused: false };
  }
  pause() {
    this.status = { ...this.status, paused: true };
  }
  buffered = () => [];
  destroy() {
    this.isGone = true;
  }
}
vi.mock("../src/replay", () => ({
  get Replay() {
    return FakeReplay;
  },
}));

function status(change: Partial<PlayerStatus> = {}): PlayerStatus {
  const info = { app: "live", stream: "a", vhost: "", video: null, audio: null, bitrate_kbps: 1, viewers: 1, uptime_ms: 1, dvr: WINDOW };
  return { kind: "live", state: "playing", protocol: "flv", available: ["flv"], info, paused: false, muted: true, volume: 1, soundBlocked: true, playBlocked: false, fault: null, switchedFrom: null, ...change };
}

let calls: string[];
let player: { status: PlayerStatus };
let video: { currentTime: number };
let told: PlayerStatus[];

beforeEach(() => {
  made.length = 0;
  calls = [];
  told = [];
  video = { currentTime: 0 };
  const note = (what: string) => () => void calls.push(what);
  player = { status: status(), now_ms: () => NOW, latency: () => ({ kind: "true", ms: 300 }), release: note("release"), resume: note("resume"), jumpToLive: note("jump"), play: note("play"), pause: note("pause") } as never;
});

function shifted(more: Partial<TimeShiftOptions> = {}): TimeShift {
  const shift = new TimeShift({
    player: player as unknown as Player,
    video: video as HTMLVideoElement,
    url: (from_ms) => `https://tv.example/live/a.m3u8?from=${from_ms}`,
    isWanted: () => true,
    onStatus: (now) => void told.push(now),
    ...more,
  });
  shift.observe(player.status);
  return shift;
}

test("what can be gone back to ends now, and one is where the delay says", () => {
  const shift = shifted();
  expect(shift.course()).toMatchObject({ from_ms: WINDOW.from_ms, to_ms: NOW, position_ms: NOW - 300, behind_ms: 300 });
  expect(shifted({ isWanted: () => false }).course()).toBeNull();
});

test("a step back from now shows what is recorded, with some before it", () => {
  const shift = shifted();
  shift.seekTo(NOW - 30_000);
  expect(calls).toEqual(["release"]);
  expect(made[0]!.clock_ms).toBe(NOW - 30_000);
  expect(made[0]!.from_ms).toBe(NOW - 90_000);
  expect(shift.status).toMatchObject({ kind: "shifted", info: { stream: "a" } });
  expect(told.at(-1)).toMatchObject({ kind: "shifted" });
});

test("what is hardly recorded yet is now for who goes forward, and as new as can be for who goes back", () => {
  const shift = shifted();
  shift.seekTo(NOW - 1000);
  expect(made[0]!.clock_ms).toBe(WINDOW.to_ms - 5000);
  shift.seekTo(NOW - 1000);
  expect(calls).toEqual(["release", "resume"]);
  expect([made[0]!.isGone, shift.replay]).toEqual([true, null]);
});

test("small steps stay in the playlist, large ones take another, and speed and pause go along", () => {
  const shift = shifted();
  shift.seekTo(NOW - 100_000);
  shift.setRate(1.5);
  shift.seekTo(NOW - 130_000);
  expect([made.length, made[0]!.clock_ms]).toEqual([1, NOW - 130_000]);
  made[0]!.pause();
  shift.seekTo(NOW - 500_000);
  expect([made.length, made[0]!.isGone, made[1]!.rate, made[1]!.status.paused]).toEqual([2, true, 1.5, true]);
  shift.seekTo(0);
  expect(made.at(-1)!.clock_ms).toBe(WINDOW.from_ms);
  expect(made.at(-1)!.from_ms).toBe(WINDOW.from_ms);
  expect(calls).toEqual(["release"]);
});

test("who plays faster goes on live where the recording ends, and who does not stays behind", () => {
  const shift = shifted();
  shift.seekTo(NOW - 30_000);
  video.currentTime = 99;
  made[0]!.options.onMoved!();
  expect(shift.replay).not.toBeNull();
  shift.setRate(2);
  made[0]!.options.onMoved!();
  expect([shift.replay, calls]).toEqual([null, ["release", "resume"]]);
});

test("when the broadcast is over the rest of it is shown, and there is no live to go to", () => {
  const shift = shifted();
  shift.seekTo(NOW - 30_000);
  player.status = status({ state: "offline", info: null });
  shift.observe(player.status);
  expect(shift.status.kind).toBe("shifted");
  expect(shift.course()).toMatchObject({ to_ms: WINDOW.to_ms });
  shift.goLive();
  shift.seekTo(NOW);
  expect(calls).toEqual(["release"]);
  made[0]!.status = { ...made[0]!.status, state: "ended" };
  made[0]!.options.onStatus(made[0]!.status);
  expect(told.at(-1)).toMatchObject({ kind: "shifted", state: "ended" });
});

test("after a long pause it goes on where it was left, after a short one live", () => {
  vi.useFakeTimers();
  const shift = shifted();
  shift.observe({ ...player.status, paused: true });
  vi.advanceTimersByTime(1000);
  shift.play();
  expect(calls).toEqual(["play"]);
  shift.observe({ ...player.status, paused: true });
  vi.advanceTimersByTime(8000);
  shift.play();
  expect(made[0]!.clock_ms).toBe(WINDOW.to_ms - 5000);
  vi.useRealTimers();
});

test("a wish to begin earlier is heeded once, as soon as it is known what there is", () => {
  const shift = shifted({ start: { behind_ms: 60_000 } });
  expect(made[0]!.clock_ms).toBe(NOW - 60_000);
  shift.goLive();
  shift.observe(player.status);
  expect(made).toHaveLength(1);
});
