//! Connecting, losing, resuming, by a transport that obeys.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { PublishError } from "../src/errors";
import type { Hello, Ready } from "../src/messages";
import type { Packet } from "../src/queue";
import type { Transport, TransportEvents } from "../src/transport";
import { Uplink } from "../src/uplink";

class Fake implements Transport {
  readonly buffered_bytes = 0;
  sent: Uint8Array[] = [];
  said: string[] = [];
  private isClosed = false;

  constructor(
    readonly url: string,
    readonly hello: Hello,
    readonly events: TransportEvents,
  ) {}

  get bytes(): number {
    return this.sent.reduce((sum, data) => sum + data.length, 0);
  }

  ready(more: Partial<Ready> = {}): void {
    this.events.ready({ type: "ready", session: "s", resume: "token", resumed: false, bytes: 0, ack_ms: 200, resume_ms: 5000, keyframe_ms: 2000, max_kbps: null, codecs: null, ...more });
  }

  close(code = 1006, reason = ""): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.events.closed(code, reason);
  }

  send(data: Uint8Array): void {
    this.sent.push(data);
  }

  restart(): void {
    this.said.push("restart");
  }

  stats(): void {}

  bye(): void {
    this.said.push("bye");
  }

  drop(): void {
    this.said.push("drop");
    this.close();
  }
}

let transports: Fake[];
let opened: string[];
let lost: string[];
let failed: PublishError[];
const newest = () => transports.at(-1)!;
const packet = (kind: Packet["kind"], ts_ms: number): Packet => ({ kind, ts_ms, data: new Uint8Array(100) });

function make(container: "flv" | "webm" = "flv", random = () => 0): Uplink {
  const uplink = new Uplink({
    url: "ws://host/slsp/live/x?key=k",
    factory: (url, hello, events) => {
      transports.push(new Fake(url, hello, events));
      return newest();
    },
    container,
    grain_ms: 0,
    agent: "test",
    random,
    events: {
      open: (_, how) => opened.push(how),
      lost: (why) => lost.push(why),
      acked() {},
      hint() {},
      failed: (error) => failed.push(error),
      log() {},
    },
  });
  uplink.connect();
  return uplink;
}

beforeEach(() => {
  vi.useFakeTimers();
  [transports, opened, lost, failed] = [[], [], [], []];
});
afterEach(() => void vi.useRealTimers());

test("nothing is sent before ready", () => {
  const uplink = make();
  expect(newest().hello).toEqual({ v: 1, container: "flv", agent: "test" });
  uplink.push(packet("key", 0));
  expect(newest().sent.length).toBe(0);
  newest().ready();
  expect(opened).toEqual(["begin"]);
});

test("a lost socket is resumed at once, with the token, byte for byte", () => {
  const uplink = make();
  newest().ready();
  uplink.push(packet("key", 0));
  uplink.push(packet("delta", 33));
  newest().close();
  expect(lost.length).toBe(1);
  uplink.push(packet("delta", 66));
  vi.advanceTimersByTime(0);
  expect(transports.length).toBe(2);
  expect(newest().hello.resume).toBe("token");
  newest().ready({ resumed: true, bytes: 150 });
  expect(opened).toEqual(["begin", "go on"]);
  expect(newest().sent.map((data) => data.length)).toEqual([50, 100]);
  expect(uplink.reconnects).toBe(1);
});

test("attempts come at 0, 250, 500 and 1000 ms, and then less and less often", () => {
  make();
  newest().ready();
  const times: number[] = [];
  const began_ms = performance.now();
  newest().close();
  while (performance.now() - began_ms < 40_000) {
    const count = transports.length;
    vi.advanceTimersByTime(10);
    if (transports.length === count) continue;
    times.push(Math.round((performance.now() - began_ms) / 50) * 50);
    newest().close();
  }
  expect(times.slice(0, 6)).toEqual([0, 250, 750, 1750, 2750, 3750]);
  expect(failed).toEqual([]);
  const steps = times.map((time, index) => time - (times[index - 1] ?? 0));
  expect(Math.max(...steps)).toBeLessThanOrEqual(10_050);
  expect(steps.at(-1)).toBeGreaterThan(7000);
});

test("publishers that lost their server together come back one after the other", () => {
  const afters = [0, 0.25, 0.5, 0.99].map((dice) => {
    make("flv", () => dice);
    const mine = newest();
    mine.ready();
    mine.close();
    vi.advanceTimersByTime(0);
    newest().close();
    const count = transports.length;
    const began_ms = performance.now();
    while (transports.length === count) vi.advanceTimersByTime(1);
    newest().ready();
    return performance.now() - began_ms;
  });
  expect(new Set(afters).size).toBe(4);
  for (const after_ms of afters) expect(after_ms).toBeGreaterThan(180);
  for (const after_ms of afters) expect(after_ms).toBeLessThanOrEqual(251);
});

test("silence with bytes outstanding is a dead socket", () => {
  const uplink = make();
  newest().ready();
  uplink.push(packet("key", 0));
  for (let count = 0; count < 24; count++) {
    vi.advanceTimersByTime(100);
    uplink.tick(performance.now());
  }
  expect(newest().said).toEqual([]);
  for (let count = 0; count < 3; count++) {
    vi.advanceTimersByTime(100);
    uplink.tick(performance.now());
  }
  expect(transports[0]!.said).toEqual(["drop"]);
  vi.advanceTimersByTime(0);
  expect(transports.length).toBe(2);
});

test("a tab that slept does not take its sleep for silence", () => {
  const uplink = make();
  newest().ready();
  uplink.push(packet("key", 0));
  uplink.tick(performance.now());
  vi.advanceTimersByTime(60_000);
  uplink.tick(performance.now());
  expect(newest().said).toEqual([]);
});

test("a changed network is tried at once", () => {
  const uplink = make();
  newest().ready();
  newest().close();
  vi.advanceTimersByTime(0);
  newest().close();
  vi.advanceTimersByTime(10);
  const count = transports.length;
  uplink.networkChanged();
  expect(transports.length).toBe(count + 1);
});

test("what will not go away is not tried again", () => {
  make();
  newest().ready();
  newest().events.fault({ type: "error", code: 4008, name: "operator", message: "An operator ended this." });
  newest().close(1001, "4008 operator");
  vi.advanceTimersByTime(60_000);
  expect(transports.length).toBe(1);
  expect(failed[0]).toMatchObject({ code: 4008, codeName: "operator", message: "An operator ended this.", retryable: false });
});

test("the first connection tells what is wrong instead of trying for ever", () => {
  make();
  newest().close(4403, "1004 auth_bad_signature");
  expect(failed[0]).toMatchObject({ code: 1004, codeName: "auth_bad_signature" });
  make();
  newest().close();
  expect(failed[1]).toMatchObject({ code: 4003, retryable: true });
  make();
  vi.advanceTimersByTime(10_000);
  expect(failed[2]).toMatchObject({ code: 4003 });
});

test("one's own ghost under the name is waited out", () => {
  make();
  newest().ready();
  newest().close();
  vi.advanceTimersByTime(0);
  newest().close(4409, "3004 already_publishing");
  expect(failed).toEqual([]);
  vi.advanceTimersByTime(300);
  expect(transports.length).toBe(3);
});

test("a redirect moves over before it says goodbye", () => {
  make();
  newest().ready();
  const old = newest();
  old.events.redirect("ws://other/slsp/live/x");
  expect(newest().url).toBe("ws://other/slsp/live/x?key=k");
  expect(newest().hello.resume).toBe("token");
  expect(old.said).toEqual([]);
  newest().ready({ resumed: false });
  expect(old.said).toEqual(["bye"]);
  expect(opened).toEqual(["begin", "begin"]);
  old.close(1000);
  expect(lost).toEqual([]);
});

test("a redirect that leads nowhere changes nothing", () => {
  const uplink = make();
  newest().ready();
  const old = newest();
  old.events.redirect("ws://other/slsp/live/x");
  newest().close();
  uplink.push(packet("key", 0));
  expect(old.bytes).toBe(100);
  expect([lost, failed]).toEqual([[], []]);
});

test("the server that redirected may go before the new one is ready", () => {
  make();
  newest().ready();
  const old = newest();
  old.events.redirect("ws://other/slsp/live/x");
  old.close(4409, "3005 taken_over");
  vi.advanceTimersByTime(0);
  expect([transports.length, lost.length, failed.length]).toEqual([2, 1, 0]);
  newest().ready({ resumed: true, bytes: 0 });
  expect(opened).toEqual(["begin", "restart"]);
});

test("of two redirects the second one counts, and the first one is let go", () => {
  make();
  newest().ready();
  const old = newest();
  old.events.redirect("ws://one/slsp/live/x");
  const first = newest();
  old.events.redirect("ws://two/slsp/live/x");
  expect(first.said).toEqual(["drop"]);
  first.ready();
  expect(opened).toEqual(["begin"]);
  newest().ready();
  expect([transports.length, old.said, lost]).toEqual([3, ["bye"], []]);
});

test("a server that takes us and lets go at once is asked with pauses", () => {
  make();
  newest().ready();
  for (let at_ms = 0; at_ms < 2000; at_ms += 10) {
    newest().close();
    vi.advanceTimersByTime(10);
    newest().ready({ resumed: true });
  }
  expect(transports.length).toBeLessThan(8);
});

test("an outage keeps no more than it may, and sound is not dropped with the first pictures", () => {
  const uplink = make();
  newest().ready();
  newest().close();
  for (let ts_ms = 0; ts_ms < 20_000; ts_ms += 20) {
    uplink.push(packet(ts_ms % 40 === 0 ? "delta" : "audio", ts_ms));
    uplink.tick(performance.now());
  }
  expect(uplink.queue.waitsForKey).toBe(true);
  expect(uplink.queue.queued_ms).toBeLessThan(2500);
  expect(uplink.queue.length).toBeGreaterThan(10);
});

test("a recorder's chunks lost in an outage mean a new container", () => {
  const uplink = make("webm");
  newest().ready();
  uplink.push({ kind: "chunk", ts_ms: 0, data: new Uint8Array(1000) });
  newest().close();
  for (let index = 0; index < 10; index++) uplink.push({ kind: "chunk", ts_ms: index * 200, data: new Uint8Array(1024 * 1024) });
  uplink.tick(performance.now());
  vi.advanceTimersByTime(0);
  newest().ready({ resumed: true, bytes: 1000 });
  expect(opened).toEqual(["begin", "restart"]);
  expect(newest().said).toEqual(["restart"]);
});

test("a container begun during an outage is announced", () => {
  const uplink = make();
  newest().ready();
  uplink.push(packet("key", 0));
  newest().close();
  uplink.restart();
  uplink.push(packet("head", 10));
  vi.advanceTimersByTime(0);
  newest().ready({ resumed: true, bytes: 50 });
  expect(opened.at(-1)).toBe("restart");
  expect(newest().said).toEqual(["restart"]);
});

test("the end sends what waits, and says goodbye once", async () => {
  const uplink = make();
  newest().ready();
  for (let index = 0; index < 10; index++) uplink.push(packet("audio", index * 200));
  const before = newest().sent.length;
  expect(before).toBeLessThan(10);
  const ended = uplink.end(1000);
  newest().events.ack({ type: "ack", bytes: before * 100, dts_ms: -1, at_ms: 0 });
  await vi.advanceTimersByTimeAsync(1100);
  await ended;
  await uplink.end(0);
  expect(newest().sent.length).toBeGreaterThan(before);
  expect(newest().said).toEqual(["bye"]);
  vi.advanceTimersByTime(60_000);
  expect(transports.length).toBe(1);
});
