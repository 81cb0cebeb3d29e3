//! What is pure about encoding.

import { expect, test } from "vitest";
import { holes, isWorthTelling } from "../src/encode";

test("sound that goes on where it ended has no hole", () => {
  expect(holes(null, 5_000_000)).toEqual([]);
  expect(holes(1_000_000, 1_000_000)).toEqual([]);
  expect(holes(1_000_000, 1_010_000)).toEqual([]);
  expect(holes(1_000_000, 900_000)).toEqual([]);
});

test("what was lost is made up for to the microsecond", () => {
  const pieces = holes(1_000_000, 2_230_000);
  expect(pieces.map((piece) => piece.from_us)).toEqual([1_000_000, 1_500_000, 2_000_000]);
  expect(pieces.reduce((sum, piece) => sum + piece.length_us, 0)).toBe(1_230_000);
});

test("another time is no loss", () => {
  expect(holes(1_000_000, 3_600_000_000)).toEqual([]);
});

test("an encoder is not told each step of a climb, as each may cost a keyframe", () => {
  let [rate, told] = [1000, [] as number[]];
  let last_ms = -10_000;
  for (let now_ms = 0; now_ms < 10_000; now_ms += 33) {
    const wanted = 1000 * 1.12 ** (now_ms / 1000);
    if (!isWorthTelling(rate, wanted, now_ms - last_ms)) continue;
    [rate, last_ms] = [wanted, now_ms];
    told.push(now_ms);
  }
  expect(told.length).toBeGreaterThan(7);
  expect(told.length).toBeLessThan(11);
});

test("a fall is told at once, and a large step up too", () => {
  expect(isWorthTelling(2000, 900, 33)).toBe(true);
  expect(isWorthTelling(2000, 1900, 100)).toBe(false);
  expect(isWorthTelling(2000, 1900, 400)).toBe(true);
  expect(isWorthTelling(2000, 2700, 33)).toBe(true);
  expect(isWorthTelling(2000, 2030, 60_000)).toBe(false);
});
