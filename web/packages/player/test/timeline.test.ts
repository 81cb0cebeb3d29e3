//! Which moment each position was, and where nothing was recorded.

import { expect, test } from "vitest";
import { piecesIn, Timeline, type Piece } from "../src/timeline";

const NOON = Date.UTC(2026, 0, 1, 12);
const pieces = (...all: [start_s: number, duration_s: number, wall_ms: number | null][]): Piece[] =>
  all.map(([start_s, duration_s, wall_ms]) => ({ start_s, duration_s, wall_ms }));

test("without a break, positions and moments follow from each other", () => {
  const timeline = new Timeline(pieces([0, 2, NOON], [2, 2, NOON + 2000], [4, 1, NOON + 4000]));
  expect([timeline.start_s, timeline.end_s, timeline.holes.length]).toEqual([0, 5, 0]);
  expect(timeline.wallAt(3.5)).toBe(NOON + 3500);
  expect(timeline.positionAt(NOON + 3500)).toBe(3.5);
  expect([timeline.covers(NOON), timeline.covers(NOON + 5000), timeline.covers(NOON - 1), timeline.covers(NOON + 5001)]).toEqual([true, true, false, false]);
});

test("in a hole the position does not pass, and a moment in it is what comes next", () => {
  const timeline = new Timeline(pieces([0, 2, NOON], [2, 2, NOON + 12_000]));
  expect(timeline.holes).toEqual([{ at_s: 2, from_ms: NOON + 2000, to_ms: NOON + 12_000 }]);
  expect(timeline.positionAt(NOON + 7000)).toBe(2);
  expect(timeline.positionAt(NOON + 13_000)).toBe(3);
  expect([timeline.wallAt(1.9), timeline.wallAt(2)]).toEqual([NOON + 1900, NOON + 12_000]);
});

test("a clock that runs apart is no hole, however far it gets", () => {
  const drifting = Array.from({ length: 3600 }, (_, at): [number, number, number] => [at * 2, 2, NOON + at * 2001]);
  const timeline = new Timeline(pieces(...drifting));
  expect(timeline.holes).toEqual([]);
  expect(Math.abs(timeline.wallAt(7000)! - (NOON + 3500 * 2001))).toBeLessThan(150);
  expect(Math.abs(timeline.positionAt(NOON + 3500 * 2001)! - 7000)).toBeLessThan(0.15);
});

test("moments outside are at the nearest end, and a playlist without clocks has none", () => {
  const timeline = new Timeline(pieces([10, 2, NOON]));
  expect([timeline.positionAt(NOON - 1e6), timeline.positionAt(NOON + 1e6)]).toEqual([10, 12]);
  const dumb = new Timeline(pieces([0, 2, null]));
  expect([dumb.wallAt(1), dumb.positionAt(NOON), dumb.covers(NOON), dumb.end_s]).toEqual([null, null, false, 2]);
});

test("a playlist is read as the server writes it", () => {
  const text = [
    "#EXTM3U", "#EXT-X-TARGETDURATION:2", "#EXT-X-MAP:URI=\"init.mp4\"",
    "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:00.000Z", "#EXTINF:2.000,", "a.m4s", "#EXTINF:1.5,", "b.m4s",
    "#EXT-X-DISCONTINUITY", "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:10.000Z", "#EXTINF:2,", "c.m4s", "#EXT-X-ENDLIST", "",
  ].join("\n");
  expect(piecesIn(text)).toEqual(pieces([0, 2, NOON], [2, 1.5, NOON + 2000], [3.5, 2, NOON + 10_000]));
});
