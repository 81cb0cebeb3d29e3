import { describe, expect, it } from "vitest";
import { forgottenParts } from "../src/engines/parts";

const ranges = (...pairs: [number, number][]) => ({
  length: pairs.length,
  start: (at: number) => pairs[at]![0],
  end: (at: number) => pairs[at]![1],
});
const part = (start: number, end: number, loaded = false) => ({ start, end, loaded });

describe("parts that were forgotten", () => {
  // As it was seen in a browser: what was watched was evicted while the sixth segment was being loaded.
  it("are those that the buffer has", () => {
    const parts = [part(30.72, 31.04, true), part(32.72, 33.04), part(33.04, 33.36), part(33.68, 34, true), part(34.72, 35.04)];
    expect(forgottenParts(parts, ranges([18.24, 34.71]))).toEqual([parts[1], parts[2]]);
  });

  it("are not those that the buffer has in part", () => {
    expect(forgottenParts([part(10, 10.32)], ranges([0, 10.2]))).toEqual([]);
    expect(forgottenParts([part(10, 10.08)], ranges([0, 10.05]))).toEqual([]);
    expect(forgottenParts([part(10, 10.32)], ranges([0, 10.1], [10.2, 20]))).toEqual([]);
    expect(forgottenParts([part(10, 10.32)], ranges([0, 5], [9.99, 20]))).toHaveLength(1);
  });
});
