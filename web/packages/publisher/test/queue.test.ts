//! Dropping what waits.

import { expect, test } from "vitest";
import { SendQueue, type PacketKind } from "../src/queue";

/** `K` key, `d` delta, `a` audio, `c` config, `s` stamp; one every 20 ms, 10 bytes each. */
function fill(queue: SendQueue, pattern: string, from_ms = 0): void {
  const kinds: Record<string, PacketKind> = { K: "key", d: "delta", a: "audio", c: "config", s: "stamp" };
  [...pattern].forEach((letter, index) => queue.push({ kind: kinds[letter]!, ts_ms: from_ms + index * 20, data: new Uint8Array(10) }));
}

function drain(queue: SendQueue): string {
  let all = "";
  for (let next = queue.shift(); next; next = queue.shift()) all += next.item.kind === "key" ? "K" : next.item.kind[0];
  return all;
}

test("what goes in comes out, in order, and the sums follow", () => {
  const queue = new SendQueue();
  fill(queue, "cKada");
  expect([queue.length, queue.bytes, queue.queued_ms]).toEqual([5, 50, 80]);
  expect(drain(queue)).toBe("cKada");
  expect([queue.length, queue.bytes, queue.queued_ms]).toEqual([0, 0, 0]);
});

test("dropping keeps sound and configurations and goes on from the last keyframe", () => {
  const queue = new SendQueue();
  fill(queue, "ddaKdacdKda");
  expect(queue.dropToKeyframe(false)).toBe(false);
  expect(queue.dropped).toBe(5);
  expect(drain(queue)).toBe("aacKda");
});

test("a fresh start drops every picture and refuses more until a keyframe comes", () => {
  const queue = new SendQueue();
  fill(queue, "aKsda");
  expect(queue.dropToKeyframe(true)).toBe(true);
  expect(queue.waitsForKey).toBe(true);
  fill(queue, "ddaKd", 200);
  expect(queue.waitsForKey).toBe(false);
  expect(queue.dropped).toBe(4);
  expect(drain(queue)).toBe("aaaKd");
});

test("a stamp goes with the picture it belongs to", () => {
  const queue = new SendQueue();
  fill(queue, "sdsKd");
  queue.dropToKeyframe(false);
  expect(drain(queue)).toBe("Kd");
});

test("a gap is not media", () => {
  const queue = new SendQueue();
  fill(queue, "K", 0);
  fill(queue, "K", 60_000);
  expect(queue.queued_ms).toBe(250);
});

test("old sound can be dropped alone", () => {
  const queue = new SendQueue();
  fill(queue, "aaaaa");
  queue.dropAudioBefore(60);
  expect([queue.length, queue.bytes]).toEqual([2, 20]);
});

test("a restart keeps its place", () => {
  const queue = new SendQueue();
  fill(queue, "K");
  queue.push({ kind: "restart", container: "flv" });
  fill(queue, "K", 40);
  expect(drain(queue)).toBe("KrK");
});
