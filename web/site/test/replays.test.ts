//! Replays in words and addresses, and the ends of a clip.

import { beforeEach, expect, test, vi } from "vitest";
import { placeOf } from "../src/console/Recordings";
import { moved, pieceAround } from "../src/watch/piece";
import { readPlayerQuery } from "../src/watch/query";
import { atOf, isPlayable, keepPlace, missingIn, placeIn, replayPath, size } from "../src/watch/replays";

const ID = "019f0000-0000-7000-8000-000000000000";

test("an address names a recording and where in it to begin, and the rest goes with the media", () => {
  expect(readPlayerQuery(`?r=${ID}&t=90s&key=a`)).toMatchObject({ recording: ID, start: "90s", cuts: false, media: "?key=a" });
  expect(readPlayerQuery(`?r=${ID}&cut`)).toMatchObject({ recording: ID, start: null, cuts: true, media: "" });
  expect(readPlayerQuery("?r=../x&t=soon")).toMatchObject({ recording: null, start: null, media: "?t=soon" });
  expect(readPlayerQuery(`?r=${ID}&t=soon`)).toMatchObject({ recording: ID, start: null, media: "" });
  expect(readPlayerQuery("?t=-30s")).toMatchObject({ start: "-30s", media: "" });
  expect(readPlayerQuery("?sign=a&t=5f000000")).toMatchObject({ start: null, media: "?sign=a&t=5f000000" });
});

test("a replay's address leads to its stream's page", () => {
  expect(replayPath({ id: ID, app: "a/b", stream: "räum" }, "5s")).toBe(`/watch/a/b/r%C3%A4um?r=${ID}&t=5s`);
  expect([atOf(61_900), atOf(-3)]).toEqual(["61s", "0s"]);
});

test("what is missing and how large it is are said in words", () => {
  const hole = { at: "", cause: "slow", duration_ms: 2000 };
  expect(missingIn({ holes: [] })).toBe("");
  expect(missingIn({ holes: [hole] })).toBe("One stretch of 0:02 is missing");
  expect(missingIn({ holes: [hole, hole] })).toBe("2 stretches, 0:04 together, are missing");
  expect([size(999), size(1_250_000), size(45_000_000), size(3.2e9)]).toEqual(["1.0 kB", "1.3 MB", "45 MB", "3.2 GB"]);
  expect([isPlayable({ state: "ready", duration_ms: 1 }), isPlayable({ state: "failed", duration_ms: 1 }), isPlayable({ state: "ready", duration_ms: 0 })]).toEqual([true, false, false]);
});

test("an app is looked for by its name, a stream by both", () => {
  expect([placeOf("live"), placeOf(" live/demo "), placeOf("a/b/c"), placeOf("/")]).toEqual([{ app: "live" }, { app: "live", stream: "demo" }, { app: "a/b", stream: "c" }, {}]);
});

test("the ends of a clip never meet, and stay within the recording", () => {
  expect(pieceAround(5000, 100_000)).toEqual({ from_ms: 0, to_ms: 30_000 });
  expect(pieceAround(99_000, 100_000)).toEqual({ from_ms: 70_000, to_ms: 100_000 });
  expect(pieceAround(3000, 8000)).toEqual({ from_ms: 0, to_ms: 8000 });
  const piece = { from_ms: 10_000, to_ms: 20_000 };
  expect(moved(piece, "from_ms", 25_000, 100_000)).toEqual({ from_ms: 25_000, to_ms: 26_000 });
  expect(moved(piece, "to_ms", 5000, 100_000)).toEqual({ from_ms: 4000, to_ms: 5000 });
  expect(moved(piece, "to_ms", 1e9, 100_000)).toEqual({ from_ms: 10_000, to_ms: 100_000 });
  expect(moved(piece, "from_ms", -5, 100_000)).toEqual({ from_ms: 0, to_ms: 20_000 });
});

const kept = new Map<string, string>();
beforeEach(() => {
  kept.clear();
  vi.stubGlobal("localStorage", { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) });
});

test("where one was is kept, but for its beginning and its end", () => {
  keepPlace("a", 60_000, 100_000);
  expect(placeIn("a")).toBe(60_000);
  keepPlace("a", 95_000, 100_000);
  expect(placeIn("a")).toBeNull();
  keepPlace("b", 3000, 100_000);
  expect(placeIn("b")).toBeNull();
});

test("the places of the newest thirty are kept, and nonsense is no place", () => {
  for (let at = 0; at < 40; at++) keepPlace(`r${at}`, 50_000, 100_000);
  expect([placeIn("r39"), placeIn("r10"), placeIn("r9")]).toEqual([50_000, 50_000, null]);
  kept.set("weir.replays", '{"x":1}');
  expect(placeIn("x")).toBeNull();
  kept.set("weir.replays", "[");
  expect(placeIn("x")).toBeNull();
});
