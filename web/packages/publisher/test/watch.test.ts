//! Health, clocks and rates.

import { expect, test } from "vitest";
import type { Decision } from "../src/control";
import { DeliveryRate } from "../src/delivery";
import { HealthWatch, type Vitals } from "../src/health";
import { Meter } from "../src/meter";
import { SourceClock } from "../src/timing";

const decision = (total_kbps: number, phase: Decision["phase"]): Decision => ({
  kbps: total_kbps - 100,
  total_kbps,
  keepEvery: 1,
  dropToKeyframe: false,
  scale: 1,
  phase,
  delivered_kbps: null,
});
const GOOD: Vitals = {
  state: "live",
  decision: decision(2000, "steady"),
  queue_ms: 0,
  acked_kbps: 2000,
  isEncoderSlow: false,
  isSourceSlow: false,
  limit: null,
};

function settle(watch: HealthWatch, vitals: Vitals, from_ms: number, length_ms: number) {
  let health = watch.update(from_ms, vitals).health;
  for (let now_ms = from_ms; now_ms <= from_ms + length_ms; now_ms += 100) health = watch.update(now_ms, vitals).health;
  return health;
}

test("a fall is told with its numbers, and its end too", () => {
  const watch = new HealthWatch();
  expect(settle(watch, GOOD, -10_000, 15_000)).toMatchObject({ level: "good", reason: "ok" });
  expect(settle(watch, { ...GOOD, decision: decision(800, "falling") }, 5000, 500)).toMatchObject({
    level: "poor",
    reason: "uplink_fell",
    from_kbps: 2000,
    to_kbps: 800,
  });
  expect(settle(watch, { ...GOOD, decision: decision(1200, "climbing") }, 6000, 3000)).toMatchObject({ level: "fair", reason: "uplink_recovering" });
  expect(settle(watch, GOOD, 10_000, 3000)).toMatchObject({ level: "good", reason: "ok" });
});

test("what was allowed but not used is no fall", () => {
  const watch = new HealthWatch();
  const still: Vitals = { ...GOOD, acked_kbps: 200 };
  settle(watch, still, 0, 5000);
  expect(settle(watch, { ...still, decision: decision(900, "falling") }, 5000, 500).reason).toBe("ok");
});

test("trouble has to last, the network's does not", () => {
  const watch = new HealthWatch();
  settle(watch, GOOD, 0, 3000);
  expect(settle(watch, { ...GOOD, isEncoderSlow: true }, 3000, 500).reason).toBe("ok");
  expect(settle(watch, { ...GOOD, isEncoderSlow: true }, 3500, 3000).reason).toBe("encoder_slow");
  expect(settle(watch, { ...GOOD, state: "reconnecting" }, 7000, 0)).toMatchObject({ level: "down", reason: "reconnecting", since_ms: 0 });
});

test("a limit of the server is news for a while", () => {
  const watch = new HealthWatch();
  const vitals: Vitals = { ...GOOD, limit: { at_ms: 1000, from_kbps: 2000, to_kbps: 800 } };
  expect(settle(watch, vitals, 1000, 3000)).toMatchObject({ reason: "server_limit", to_kbps: 800 });
  expect(settle(watch, vitals, 12_000, 3000).reason).toBe("ok");
});

test("source times land on the page's clock, without the jitter of their arrival", () => {
  const clock = new SourceClock();
  let mapped_ms = 0;
  for (let index = 0; index < 300; index++) {
    const source_ms = index * 20;
    mapped_ms = clock.map(source_ms * 1000, 5000 + source_ms + 10 + (index % 7) * 4);
  }
  expect(mapped_ms).toBeCloseTo(5000 + 299 * 20 + 10, 0);
});

test("a source that starts anew is followed at once", () => {
  const clock = new SourceClock();
  clock.map(90_000_000, 1000);
  expect(clock.map(0, 1040)).toBe(1040);
});

test("two sources with other zeros but one arrival agree", () => {
  const [video, audio] = [new SourceClock(), new SourceClock()];
  for (let index = 0; index < 100; index++) {
    const at_ms = 1000 + index * 20;
    const difference_ms = video.map((at_ms - 700) * 1000, at_ms + 5) - audio.map((at_ms + 123_456) * 1000, at_ms + 5);
    expect(Math.abs(difference_ms)).toBeLessThan(1);
  }
});

test("a delivery rate is not measured across a silence", () => {
  const rate = new DeliveryRate(5000);
  for (let index = 0; index < 10; index++) rate.add(index * 200, index * 25_000);
  expect(rate.since(0, 400)).toBe(1000);
  for (let index = 0; index < 2; index++) rate.add(3000 + index * 200, 225_000 + index * 25_000);
  expect(rate.since(0, 400)).toBeNull();
  rate.add(3400, 300_000);
  expect(rate.since(0, 400)).toBe(1500);
  expect(rate.peak(3400, 5000)).toBe(1500);
  rate.add(3600, 10);
  expect(rate.since(0, 400)).toBeNull();
});

test("rates are those of the last second and a half", () => {
  const meter = new Meter();
  for (let now_ms = 0; now_ms <= 5000; now_ms += 100) {
    meter.encoded(12_500);
    meter.add(now_ms, { sent: now_ms * 125, acked: now_ms * 100, frames: now_ms * 0.03 });
  }
  const rates = meter.rates(5000);
  expect([rates.sent_kbps, rates.acked_kbps, rates.encoded_kbps, Math.round(rates.fps)]).toEqual([1000, 800, 1000, 30]);
});
