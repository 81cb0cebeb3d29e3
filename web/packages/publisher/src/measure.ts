//! Measures the way up before going live, by a session that publishes nothing (slsp.md, "Measuring
//! the uplink").

import { LOCAL, PublishError, errorOfClose } from "./errors";
import type { Fault } from "./messages";
import { slspTransport, type Transport, type TransportFactory } from "./transport";

export interface MeasureOptions {
  /** 5 by default; the server ends it at 10. */
  seconds?: number;
  signal?: AbortSignal;
  onProgress?: (kbps: number) => void;
  transport?: TransportFactory;
}

const DEFAULT_SECONDS = 5;
const MOST_SECONDS = 9.5;
/** Less than what the server takes (32 MiB), so that it is we who end it. */
const MOST_BYTES = 31 * 1024 * 1024;
const PIECE_BYTES = 16 * 1024;
/** Before anything is acknowledged, so much is sent ahead, bytes. */
const FIRST_AHEAD_BYTES = 64 * 1024;
/** Never further ahead than what was acknowledged in so long, ms: a phone's network must go on. */
const AHEAD_MS = 1000;
/** The beginning tells of slow start and not of the link, ms. */
const SLOW_START_MS = 1000;
const CONNECT_MS = 10_000;

/** What the link carries upwards, as acknowledged by the server. Rejects with `PublishError`. */
export function measureUplink(url: string, options: MeasureOptions = {}): Promise<{ kbps: number; rtt_ms: number }> {
  return new Promise((resolve, reject) => {
    const junk = crypto.getRandomValues(new Uint8Array(PIECE_BYTES));
    const length_ms = Math.min(MOST_SECONDS, options.seconds ?? DEFAULT_SECONDS) * 1000;
    const marks: { at_ms: number; bytes: number }[] = [];
    const sent: { at_ms: number; end: number }[] = [];
    let [sent_bytes, acked_bytes, best_rtt_ms] = [0, 0, Number.POSITIVE_INFINITY];
    let fault: Fault | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isDone = false;

    const finish = (error: unknown) => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
      if (error === null) transport.bye();
      else transport.drop();
      const kbps = rate();
      if (error !== null) reject(error);
      else if (kbps === 0) reject(new PublishError(LOCAL.network, "Nothing arrived at the server."));
      else resolve({ kbps: Math.round(kbps), rtt_ms: Math.round(best_rtt_ms) });
    };
    const onAbort = () => finish(options.signal?.reason ?? new DOMException("Aborted", "AbortError"));
    const rate = () => {
      const last = marks.at(-1);
      const first = marks.find((mark) => mark.at_ms >= marks[0]!.at_ms + SLOW_START_MS) ?? marks[0];
      const from = first === last ? marks[0] : first;
      return last && from && last.at_ms > from.at_ms ? ((last.bytes - from.bytes) * 8) / (last.at_ms - from.at_ms) : 0;
    };
    const fill = () => {
      const recent = marks.filter((mark) => mark.at_ms <= performance.now() - AHEAD_MS).at(-1) ?? marks[0];
      const ahead_bytes = Math.max(FIRST_AHEAD_BYTES, acked_bytes - (recent?.bytes ?? 0));
      while (sent_bytes - acked_bytes < ahead_bytes && sent_bytes < MOST_BYTES) {
        transport.send(junk);
        sent_bytes += junk.length;
        sent.push({ at_ms: performance.now(), end: sent_bytes });
      }
    };
    const transport: Transport = (options.transport ?? slspTransport)(url, { v: 1, container: "flv", test: true, agent: "weir publisher" }, {
      ready() {
        if (isDone) return;
        marks.push({ at_ms: performance.now(), bytes: 0 });
        clearTimeout(timer);
        timer = setTimeout(() => finish(null), length_ms);
        fill();
      },
      ack({ bytes }) {
        if (isDone) return;
        const at_ms = performance.now();
        acked_bytes = bytes;
        marks.push({ at_ms, bytes });
        let arrived_ms: number | null = null;
        while (sent[0] && sent[0].end <= bytes) arrived_ms = sent.shift()!.at_ms;
        if (arrived_ms !== null) best_rtt_ms = Math.min(best_rtt_ms, at_ms - arrived_ms);
        options.onProgress?.(Math.round(rate()));
        if (bytes >= MOST_BYTES) finish(null);
        else fill();
      },
      hint() {},
      redirect() {},
      fault: (told) => void (fault = told),
      closed(code, reason) {
        const told = fault ? new PublishError(fault.code, fault.message || fault.name) : errorOfClose(reason, "");
        if (code === 1000 && !told) return finish(null);
        finish(told ?? new PublishError(LOCAL.network, "The server cannot be reached."));
      },
    });
    timer = setTimeout(() => finish(new PublishError(LOCAL.network, "The server does not answer.")), CONNECT_MS);
    if (options.signal?.aborted) onAbort();
    else options.signal?.addEventListener("abort", onAbort);
  });
}
