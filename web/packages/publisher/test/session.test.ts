//! The books: what has arrived, how far away the server is, and how to go on.

import { expect, test } from "vitest";
import { parseServerMessage, redirectTarget, type Ready } from "../src/messages";
import { HELD_LIMIT_BYTES, Session } from "../src/session";

const READY: Ready = {
  type: "ready",
  session: "s",
  resume: "secret",
  resumed: false,
  bytes: 0,
  ack_ms: 200,
  resume_ms: 5000,
  keyframe_ms: 2000,
  max_kbps: null,
  codecs: null,
};
const ack = (bytes: number, at_ms = 0) => ({ type: "ack" as const, bytes, dts_ms: -1, at_ms });
const bytes = (...values: number[]) => Uint8Array.from(values);

test("acknowledgements free what is on its way, and measure the round trip", () => {
  const session = new Session();
  expect(session.ready(READY, 0)).toEqual({ how: "begin" });
  session.sent(new Uint8Array(1000), 40, 10);
  session.sent(new Uint8Array(500), 40, 50);
  session.ack(ack(1200), 110, 0);
  expect([session.unacked_bytes, session.inFlight_ms, session.rtt_ms]).toEqual([300, 40, 100]);
  session.ack(ack(1500), 120, 0);
  expect([session.unacked_bytes, session.inFlight_ms, session.rtt_ms]).toEqual([0, 0, 70]);
});

test("an acknowledgement of more than was sent is not believed", () => {
  const session = new Session();
  session.ready(READY, 0);
  session.sent(new Uint8Array(10), 40, 10);
  session.ack(ack(5000), 20, 0);
  expect(session.unacked_bytes).toBe(10);
});

test("the distance is no queue, and what waits for an acknowledgement neither", () => {
  const session = new Session();
  session.ready(READY, 0);
  session.sent(new Uint8Array(10), 40, 0);
  session.ack(ack(10), 100, 0);
  session.sent(new Uint8Array(10), 250, 100);
  expect(session.queue_ms(0, 250, 0)).toBe(0);
  expect(session.queue_ms(400, 250, 0)).toBe(400);
});

test("no more is sent ahead than some media", () => {
  const session = new Session();
  session.ready(READY, 0);
  let sent = 0;
  for (; session.mayBeSent; sent++) session.sent(new Uint8Array(10), 100, sent * 100);
  expect(sent).toBe(6);
  session.ack(ack(30), 600, 0);
  expect(session.mayBeSent).toBe(true);
});

test("the server's clock is that of the shortest round trip", () => {
  const session = new Session();
  session.ready(READY, 0);
  expect(session.clockOffset_ms).toBeNull();
  session.sent(new Uint8Array(10), 20, 0);
  session.ack(ack(10, 1_000_050), 100, 500_000);
  expect(session.clockOffset_ms).toBe(500_100);
  session.sent(new Uint8Array(10), 20, 200);
  session.ack(ack(20, 1_005_000), 900, 500_800);
  expect(session.clockOffset_ms).toBe(500_100);
});

test("a resume goes on with the very next byte", () => {
  const session = new Session();
  session.ready(READY, 0);
  session.sent(bytes(1, 2, 3), 20, 0);
  session.sent(bytes(4, 5, 6), 20, 0);
  session.sent(bytes(7, 8), 20, 0);
  session.ack(ack(3), 50, 0);
  const resumption = session.ready({ ...READY, resumed: true, bytes: 5 }, 100);
  expect(resumption).toEqual({ how: "go on", data: [bytes(6), bytes(7, 8)] });
  session.ack(ack(8), 150, 0);
  expect([session.unacked_bytes, session.inFlight_ms]).toEqual([0, 0]);
});

test("what is not held any more, or never was sent, begins a new container", () => {
  const session = new Session();
  session.ready(READY, 0);
  session.sent(bytes(1, 2, 3), 20, 0);
  session.ack(ack(3), 50, 0);
  expect(session.ready({ ...READY, resumed: true, bytes: 1 }, 100)).toEqual({ how: "restart" });
  session.sent(bytes(1), 20, 0);
  expect(session.ready({ ...READY, resumed: true, bytes: 99 }, 100)).toEqual({ how: "restart" });
  expect(session.sentBytes).toBe(99);
  session.sent(bytes(1), 20, 0);
  expect(session.ready({ ...READY, resumed: true, bytes: 100 }, 100, false)).toEqual({ how: "restart" });
  expect(session.ready({ ...READY, resumed: false, bytes: 0 }, 100)).toEqual({ how: "begin" });
});

test("a restart that may have been lost is said again", () => {
  const session = new Session();
  session.ready(READY, 0);
  session.sent(bytes(1, 2, 3), 20, 0);
  session.restarted();
  session.sent(bytes(4, 5, 6), 20, 0);
  expect(session.ready({ ...READY, resumed: true, bytes: 3 }, 100)).toEqual({ how: "restart" });
  session.restarted();
  session.sent(bytes(4, 5, 6), 20, 0);
  expect(session.ready({ ...READY, resumed: true, bytes: 4 }, 100)).toEqual({ how: "go on", data: [bytes(5, 6)] });
});

test("what is held is bounded", () => {
  const session = new Session();
  session.ready(READY, 0);
  for (let index = 0; index < 10; index++) session.sent(new Uint8Array(HELD_LIMIT_BYTES / 4), 20, 0);
  expect(session.ready({ ...READY, resumed: true, bytes: HELD_LIMIT_BYTES / 4 }, 100)).toEqual({ how: "restart" });
});

test("messages are read without trust", () => {
  for (const text of ["", "null", "[]", "7", '{"type":"hint"}', '{"type":"hint","max_kbps":-1}', '{"type":"redirect","url":5}', '{"type":"new"}']) {
    expect(parseServerMessage(text)).toBeNull();
  }
  expect(parseServerMessage('{"type":"ready","bytes":"x","codecs":["avc1",3]}')).toMatchObject({ bytes: 0, ack_ms: 200, resumed: false, codecs: ["avc1"] });
  expect(parseServerMessage('{"type":"error","code":1004,"name":"n","message":"m"}')).toEqual({ type: "error", code: 1004, name: "n", message: "m" });
});

test("a redirect keeps the key and never leaves encryption", () => {
  expect(redirectTarget("ws://a/slsp/l/x?key=k", "wss://b/slsp/l/x")).toBe("wss://b/slsp/l/x?key=k");
  expect(redirectTarget("ws://a/slsp/l/x?key=k", "ws://b/slsp/l/x?s=1")).toBe("ws://b/slsp/l/x?s=1");
  expect(redirectTarget("wss://a/slsp/l/x", "ws://b/slsp/l/x")).toBeNull();
  expect(redirectTarget("ws://a/slsp/l/x", "https://b/slsp/l/x")).toBeNull();
  expect(redirectTarget("ws://a/slsp/l/x", "nonsense")).toBeNull();
});
