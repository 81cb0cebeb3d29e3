//! Moments as people write them, keys, pictures along the bar.

import { expect, test, vi } from "vitest";
import { actionOf, type KeyActions } from "../src/element/keys";
import { nextRate } from "../src/element/menus";
import { clockTime, partOf } from "../src/element/seek-bar";
import { duration } from "../src/names";
import { parseStart, parseTime } from "../src/start";
import { byClock, parseStoryboard, tileAt } from "../src/storyboard";

test("times are read in every form that people write", () => {
  expect(["90", "90s", "1m30s", "1:30", "1500ms", "1h", "1:00:05", "2.5"].map(parseTime)).toEqual([90_000, 90_000, 90_000, 90_000, 1500, 3_600_000, 3_605_000, 2500]);
  expect(["", "x", "5x", "s", "1:2:3:4", "-5", "1e9", "9".repeat(40)].map(parseTime)).toEqual(Array(8).fill(null));
});

test("a beginning is far from the first, far from now, or a time of the clock", () => {
  expect(parseStart("90s")).toEqual({ after_ms: 90_000 });
  expect(parseStart("-30s")).toEqual({ behind_ms: 30_000 });
  expect(parseStart("1767225600000")).toEqual({ at_ms: 1767225600000 });
  expect(parseStart("2026-01-01T00:00:00Z")).toEqual({ at_ms: 1767225600000 });
  expect([null, "", "  ", "soon", "-", "2026-01-01T99"].map(parseStart)).toEqual(Array(6).fill(null));
});

test("lengths read well", () => {
  expect([0, 65_000, 3_723_000, -5].map(duration)).toEqual(["0:00", "1:05", "1:02:03", "0:00"]);
});

function keys() {
  const spy = vi.fn<(what: string, value?: number) => void>();
  const told = (what: string) => (value?: number) => spy(what, value);
  const names = ["togglePlay", "toggleMute", "louder", "jumpToLive", "toggleCaptions", "toggleFullscreen", "togglePip", "toggleStats", "step", "seekToPart", "setRate"] as const;
  const actions = Object.fromEntries(names.map((name) => [name, told(name)])) as unknown as KeyActions;
  return (key: string, view = { hasCourse: true, isOnBar: false, rate: 1 }) => {
    spy.mockClear();
    actionOf(key, actions, view)?.();
    return spy.mock.calls[0]?.filter((value) => value !== undefined) ?? null;
  };
}

test("where there is a bar, keys go to and fro on it", () => {
  const press = keys();
  expect(["ArrowLeft", "ArrowRight", "j", "l"].map((key) => press(key))).toEqual([["step", -5], ["step", 5], ["step", -10], ["step", 10]]);
  expect(["0", "3", "9", "Home", "End"].map((key) => press(key))).toEqual([["seekToPart", 0], ["seekToPart", 0.3], ["seekToPart", 0.9], ["seekToPart", 0], ["seekToPart", 1]]);
  expect([press("<"), press(">")]).toEqual([["setRate", 0.75], ["setRate", 1.25]]);
  expect([press("ArrowUp"), press("ArrowUp", { hasCourse: true, isOnBar: true, rate: 1 })]).toEqual([["louder", 0.05], ["step", 5]]);
  expect([press("PageDown"), press(" "), press("k")]).toEqual([null, ["togglePlay"], ["togglePlay"]]);
});

test("without a bar they are left to the page, and l is live", () => {
  const press = keys();
  const none = { hasCourse: false, isOnBar: false, rate: 1 };
  expect(["ArrowLeft", "Home", "5", "j", ">"].map((key) => press(key, none))).toEqual(Array(5).fill(null));
  expect(press("l", none)).toEqual(["jumpToLive"]);
});

test("speed goes by steps and stays within them", () => {
  expect([nextRate(1, true), nextRate(1, false), nextRate(2, true), nextRate(0.5, false), nextRate(1.1, true)]).toEqual([1.25, 0.75, 2, 0.5, 1.25]);
});

test("a place on the bar is a part of what can be gone to", () => {
  expect([partOf({ from_ms: 100, to_ms: 300 }, 150), partOf({ from_ms: 100, to_ms: 300 }, 900), partOf({ from_ms: 5, to_ms: 5 }, 5)]).toEqual([0.25, 1, 0]);
});

test("the day is said where it is not today", () => {
  const now_ms = new Date(2026, 0, 2, 12).getTime();
  expect(clockTime(new Date(2026, 0, 2, 9, 5, 7).getTime(), "en-GB", now_ms)).toBe("09:05:07");
  expect(clockTime(new Date(2026, 0, 1, 9, 5, 7).getTime(), "en-GB", now_ms)).toContain("Jan");
});

test("a storyboard's cues name parts of pictures, of its own server and with its signature", () => {
  const text = "WEBVTT\n\n00:00.000 --> 00:05.000\nsprite-0.jpg#xywh=0,0,160,90\n\n1\n00:00:05.000 --> 00:00:10.000 align:start\nsprite-0.jpg#xywh=160,0,160,90\n\nNOTE no\n\n00:10.000 --> 00:15.000\nhttps://evil.example/x.jpg#xywh=0,0,1,1\n";
  const tiles = parseStoryboard(text, "https://tv.example/r/1/storyboard.vtt?key=a");
  expect(tiles).toHaveLength(2);
  expect(tiles[1]).toEqual({ from_ms: 5000, to_ms: 10_000, at_ms: null, url: "https://tv.example/r/1/sprite-0.jpg?key=a", x: 160, y: 0, width: 160, height: 90 });
  expect([tileAt(tiles, 4999)?.x, tileAt(tiles, 5000)?.x, tileAt(tiles, 60_000)?.x, tileAt([], 1)]).toEqual([0, 160, 160, null]);
});

test("a storyboard of whole pictures says when each was captured, and a stream that is live is looked up by that", () => {
  const cue = (at: number, from: string, to: string, name: string) => `\n${at}\n00:00:${from} --> 00:00:${to}\n${name}\n`;
  const text = `WEBVTT\n${cue(1_790_000_000_000, "00.000", "10.000", "picture-a-1.jpg")}${cue(1_790_000_060_000, "10.000", "20.000", "picture-b-1.jpg")}`;
  const tiles = parseStoryboard(text, "https://tv.example/r/1/storyboard.vtt");
  expect(tiles.map(({ url, width, at_ms }) => [url, width, at_ms])).toEqual([
    ["https://tv.example/r/1/picture-a-1.jpg", 0, 1_790_000_000_000],
    ["https://tv.example/r/1/picture-b-1.jpg", 0, 1_790_000_060_000],
  ]);
  // Nothing was captured between the two: the recording has a hole there.
  const live = byClock(tiles);
  const seen = (ms: number) => tileAt(live, 1_790_000_000_000 + ms)?.url.at(-7);
  expect([seen(0), seen(9_999), seen(30_000), seen(65_000), seen(90_000)]).toEqual(["a", "a", undefined, "b", "b"]);
});
