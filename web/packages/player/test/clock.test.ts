//! Clock offset and stamped latency.

import { expect, test } from "vitest";
import { ClockOffset, plausibleLatency, WallStamp } from "../src/clock";

test("the sample with the shortest round trip is believed", () => {
  const clock = new ClockOffset();
  expect(clock.serverTime(0)).toBeNull();
  clock.add(1000, 1400, 6900);
  clock.add(2000, 2020, 7010);
  clock.add(3000, 3600, 9000);
  expect(clock.offset_ms).toBe(5000);
  expect(clock.serverTime(10_000)).toBe(15_000);
});

test("an answer without a time changes nothing", () => {
  const clock = new ClockOffset();
  clock.add(0, 10, NaN);
  clock.add(0, 10, 0);
  expect(clock.offset_ms).toBeNull();
});

test("a stamp tells the wall clock of later positions", () => {
  const stamp = new WallStamp();
  expect(stamp.at(1)).toBeNull();
  stamp.set(1_700_000_000_000, 10);
  expect(stamp.at(12.5)).toBe(1_700_000_002_500);
});

test("a latency that cannot be is not shown", () => {
  expect(plausibleLatency(1500)).toBe(1500);
  expect(plausibleLatency(-50)).toBe(0);
  expect(plausibleLatency(-5000)).toBeNull();
  expect(plausibleLatency(3_600_000)).toBeNull();
});
