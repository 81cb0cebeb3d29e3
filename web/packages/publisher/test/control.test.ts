//! The controller on simulated links, against the bars that are set for it.
//! Shows R51.

import { expect, test } from "vitest";
import { CONTROL, RateController, type Signals } from "../src/control";
import { run, type Result, type Trace } from "./link";

const SHAPED = [
  { from_ms: 0, kbps: 3000 },
  { from_ms: 10_000, kbps: 1000 },
  { from_ms: 20_000, kbps: 400 },
  { from_ms: 30_000, kbps: 3000 },
];
const DROPS_MS = [10_000, 20_000];

/** Ceilings, keyframe sizes, buffers of the bottleneck, and seeds. */
const CASES: Trace[] = [2500, 4500].flatMap((ceiling_kbps) =>
  [3, 6, 10].flatMap((keyFactor) =>
    [32e3, 256e3].flatMap((buffer_bytes) =>
      [1, 2, 3, 4].map((seed) => ({ rates: SHAPED, length_ms: 40_000, seed, ceiling_kbps, keyFactor, spread: 0.5, buffer_bytes })),
    ),
  ),
);
const results: [string, Result][] = CASES.map((trace) => [
  `${trace.ceiling_kbps} kbit/s, keyframes ×${trace.keyFactor}, ${trace.buffer_bytes} bytes, seed ${trace.seed}`,
  run(trace),
]);

test("after each drop the queue is under a second again within five, and stays", () => {
  for (const [name, { samples }] of results) {
    for (const drop_ms of DROPS_MS) {
      const late = samples.filter(({ at_ms, queue_ms }) => at_ms > drop_ms + 5000 && at_ms < drop_ms + 10_000 && queue_ms > 1000);
      expect(late.length, name).toBe(0);
    }
  }
});

test("a link that falls to 400 kbit/s makes a queue of little more than a second, and not for long", () => {
  const [from_ms, to_ms] = [20_000, 30_000];
  const worst = results.map(([name, { samples }]) => {
    const queues = samples.filter(({ at_ms }) => at_ms >= from_ms && at_ms < to_ms).map(({ queue_ms }) => queue_ms);
    expect(Math.max(...queues), name).toBeLessThan(1350);
    return queues.filter((queue_ms) => queue_ms > 1000).length * CONTROL.interval_ms;
  });
  expect(worst.reduce((sum, each) => sum + each, 0) / worst.length).toBeLessThan(300);
});

test("the link is used by seven tenths", () => {
  for (const [name, { use }] of results) expect(use, name).toBeGreaterThan(0.7);
  const mean = results.reduce((sum, [, { use }]) => sum + use, 0) / results.length;
  expect(mean).toBeGreaterThan(0.75);
});

test("a viewer a second behind stalls at most once per drop", () => {
  for (const [name, { stalls }] of results) {
    const times = stalls(1000);
    for (const drop_ms of DROPS_MS) {
      expect(times.filter((at_ms) => at_ms >= drop_ms && at_ms < drop_ms + 10_000).length, name).toBeLessThanOrEqual(1);
    }
    expect(times.filter((at_ms) => at_ms < 10_000 || at_ms >= 30_000).length, name).toBe(0);
  }
});

test("on a steady link the queue stays small and the rate does not swing", () => {
  for (const seed of [1, 2, 3]) {
    const { samples } = run({ rates: [{ from_ms: 0, kbps: 2000 }], length_ms: 60_000, seed, ceiling_kbps: 6000, keyFactor: 6, spread: 0.5 });
    const settled = samples.filter(({ at_ms }) => at_ms > 10_000);
    expect(Math.max(...settled.map(({ queue_ms }) => queue_ms))).toBeLessThan(1000);
    expect(settled.filter(({ target_kbps }) => target_kbps < 1000).length / settled.length).toBeLessThan(0.1);
    expect(settled.every(({ decision }) => decision.scale === 1)).toBe(true);
  }
});

test("a link that is wide enough is left alone", () => {
  const { samples, use } = run({ rates: [{ from_ms: 0, kbps: 20_000 }], length_ms: 20_000, seed: 1, ceiling_kbps: 2500, keyFactor: 8, spread: 0.5 });
  expect(samples.at(-1)!.target_kbps).toBe(2500);
  expect(samples.every(({ decision }) => decision.keepEvery === 1 && !decision.dropToKeyframe)).toBe(true);
  expect(use).toBeGreaterThan(0.1);
});

test("a pause of the radio costs no quality", () => {
  for (const length_ms of [300, 600]) {
    const pauses = [5000, 9000, 13_000].map((at_ms) => ({ at_ms, length_ms }));
    const { samples } = run({ rates: [{ from_ms: 0, kbps: 3000 }], length_ms: 20_000, seed: 1, ceiling_kbps: 2000, keyFactor: 6, spread: 0.5, pauses });
    expect(Math.min(...samples.map(({ target_kbps }) => target_kbps))).toBeGreaterThan(1100);
  }
});

test("at 400 ms of round trip it still fills the link without a standing queue", () => {
  const { samples, use } = run({ rates: [{ from_ms: 0, kbps: 2000 }], length_ms: 40_000, seed: 1, ceiling_kbps: 4000, keyFactor: 5, spread: 0.3, oneWay_ms: 200 });
  expect(use).toBeGreaterThan(0.7);
  expect(Math.max(...samples.filter(({ at_ms }) => at_ms > 10_000).map(({ queue_ms }) => queue_ms))).toBeLessThan(1500);
});

const QUIET: Signals = {
  queue_ms: 0,
  backlog_bytes: 0,
  acked_bytes: 0,
  acked_at_ms: 0,
  ack_ms: 200,
  rtt_ms: 50,
  encoded_kbps: 1000,
  encodeQueue: 0,
  overhead_kbps: 100,
  floor_kbps: 120,
  ceiling_kbps: 2000,
  width: 1280,
  height: 720,
  fps: 30,
};

test("it starts at six tenths of the ceiling, the sound counted", () => {
  const decision = new RateController().update(0, QUIET);
  expect(decision).toMatchObject({ total_kbps: 1200, kbps: 1100, keepEvery: 1, scale: 1, dropToKeyframe: false });
});

test("ceiling and floor hold whatever happens", () => {
  const controller = new RateController();
  controller.update(0, QUIET);
  expect(controller.update(100, { ...QUIET, ceiling_kbps: 500 }).total_kbps).toBe(500);
  let decision = controller.update(200, QUIET);
  for (let now_ms = 300; now_ms < 20_000; now_ms += 100) {
    decision = controller.update(now_ms, { ...QUIET, queue_ms: 5000, backlog_bytes: 1e6, acked_bytes: now_ms, acked_at_ms: now_ms });
    expect(decision.kbps).toBeGreaterThanOrEqual(120);
  }
  expect(decision.kbps).toBe(120);
});

test("a size is kept for ten seconds before it shrinks, for two before it grows", () => {
  const controller = new RateController();
  const changes: { at_ms: number; grew: boolean }[] = [];
  let scale = 1;
  for (let now_ms = 0; now_ms < 60_000; now_ms += 100) {
    const ceiling_kbps = Math.floor(now_ms / 3000) % 2 === 0 ? 300 : 2000;
    const decision = controller.update(now_ms, { ...QUIET, ceiling_kbps, encoded_kbps: ceiling_kbps, acked_bytes: now_ms * 250, acked_at_ms: now_ms });
    if (decision.scale !== scale) changes.push({ at_ms: now_ms, grew: decision.scale > scale });
    scale = decision.scale;
  }
  expect(changes.some(({ grew }) => grew)).toBe(true);
  expect(changes.some(({ grew }) => !grew)).toBe(true);
  changes.reduce((before, change) => {
    const least_ms = change.grew ? CONTROL.growHold_ms : CONTROL.sizeHold_ms;
    expect(change.at_ms - before.at_ms).toBeGreaterThanOrEqual(least_ms);
    return change;
  });
});

test("an encoder that cannot keep up gets every other picture until it can", () => {
  const controller = new RateController();
  controller.update(0, QUIET);
  expect(controller.update(100, { ...QUIET, encodeQueue: 5 }).keepEvery).toBe(2);
  expect(controller.update(200, { ...QUIET, encodeQueue: 2 }).keepEvery).toBe(2);
  expect(controller.update(300, { ...QUIET, encodeQueue: 0 }).keepEvery).toBe(1);
});

test("dropping is not repeated before it can have helped", () => {
  const controller = new RateController();
  const drops: number[] = [];
  for (let now_ms = 0; now_ms < 9000; now_ms += 100) {
    if (controller.update(now_ms, { ...QUIET, queue_ms: 2500 }).dropToKeyframe) drops.push(now_ms);
  }
  expect(drops).toEqual([0, 3000, 6000]);
});

test("a viewer two seconds behind hardly ever stalls", () => {
  const count = results.reduce((sum, [, { stalls }]) => sum + stalls(2000).length, 0);
  expect(count / results.length).toBeLessThan(0.1);
});
