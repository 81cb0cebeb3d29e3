//! A bottleneck in virtual time: an encoder that is told its rate, the send queue, a link with a rate,
//! a delay and a buffer of its own, and a server that acknowledges. For the controller's tests.

import { CONTROL, RateController, type ControlNumbers, type Decision } from "../src/control";
import type { Ready } from "../src/messages";
import { SendQueue } from "../src/queue";
import { Session } from "../src/session";

export interface Trace {
  /** kbit/s from a time on. */
  rates: { from_ms: number; kbps: number }[];
  length_ms: number;
  seed: number;
  ceiling_kbps: number;
  /** How much larger a keyframe is than the mean picture. */
  keyFactor: number;
  /** Random spread of picture sizes, 0 to 1. */
  spread: number;
  oneWay_ms?: number;
  keyframe_ms?: number;
  /** Bytes the link's own buffer takes before it pushes back. */
  buffer_bytes?: number;
  /** Share of its rate the encoder really uses. */
  use?: number;
  /** Times at which nothing passes for so long, as radios do it. */
  pauses?: { at_ms: number; length_ms: number }[];
  numbers?: Partial<ControlNumbers>;
}

export interface Sample {
  at_ms: number;
  queue_ms: number;
  target_kbps: number;
  link_kbps: number;
  delivered_bytes: number;
  decision: Decision;
}

export interface Result {
  samples: Sample[];
  /** Delivered over what the link could have carried. */
  use: number;
  /** Times at which a viewer with `buffer_ms` ran dry. */
  stalls: (buffer_ms: number) => number[];
  drops: number;
}

const FPS = 30;
const AUDIO_KBPS = 64;
const ACK_MS = 100;

export function run(trace: Trace): Result {
  const random = mulberry(trace.seed);
  const oneWay_ms = trace.oneWay_ms ?? 50;
  const buffer_bytes = trace.buffer_bytes ?? 128 * 1024;
  const keyframe_ms = trace.keyframe_ms ?? 2000;
  const controller = new RateController({ ...CONTROL, ...trace.numbers });
  const queue = new SendQueue();
  const session = new Session();
  session.ready({ ...READY }, 0);

  const result: Sample[] = [];
  const arrivals: { ts_ms: number; at_ms: number }[] = [];
  /** In the link's buffer: bytes still to pass, and whose they are. */
  const pipe: { left: number; ts_ms: number }[] = [];
  let pipe_bytes = 0;
  let arrived_bytes = 0;
  let possible_bytes = 0;
  const inAir: { at_ms: number; bytes: number; ts_ms: number | null }[] = [];
  const acks: { at_ms: number; bytes: number }[] = [];
  let lastAckSent_ms = 0;
  let lastAcked = 0;
  let decision: Decision | null = null;
  let nextVideo_ms = 0;
  let nextAudio_ms = 0;
  let nextUpdate_ms = 0;
  let lastKey_ms = Number.NEGATIVE_INFINITY;
  let forceKey = false;
  let frameIndex = 0;
  /** The encoder's own rate control: what a keyframe cost is saved by the pictures after it. */
  let debt_bytes = 0;
  const encoded: { at_ms: number; bytes: number }[] = [];
  let drops = 0;
  const socket: { data: Uint8Array; ts_ms: number }[] = [];

  for (let now = 0; now < trace.length_ms; now++) {
    const link_kbps = trace.rates.filter((rate) => rate.from_ms <= now).at(-1)!.kbps;
    if (now >= nextVideo_ms) {
      nextVideo_ms += 1000 / FPS;
      frameIndex++;
      if (decision && frameIndex % decision.keepEvery === 0) {
        const isKey = forceKey || now - lastKey_ms >= keyframe_ms;
        const mean = (decision.kbps * (trace.use ?? 1) * 1000) / 8 / (FPS / decision.keepEvery);
        let size = mean * (1 + (random() * 2 - 1) * trace.spread);
        if (isKey) {
          const key = mean * trace.keyFactor;
          debt_bytes += key - mean;
          size = key;
          lastKey_ms = now;
          forceKey = false;
        } else {
          const paid = Math.min(debt_bytes, size * 0.25);
          debt_bytes -= paid;
          size -= paid;
        }
        size = Math.max(60, Math.round(size));
        encoded.push({ at_ms: now, bytes: size });
        queue.push({ kind: isKey ? "key" : "delta", ts_ms: now, data: new Uint8Array(size) });
      }
    }
    if (now >= nextAudio_ms) {
      nextAudio_ms += 20;
      encoded.push({ at_ms: now, bytes: (AUDIO_KBPS / 8) * 20 });
      queue.push({ kind: "audio", ts_ms: now, data: new Uint8Array((AUDIO_KBPS / 8) * 20) });
    }
    while (queue.length > 0 && session.mayBeSent) {
      const { item, span_ms } = queue.shift()!;
      if (item.kind === "restart") continue;
      session.sent(item.data, span_ms, now);
      socket.push({ data: item.data, ts_ms: item.ts_ms });
    }
    while (socket.length > 0 && pipe_bytes < buffer_bytes) {
      const { data, ts_ms } = socket.shift()!;
      pipe.push({ left: data.length, ts_ms });
      pipe_bytes += data.length;
    }
    let budget = link_kbps / 8;
    possible_bytes += budget;
    if (trace.pauses?.some((pause) => now >= pause.at_ms && now < pause.at_ms + pause.length_ms)) budget = 0;
    while (budget > 0 && pipe.length > 0) {
      const head = pipe[0]!;
      const taken = Math.min(budget, head.left);
      head.left -= taken;
      budget -= taken;
      pipe_bytes -= taken;
      const isWhole = head.left <= 0.001;
      inAir.push({ at_ms: now + oneWay_ms, bytes: taken, ts_ms: isWhole ? head.ts_ms : null });
      if (isWhole) pipe.shift();
    }
    while (inAir[0] && inAir[0].at_ms <= now) {
      const { bytes, ts_ms } = inAir.shift()!;
      arrived_bytes += bytes;
      if (ts_ms !== null) arrivals.push({ ts_ms, at_ms: now });
    }
    if (now - lastAckSent_ms >= ACK_MS && Math.floor(arrived_bytes + 0.01) > lastAcked) {
      lastAckSent_ms = now;
      lastAcked = Math.floor(arrived_bytes + 0.01);
      acks.push({ at_ms: now + oneWay_ms, bytes: lastAcked });
    }
    while (acks[0] && acks[0].at_ms <= now) {
      session.ack({ type: "ack", bytes: acks.shift()!.bytes, dts_ms: 0, at_ms: 1 + now }, now, now);
    }
    if (now >= nextUpdate_ms) {
      nextUpdate_ms += CONTROL.interval_ms;
      while (encoded[0] && encoded[0].at_ms < now - 1000) encoded.shift();
      const queue_ms = session.queue_ms(queue.queued_ms, now, 0);
      decision = controller.update(now, {
        queue_ms,
        backlog_bytes: queue.bytes + session.unacked_bytes,
        acked_bytes: session.ackedBytes,
        acked_at_ms: session.lastAck_ms ?? 0,
        ack_ms: session.ack_ms,
        rtt_ms: session.rtt_ms,
        encoded_kbps: (encoded.reduce((sum, each) => sum + each.bytes, 0) * 8) / Math.max(200, Math.min(1000, now)),
        encodeQueue: 0,
        overhead_kbps: AUDIO_KBPS + 8,
        floor_kbps: 100,
        ceiling_kbps: trace.ceiling_kbps,
        width: 1280,
        height: 720,
        fps: FPS,
      });
      if (decision.dropToKeyframe) {
        drops++;
        forceKey = queue.dropToKeyframe(true) || forceKey;
      }
      result.push({ at_ms: now, queue_ms, target_kbps: decision.total_kbps, link_kbps, delivered_bytes: arrived_bytes, decision });
    }
  }
  return {
    samples: result,
    use: arrived_bytes / possible_bytes,
    stalls: (buffer_ms) => stallsOf(arrivals, buffer_ms),
    drops,
  };
}

/** A viewer who plays `buffer_ms` behind the first arrival and waits for what is late. */
function stallsOf(arrivals: { ts_ms: number; at_ms: number }[], buffer_ms: number): number[] {
  const stalls: number[] = [];
  let shift_ms = arrivals[0]!.at_ms - arrivals[0]!.ts_ms + buffer_ms;
  for (const { ts_ms, at_ms } of arrivals) {
    if (at_ms <= ts_ms + shift_ms) continue;
    if (stalls.length === 0 || at_ms - stalls.at(-1)! > 3000) stalls.push(at_ms);
    // Buffered anew before it plays on.
    shift_ms = at_ms - ts_ms + buffer_ms / 2;
  }
  return stalls;
}

const READY: Ready = {
  type: "ready",
  session: "s",
  resume: "r",
  resumed: false,
  bytes: 0,
  ack_ms: ACK_MS,
  resume_ms: 5000,
  keyframe_ms: 2000,
  max_kbps: null,
  codecs: null,
};

/** A small random generator, so that a seed is a trace. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}
