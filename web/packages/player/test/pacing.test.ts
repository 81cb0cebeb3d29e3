//! Catching up and backing off: the buffer of a simulated viewer, fed by traces of arrivals.
//! Shows R36, R68 and R71.

import { describe, expect, test } from "vitest";
import { piecesOf } from "../src/engines/pieces";
import { Backoff, catchUp, DEFAULTS, inPieces, Pacer, PRESETS, Target, type CatchUp, type CatchUpState, type PacingConfig } from "../src/pacing";

const TICK_MS = 100;

/** Media that has arrived by a time, both in ms. */
type Trace = (now_ms: number) => number;

interface Run {
  ahead: number[];
  rates: number[];
  changes: number;
  jumps: number;
  stalls: number;
  pacer: Pacer;
}

/** Plays a trace as the watcher does: one look every 100 ms, a stall where nothing is ahead. */
function play(trace: Trace, config: PacingConfig, seconds: number, decide: CatchUp = catchUp): Run {
  return playFrom(new Pacer(config, decide), trace, seconds);
}

/** From the middle of a broadcast: the first judgement, which may jump at once, is behind it. */
function playOn(trace: Trace, config: PacingConfig, seconds: number): Run {
  const pacer = new Pacer(config);
  for (let now = -3000; now <= 0; now += TICK_MS) pacer.tick(now, config.target_ms);
  return playFrom(pacer, trace, seconds);
}

function playFrom(pacer: Pacer, trace: Trace, seconds: number): Run {
  const run: Run = { ahead: [], rates: [], changes: 0, jumps: 0, stalls: 0, pacer };
  let position = 0;
  let rate = 1;
  let stalled = false;
  for (let now = TICK_MS; now <= seconds * 1000; now += TICK_MS) {
    const end = trace(now);
    const wanted = position + TICK_MS * rate;
    position = Math.min(end, wanted);
    const empty = wanted > end;
    if (empty && !stalled) {
      run.stalls++;
      pacer.stalled(now);
    }
    stalled = empty;
    const decision = pacer.tick(now, end - position);
    if (decision.act === "jump") {
      position = Math.max(position, end - decision.back_ms);
      run.jumps++;
      rate = 1;
    } else {
      if (decision.rate !== rate) run.changes++;
      rate = decision.rate;
    }
    run.ahead.push(end - position);
    run.rates.push(rate);
  }
  return run;
}

/** Repeatable noise between 0 and 1. */
function noise(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Real time with a lead, each piece up to `jitter_ms` late. */
function jittered(lead_ms: number, jitter_ms: number, seed = 1): Trace {
  const random = noise(seed);
  let last = 0;
  return (now) => (last = Math.max(last, now + lead_ms - random() * jitter_ms));
}

/** Nothing arrives between two times, then all of it at once. */
function cut(trace: Trace, from_ms: number, to_ms: number): Trace {
  let held = 0;
  return (now) => {
    const end = trace(now);
    if (now < from_ms || now >= to_ms) return end;
    return (held ||= end);
  };
}

const normal: PacingConfig = { ...DEFAULTS, ...PRESETS.normal };
const low: PacingConfig = { ...DEFAULTS, ...PRESETS.low };
const auto: PacingConfig = { ...DEFAULTS, ...PRESETS.auto };

describe("a viewer who is not late is left alone", () => {
  test.each([
    ["normal", normal, 1400],
    ["normal", normal, 1900],
    ["low", low, 350],
  ])("%s at %s", (_name, config, lead_ms) => {
    const run = play(jittered(lead_ms, 60), config, 120);
    expect(run.changes).toBe(0);
    expect(run.jumps).toBe(0);
  });
});

test("who has less ahead than it should begins when that is there, and gathers more at a rate nobody hears", () => {
  const run = play(jittered(300, 60), normal, 120);
  expect(run.rates.filter((rate) => rate === 0).length * TICK_MS).toBeLessThanOrEqual(normal.startBehind_ms);
  expect(run.ahead[20]!).toBeGreaterThan(800);
  expect(run.ahead.at(-1)!).toBeGreaterThan(1300);
  expect(Math.min(...run.rates.filter((rate) => rate > 0))).toBe(normal.slowRate);
  expect([run.stalls, run.jumps]).toEqual([0, 0]);
  expect(run.changes).toBeLessThanOrEqual(4);
});

test("a publisher who falls behind by a second is borne without a stall", () => {
  // What was captured later and later arrives so: half a second, then a second behind, and back.
  const real = jittered(400, 60);
  const late = (now: number) => 1100 * Math.max(0, Math.min(1, (now - 15_000) / 1200, (25_000 - now) / 3000));
  let last = 0;
  const run = play((now) => (last = Math.max(last, real(now) - late(now))), normal, 60);
  expect(run.stalls).toBe(0);
});

test.each(["auto", "normal"] as const)("%s: twelve seconds of a narrow link, and ten seconds later it is back at its target", (mode) => {
  const config: PacingConfig = { ...DEFAULTS, ...PRESETS[mode] };
  const [from_ms, to_ms] = [20_000, 32_000];
  // 1.2 of 2 Mbit/s, then what waited comes within a second.
  const real = jittered(mode === "auto" ? 350 : 2000, 40);
  const narrow: Trace = (now) => {
    const lost_ms = (now: number) => Math.max(0, Math.min(now, to_ms) - from_ms) * 0.4;
    return real(now) - (now < to_ms ? lost_ms(now) : Math.max(0, lost_ms(now) - (now - to_ms) * 5));
  };
  const run = play(narrow, config, 42);
  expect(run.stalls).toBeGreaterThan(0);
  expect(run.pacer.target.at(42_000)).toBe(config.target_ms);
  const high_ms = Math.max(config.target_ms * config.highFactor, config.target_ms + config.highMargin_ms);
  expect(run.ahead.at(-1)!).toBeLessThanOrEqual(high_ms);
});

test("a late viewer ends within the band, by one slope up and down", () => {
  const run = playOn(jittered(4500, 80), normal, 120);
  const end_ms = run.ahead.at(-1)!;
  expect(end_ms).toBeGreaterThan(normal.target_ms - 400);
  expect(end_ms).toBeLessThanOrEqual(normal.target_ms * normal.highFactor);
  expect(run.changes).toBeLessThanOrEqual(4);
  expect(run.stalls).toBe(0);
});

test("the rate never goes up and down again while it catches up", () => {
  const { rates } = playOn(jittered(5500, 120, 7), normal, 180);
  const slopes = rates.filter((rate, at) => at > 0 && rate !== rates[at - 1]).map((rate, at, all) => Math.sign(rate - (all[at - 1] ?? 1)));
  const turns = slopes.filter((slope, at) => at > 0 && slope !== slopes[at - 1]).length;
  expect(turns).toBeLessThanOrEqual(1);
});

test.each([1, 2, 3, 4, 5])("jitter twice as wide as the band does not make it oscillate (trace %i)", (seed) => {
  const minutes = 10;
  const run = play(jittered(1000, 700, seed), low, minutes * 60);
  expect(run.changes).toBeLessThanOrEqual(2 * minutes);
  expect(run.stalls).toBeLessThanOrEqual(1);
});

test("a burst after a cut is caught up with, and does not stall again", () => {
  const run = play(cut(jittered(1500, 60), 20_000, 24_000), normal, 240);
  expect(run.stalls).toBe(1);
  expect(run.changes + run.jumps).toBeLessThanOrEqual(6);
  expect(run.ahead.at(-1)!).toBeLessThanOrEqual(normal.target_ms * normal.highFactor);
});

test("a viewer too late for speeding up is moved at once", () => {
  const run = playOn(jittered(12_000, 60), normal, 20);
  expect(run.jumps).toBe(1);
  expect(run.ahead.at(-1)!).toBeLessThanOrEqual(normal.target_ms + 100);
});

test("a slow start is made good by one jump after a second, a quick one is left alone", () => {
  const slow = play(jittered(1500, 40), low, 60);
  expect([slow.jumps, slow.changes, slow.stalls]).toEqual([1, 0, 0]);
  expect(slow.ahead[15]!).toBeLessThanOrEqual(low.target_ms + 40);
  expect(play(jittered(380, 40), low, 60).jumps).toBe(0);
});

test("at the start a jump waits for a fresh keyframe, where keyframes are known", () => {
  const pacer = new Pacer(low);
  const at = (now: number, keyframe_ms: number) => pacer.tick(now, 1500, keyframe_ms).act;
  expect([0, 500, 1000, 1500, 2000].map((now) => at(now, 900))).toEqual(Array(5).fill("rate"));
  expect(at(2100, 350)).toBe("jump");
});

test("skip jumps once to the keyframe and keeps the rate", () => {
  const config: PacingConfig = { ...normal, strategy: "skip" };
  const run = play(jittered(5000, 60), config, 60);
  expect(run.jumps).toBe(1);
  expect(new Set(run.rates)).toEqual(new Set([1]));
  expect(run.ahead.at(-1)!).toBeLessThanOrEqual(config.target_ms * config.highFactor);
});

test("none neither speeds up nor jumps nor waits", () => {
  const run = play(cut(jittered(15_000, 60), 30_000, 50_000), { ...normal, strategy: "none" }, 80);
  expect(run.jumps).toBe(0);
  expect(new Set(run.rates)).toEqual(new Set([1]));
});

test("auto begins low and grows with a network that stalls", () => {
  const stalling = () => {
    let trace = jittered(300, 60);
    for (let at = 10_000; at < 120_000; at += 10_000) trace = cut(trace, at, at + 900);
    return trace;
  };
  const run = play(stalling(), auto, 120);
  const stubborn = play(stalling(), { ...auto, limit_ms: auto.target_ms }, 120);
  expect(run.pacer.target.at(120_000)).toBeGreaterThan(600);
  expect(run.stalls).toBeLessThanOrEqual(5);
  expect(stubborn.stalls).toBeGreaterThan(run.stalls);
});

test("one incident in a minute changes nothing, repeated ones raise the target to its limit", () => {
  const target = new Target(auto);
  target.stalled(0);
  expect(target.at(10)).toBe(auto.target_ms);
  for (let at = 1; at < 20; at++) target.stalled(at * 10_000);
  expect(target.at(199_000)).toBe(auto.limit_ms);
});

test("the stalls of one incident raise the target until it is over", () => {
  const target = new Target(auto);
  for (const at of [0, 2000, 4000, 6000]) target.stalled(at);
  expect(target.at(6001)).toBeGreaterThan(900);
  expect(target.at(10_001)).toBe(auto.target_ms);
});

test("a network that stalls on and on is no incident: its target stays", () => {
  const target = new Target(auto);
  for (let at = 0; at <= 60_000; at += 5000) target.stalled(at);
  expect(target.at(70_000)).toBeGreaterThan(1000);
});

test("a grown target shrinks slowly, and not below what was configured", () => {
  const target = new Target(auto);
  target.stalled(0);
  target.stalled(10_000);
  const grown_ms = target.at(10_001);
  expect(grown_ms).toBeGreaterThan(auto.target_ms);
  expect(target.at(60_000)).toBe(grown_ms);
  const later_ms = target.at(72_000);
  expect(later_ms).toBeLessThan(grown_ms);
  expect(later_ms).toBeGreaterThan(grown_ms * 0.9);
  for (let now = 80_000; now < 1_200_000; now += 1000) target.at(now);
  expect(target.at(1_200_000)).toBe(auto.target_ms);
});

test("after a stall it holds until a part of the target is there, but not for ever", () => {
  const pacer = new Pacer(normal);
  for (let now = 0; now <= 1000; now += TICK_MS) pacer.tick(now, 1500);
  pacer.stalled(1000);
  expect(pacer.tick(1100, 200)).toEqual({ act: "rate", rate: 0 });
  expect(pacer.isHolding).toBe(true);
  // A stall that is told again, and raises the target, does not raise what is waited for.
  pacer.stalled(1200);
  expect(pacer.tick(1500, 2000 * normal.resumePart)).toEqual({ act: "rate", rate: normal.slowRate });
  expect(pacer.isHolding).toBe(false);
  pacer.stalled(20_000);
  expect(pacer.tick(20_100, 0)).toEqual({ act: "rate", rate: 0 });
  expect(pacer.tick(24_200, 0)).toEqual({ act: "rate", rate: normal.slowRate });
});

test("the app's own strategy sees the state and is obeyed", () => {
  const seen: CatchUpState[] = [];
  const run = play(jittered(3000, 10), normal, 5, (state) => {
    seen.push(state);
    return { act: "rate", rate: 1.02 };
  });
  expect(run.rates.at(-1)).toBe(1.02);
  expect(seen.at(-1)).toMatchObject({ target_ms: 2000, rate: 1.02, config: normal });
  expect(seen.at(-1)!.spare_ms).toBeGreaterThan(2500);
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

describe("media in pieces", () => {
  /** Parts of a third of a second, each out when it is whole, and up to `late_ms` later. */
  const parts = (piece_ms: number, late_ms: number, seed = 1): Trace => {
    const random = noise(seed);
    const lates: number[] = [];
    return (now) => {
      let end = 0;
      for (let at = Math.floor((now + 20_000) / piece_ms); at > 0; at--) {
        const out_ms = at * piece_ms - 20_000 + (lates[at] ??= random() * late_ms);
        if (out_ms > now) continue;
        end = at * piece_ms - 20_000;
        break;
      }
      return end + 2000;
    };
  };
  const pieces = piecesOf({ partHoldBack: 1, holdBack: 6, partTarget: 0.334, targetduration: 2 }, true);
  const hls = inPieces(auto, pieces);

  test("what is held is what the playlist asks for", () => {
    expect(pieces).toEqual({ piece_ms: 334, spare_ms: 666 });
    expect(piecesOf({ partHoldBack: 0, holdBack: 6, partTarget: 0, targetduration: 2 }, true)).toEqual({ piece_ms: 2000, spare_ms: 4000 });
    expect(piecesOf({ partHoldBack: 0, holdBack: 0, partTarget: 0, targetduration: 1 }, false).spare_ms).toBe(2000);
    expect(inPieces(normal, pieces).target_ms).toBe(normal.target_ms);
  });

  test.each([1, 2, 3])("a viewer who began too far behind is at the hold-back within seconds, and does not stall (trace %i)", (seed) => {
    const run = play(parts(334, 120, seed), hls, 600);
    expect([run.stalls, run.jumps]).toEqual([0, 1]);
    const later = run.ahead.slice(100);
    expect(Math.max(...later)).toBeLessThan(1200);
    expect(run.changes).toBeLessThanOrEqual(20);
  });

  /**
   * Ten minutes of LL-HLS as hls.js plays it: it begins at the hold-back, each part is named when it is whole and is in
   * the buffer `late_ms` later, up to `jitter_ms` more. The viewer's clock is wrong by `drift`. A rate counts only when it
   * has held for a while: what a browser has decoded is played as it was.
   */
  function watch({ late_ms, jitter_ms, drift = 0, seed = 1 }: { late_ms: number; jitter_ms: number; drift?: number; seed?: number }) {
    const [piece_ms, hold_ms] = [1000 / 3, 1002];
    const random = noise(seed);
    const pacer = new Pacer(inPieces(auto, piecesOf({ partHoldBack: hold_ms / 1000, holdBack: 6, partTarget: 0.334, targetduration: 2 }, true)));
    let [listed, end_ms, position_ms, rate] = [9, 3000, 3000 - hold_ms, 1];
    let [stalled, stalls, changes, held] = [false, 0, 0, 0];
    const arrivals: { end_ms: number; at_ms: number }[] = [];
    const latency: number[] = [];
    for (let now_ms = 3000 + TICK_MS; now_ms < 603_000; now_ms += TICK_MS) {
      while ((listed + 1) * piece_ms <= now_ms) {
        listed++;
        const before_ms = arrivals.at(-1)?.at_ms ?? 0;
        arrivals.push({ end_ms: listed * piece_ms, at_ms: Math.max(before_ms, listed * piece_ms + late_ms + random() * jitter_ms) });
      }
      while (arrivals[0] && arrivals[0].at_ms <= now_ms) end_ms = arrivals.shift()!.end_ms;
      const real = rate === 0 || held >= HELD_TICKS ? rate : 1;
      const wanted_ms = position_ms + TICK_MS * real * (1 + drift);
      position_ms = Math.min(end_ms, wanted_ms);
      // The first seconds find out how late parts are.
      const isEmpty = rate > 0 && wanted_ms > end_ms;
      if (isEmpty && !stalled) pacer.stalled(now_ms);
      if (isEmpty && !stalled && now_ms > 10_000) stalls++;
      stalled = isEmpty;
      const decision = pacer.tick(now_ms, end_ms - position_ms);
      const wished = decision.act === "rate" ? decision.rate : 1;
      if (decision.act === "jump") position_ms = Math.max(position_ms, end_ms - decision.back_ms);
      if (wished !== rate && now_ms > 20_000) changes++;
      held = wished === rate ? held + 1 : 0;
      rate = wished;
      if (now_ms > 20_000) latency.push(now_ms - position_ms);
    }
    latency.sort((a, b) => a - b);
    return { changes, stalls, p50: latency[latency.length >> 1]!, p99: latency[Math.floor(latency.length * 0.99)]! };
  }

  const HELD_TICKS = 2;
  const ways = [0, 150, 300, 450, 600].flatMap((late_ms) => [0, 60, 120].map((jitter_ms) => ({ late_ms, jitter_ms })));

  test.each(ways)("parts that are $late_ms ms late, and up to $jitter_ms more: behind by no more than 1.3 s, at one rate", (way) => {
    for (const seed of [1, 2]) {
      const run = watch({ ...way, seed });
      expect(run.stalls, `seed ${seed}`).toBe(0);
      expect(run.changes, `seed ${seed}`).toBeLessThanOrEqual(4);
      expect(run.p99, `seed ${seed}`).toBeLessThan(1300);
    }
  });

  test.each([-0.0002, 0.0002])("a clock that is wrong by %f is made good a few times in ten minutes", (drift) => {
    const run = watch({ late_ms: 40, jitter_ms: 40, drift });
    expect(run.stalls).toBe(0);
    expect(run.changes).toBeLessThanOrEqual(6);
    expect(run.p99).toBeLessThan(1300);
  });
});
