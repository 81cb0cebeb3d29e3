import { describe, expect, it } from "vitest";
import { Lanes, speedOf, type Flight } from "../src/danmaku/lanes";
import { Queue, type Shout } from "../src/danmaku/queue";
import { isBlocked, settled, USUAL } from "../src/danmaku/settings";

const CROSS_MS = 8000;

const flight = (start_ms: number, length_px: number, width_px = 1280): Flight => ({ start_ms, width_px, length_px, speed: speedOf(width_px, length_px, CROSS_MS) });

/** Where it is: its left and its right edge. */
const edges = ({ start_ms, width_px, length_px, speed }: Flight, at_ms: number) => {
  const left_px = width_px - speed * (at_ms - start_ms);
  return [left_px, left_px + length_px] as const;
};

describe("lanes", () => {
  it("never let two touch, at 100 a second of all lengths", () => {
    let seed = 7;
    const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
    const lanes = new Lanes();
    lanes.setCount(8);
    const flown: Flight[][] = Array.from({ length: 8 }, () => []);
    for (let now_ms = 0; now_ms < 30_000; now_ms += 10) {
      const next = flight(now_ms, 40 + random() * 900);
      const lane = lanes.take(next, 20);
      if (lane >= 0) flown[lane]!.push(next);
    }
    expect(flown.every((lane) => lane.length > 5)).toBe(true);
    for (const lane of flown) {
      for (let at_ms = 0; at_ms < 40_000; at_ms += 40) {
        const seen = lane.map((one) => edges(one, at_ms)).filter(([left, right]) => right > 0 && left < 1280);
        const touching = seen.filter(([left], k) => k > 0 && left <= seen[k - 1]![1]);
        if (touching.length > 0) expect(touching, `at ${at_ms}`).toEqual([]);
      }
    }
  });

  it("fly the longer the faster, all in the same time", () => {
    const [short, long] = [flight(0, 100), flight(0, 800)];
    expect(long.speed).toBeGreaterThan(short.speed);
    for (const one of [short, long]) expect(edges(one, CROSS_MS)[1]).toBeCloseTo(0);
  });

  it("hold a fast one back behind a slow one, and not a slow one behind a fast one", () => {
    const lanes = new Lanes();
    lanes.setCount(1);
    lanes.take(flight(0, 100), 20);
    expect(lanes.take(flight(1500, 1500), 20)).toBe(-1);
    expect(lanes.take(flight(1500, 60), 20)).toBe(0);
  });

  it("keep to what flies when there are fewer or more of them", () => {
    const lanes = new Lanes();
    lanes.setCount(2);
    lanes.take(flight(0, 500), 20);
    lanes.setCount(1);
    expect(lanes.take(flight(1, 500), 20)).toBe(-1);
    lanes.setCount(3);
    expect(lanes.take(flight(2, 500), 20)).toBe(1);
  });
});

describe("the queue", () => {
  const shout = (id: string, isOwn = false): Shout => ({ id, text: id, user: null, isOwn });

  it("lets one's own go first, and counts what waited too long", () => {
    const queue = new Queue();
    queue.add(shout("a"), 0);
    queue.add(shout("b"), 1500);
    queue.add(shout("own", true), 1600);
    const taken: string[] = [];
    queue.drain(2500, ({ id }) => taken.push(id) < 2);
    expect(taken).toEqual(["own", "b"]);
    expect(queue.left).toBe(1);
  });

  it("is bounded, and leaves out the oldest of the others", () => {
    const queue = new Queue();
    queue.add(shout("own", true), 0);
    for (let at = 0; at < 200; at += 1) queue.add(shout(String(at)), 0);
    const taken: string[] = [];
    queue.drain(0, ({ id }) => taken.push(id) > 0);
    expect([taken.length, taken[0], taken[1], queue.left]).toEqual([120, "own", "81", 81]);
  });
});

describe("settings", () => {
  it("take what makes sense, whatever was stored", () => {
    expect(settled(USUAL, { opacity: 9, speed: "fast", area: NaN, isOn: 1, words: ["a", 3, " "], density: 0 })).toEqual({ ...USUAL, opacity: 1, words: ["a"], density: 0.25 });
  });

  it("block words however they are written, and people", () => {
    const blocking = settled(USUAL, { words: ["Spam"], users: ["bob"] });
    expect(isBlocked(blocking, "buy ＳＰＡＭ now", null)).toBe(true);
    expect(isBlocked(blocking, "hello", "bob")).toBe(true);
    expect(isBlocked(blocking, "hello", "ann")).toBe(false);
  });
});
