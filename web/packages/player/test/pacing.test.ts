//! Catching up and backing off.

import { expect, test } from "vitest";
import { Backoff, catchUp } from "../src/pacing";

test("a small buffer plays at normal speed", () => {
  expect(catchUp(1200, 1)).toEqual({ act: "rate", rate: 1 });
});

test("above three seconds it speeds up and keeps on until it is near", () => {
  expect(catchUp(3100, 1)).toEqual({ act: "rate", rate: 1.1 });
  expect(catchUp(2000, 1.1)).toEqual({ act: "rate", rate: 1.1 });
  expect(catchUp(2000, 1)).toEqual({ act: "rate", rate: 1 });
  expect(catchUp(1400, 1.1)).toEqual({ act: "rate", rate: 1 });
});

test("above eight seconds it jumps", () => {
  expect(catchUp(8100, 1.1)).toMatchObject({ act: "jump" });
});

test("delays double up to the limit and start anew after a reset", () => {
  const backoff = new Backoff(1000, 8000, () => 0.5);
  expect([1, 2, 3, 4, 5].map(() => backoff.next())).toEqual([1000, 2000, 4000, 8000, 8000]);
  backoff.reset();
  expect(backoff.next()).toBe(1000);
});

test("jitter stays within a quarter", () => {
  expect(new Backoff(1000, 8000, () => 0).next()).toBe(750);
  expect(new Backoff(1000, 8000, () => 1).next()).toBe(1250);
});
