//! Clocks: source timestamps brought onto one timeline, and a tick that goes on in hidden tabs.

/** The smallest delay of this time is taken for a source's own, ms. */
const WINDOW_MS = 5000;
/** A source that jumps by more has started anew, ms. */
const JUMP_MS = 500;
/** Corrections go by so much a packet, ms: unseen and unheard. */
const SLEW_MS = 0.5;

/**
 * Brings the timestamps of one source onto the page's clock. Browsers count them from anywhere, and
 * from elsewhere for sound than for pictures; what they share is when they arrive. The least delay
 * between a timestamp and its arrival is the difference of the clocks. Pure.
 */
export class SourceClock {
  private offset_ms: number | null = null;
  private window: { from_ms: number; least_ms: number } | null = null;
  private previous_ms: number | null = null;

  /** Capture time on the page's clock, ms. */
  map(source_us: number, arrived_ms: number): number {
    const delay_ms = arrived_ms - source_us / 1000;
    if (this.offset_ms === null || Math.abs(delay_ms - this.offset_ms) > JUMP_MS) {
      this.offset_ms = delay_ms;
      this.window = null;
      this.previous_ms = null;
    }
    if (!this.window || arrived_ms - this.window.from_ms > WINDOW_MS) {
      this.previous_ms = this.window?.least_ms ?? null;
      this.window = { from_ms: arrived_ms, least_ms: delay_ms };
    }
    this.window.least_ms = Math.min(this.window.least_ms, delay_ms);
    const least_ms = Math.min(this.window.least_ms, this.previous_ms ?? Number.POSITIVE_INFINITY);
    // A picture cannot come before it is taken, so down at once; up, for drift, slowly.
    this.offset_ms = least_ms < this.offset_ms ? least_ms : this.offset_ms + Math.min(SLEW_MS, least_ms - this.offset_ms);
    return source_us / 1000 + this.offset_ms;
  }
}

/** Calls `tick` every `period_ms`, from a worker where there are any: a hidden tab's timers are slowed. */
export function startTicker(period_ms: number, tick: () => void): () => void {
  try {
    const worker = tickingWorker();
    let timer: ReturnType<typeof setInterval> | undefined;
    worker.onmessage = tick;
    // Not loaded (a content policy, a bundler): the page's own timer.
    worker.onerror = () => (timer ??= setInterval(tick, period_ms));
    worker.postMessage(period_ms);
    return () => {
      worker.terminate();
      clearInterval(timer);
    };
  } catch {
    const timer = setInterval(tick, period_ms);
    return () => clearInterval(timer);
  }
}

/** A script of another origin may not be a worker, but a worker of the page's own may import it. */
function tickingWorker(): Worker {
  try {
    return new Worker(new URL("./ticker.js", import.meta.url), { type: "module" });
  } catch {
    const script = `import ${JSON.stringify(new URL("./ticker.js", import.meta.url).href)};`;
    const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const worker = new Worker(address, { type: "module" });
    worker.addEventListener("message", () => URL.revokeObjectURL(address), { once: true });
    return worker;
  }
}
