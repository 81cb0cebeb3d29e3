//! The publisher's states, over a recorder and a transport that obey.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Publisher } from "../src/publisher";
import type { TransportEvents } from "../src/transport";

class Recorder {
  static isTypeSupported = () => true;
  state = "inactive";
  mimeType = "";
  ondataavailable: unknown = null;
  start(): void {
    this.state = "recording";
  }
  /** Never says that it stopped: who waits for that waits his full time. */
  stop(): void {
    this.state = "inactive";
  }
  addEventListener(): void {}
}

let connections: TransportEvents[];
const newest = () => connections.at(-1)!;
const ready = (resumed: boolean) =>
  newest().ready({ type: "ready", session: "s", resume: "token", resumed, bytes: 0, ack_ms: 200, resume_ms: 5000, keyframe_ms: 2000, max_kbps: null, codecs: null });

function make(): { publisher: Publisher; states: string[] } {
  const track = { kind: "video", getSettings: () => ({ width: 640, height: 360, frameRate: 30 }) };
  const source = { getVideoTracks: () => [track], getAudioTracks: () => [] } as unknown as MediaStream;
  const publisher = new Publisher({
    url: "ws://host/slsp/live/x",
    source,
    engine: "mediarecorder",
    transport: (_url, _hello, events) => {
      connections.push(events);
      return { buffered_bytes: 0, send() {}, restart() {}, stats() {}, bye() {}, drop() {} };
    },
  });
  const states: string[] = [];
  publisher.on("state", (state) => states.push(state));
  return { publisher, states };
}

beforeEach(() => {
  connections = [];
  vi.useFakeTimers();
  vi.stubGlobal("MediaRecorder", Recorder);
  vi.stubGlobal("addEventListener", () => {});
  vi.stubGlobal("removeEventListener", () => {});
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a connection lost while the encoder starts does not keep it from going live", async () => {
  const { publisher, states } = make();
  const started = publisher.start();
  ready(false);
  newest().closed(1006, "");
  await vi.advanceTimersByTimeAsync(10);
  expect(states).toEqual(["connecting", "reconnecting"]);
  ready(true);
  await started;
  expect(states).toEqual(["connecting", "reconnecting", "live"]);
  expect(connections.length).toBe(2);
});

test("a broadcast that was stopped while it reconnects stays stopped", async () => {
  const { publisher, states } = make();
  const started = publisher.start();
  ready(false);
  await started;
  newest().closed(1006, "");
  const stopped = publisher.stop();
  await vi.advanceTimersByTimeAsync(10);
  ready(true);
  await vi.advanceTimersByTimeAsync(2000);
  await stopped;
  expect(states).toEqual(["connecting", "live", "reconnecting", "stopped"]);
});
