//! How far the server's clock is from ours, and how late a frame is by it. Pure.

/** Samples kept: the one with the shortest round trip of these is believed. */
const SAMPLES = 8;

/** Estimates server clock − our clock from answers that carry the server's time. */
export class ClockOffset {
  private samples: { offset_ms: number; rtt_ms: number }[] = [];

  /** `sent_ms` and `received_ms` are by our clock, `server_ms` is what the answer said. */
  add(sent_ms: number, received_ms: number, server_ms: number): void {
    const rtt_ms = received_ms - sent_ms;
    if (!Number.isFinite(server_ms) || server_ms <= 0 || rtt_ms < 0) return;
    this.samples.push({ offset_ms: server_ms - (sent_ms + received_ms) / 2, rtt_ms });
    if (this.samples.length > SAMPLES) this.samples.shift();
  }

  /** Server minus ours, ms; null until the first sample. */
  get offset_ms(): number | null {
    let best: { offset_ms: number; rtt_ms: number } | undefined;
    for (const sample of this.samples) if (!best || sample.rtt_ms < best.rtt_ms) best = sample;
    return best ? best.offset_ms : null;
  }

  /** Our clock moved to the server's; null when we know nothing of it. */
  serverTime(now_ms: number): number | null {
    const offset = this.offset_ms;
    return offset === null ? null : now_ms + offset;
  }
}

/**
 * The seam for stamped FLV: a script tag that carries the wall clock of the frame behind it pairs
 * that clock with a position, and any later position follows from the pair.
 */
export class WallStamp {
  private pair: { wall_ms: number; position_s: number } | null = null;

  set(wall_ms: number, position_s: number): void {
    if (Number.isFinite(wall_ms) && Number.isFinite(position_s)) this.pair = { wall_ms, position_s };
  }

  clear(): void {
    this.pair = null;
  }

  /** Wall clock of the frame at this position, ms since 1970; null without a stamp. */
  at(position_s: number): number | null {
    return this.pair ? this.pair.wall_ms + (position_s - this.pair.position_s) * 1000 : null;
  }
}

/** A latency no live stream has means that a clock is wrong: better to show nothing. */
const PLAUSIBLE_MS = { min: -200, max: 120_000 };

export function plausibleLatency(ms: number): number | null {
  return ms >= PLAUSIBLE_MS.min && ms <= PLAUSIBLE_MS.max ? Math.max(0, ms) : null;
}
