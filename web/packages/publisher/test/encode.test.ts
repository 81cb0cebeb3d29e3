//! What is pure about encoding.

import { expect, test } from "vitest";
import { holes } from "../src/encode";

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
