import { expect, it } from "vitest";
import { Release } from "../src/release";

it("shows the first at once and the rest of a tick until the next, in order", () => {
  const release = new Release<number>(80);
  release.give([1, 2, 3, 4], 1000);
  expect(release.take(1000)).toEqual([1]);
  expect(release.take(1019)).toEqual([]);
  expect(release.take(1045)).toEqual([2, 3]);
  expect(release.take(1080)).toEqual([4]);
  expect(release.isEmpty).toBe(true);
});

it("is never later than a tick, however many come on top of each other", () => {
  const release = new Release<number>(80);
  for (let tick = 0; tick < 5; tick += 1) release.give(Array.from({ length: 20 }, (_, at) => tick * 20 + at), 1000 + tick);
  const shown = [...release.take(1000), ...release.take(1050), ...release.take(1084)];
  expect(shown).toEqual(Array.from({ length: 100 }, (_, at) => at));
});

it("lets a flood go at once", () => {
  const release = new Release<number>(80);
  release.give(Array.from({ length: 501 }, (_, at) => at), 1000);
  expect(release.take(1000)).toHaveLength(501);
});

it("gives everything up on demand", () => {
  const release = new Release<number>(80);
  release.give([1, 2, 3], 1000);
  expect(release.takeAll()).toEqual([1, 2, 3]);
});
