//! Rates of the last second or so from counters. Pure.

const WINDOW_MS = 1500;
/** What is added more often is left out, ms. */
const SLOT_MS = 100;

interface Counters {
  sent: number;
  acked: number;
  frames: number;
}

export interface Rates {
  sent_kbps: number;
  acked_kbps: number;
  encoded_kbps: number;
  fps: number;
}

export class Meter {
  private readonly samples: (Counters & { at_ms: number; encoded: number })[] = [];
  private encoded_bytes = 0;

  encoded(bytes: number): void {
    this.encoded_bytes += bytes;
  }

  add(now_ms: number, counters: Counters): void {
    const last = this.samples.at(-1);
    if (last && now_ms - last.at_ms < SLOT_MS / 2) return;
    this.samples.push({ ...counters, encoded: this.encoded_bytes, at_ms: now_ms });
    while (this.samples.length > 2 && this.samples[1]!.at_ms <= now_ms - WINDOW_MS) this.samples.shift();
  }

  rates(now_ms: number): Rates {
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    if (!first || !last || last.at_ms - first.at_ms < SLOT_MS || now_ms - first.at_ms <= 0) {
      return { sent_kbps: 0, acked_kbps: 0, encoded_kbps: 0, fps: 0 };
    }
    const span_ms = last.at_ms - first.at_ms;
    const kbps = (from: number, to: number) => (Math.max(0, to - from) * 8) / span_ms;
    return {
      sent_kbps: kbps(first.sent, last.sent),
      acked_kbps: kbps(first.acked, last.acked),
      encoded_kbps: kbps(first.encoded, last.encoded),
      fps: ((last.frames - first.frames) * 1000) / span_ms,
    };
  }
}
