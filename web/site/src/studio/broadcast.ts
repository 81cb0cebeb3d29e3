//! One broadcast after another: the publisher, and what the page remembers of it.

import { Publisher, type Health, type PublisherOptions, type PublisherStats } from "@weir/publisher";
import { duration } from "../format";
import { Model } from "./model";
import type { StudioKey } from "./strings";
import { publishTrouble, type Trouble } from "./words";

declare global {
  interface Window {
    /** For the console and for tests: the publisher of this page, null before the first broadcast. */
    weirStudio?: { publisher: Publisher | null };
  }
}

export type Phase = "idle" | "connecting" | "live" | "reconnecting" | "ended" | "failed";

export interface Sample {
  at_ms: number;
  target_kbps: number;
  sent_kbps: number;
  acked_kbps: number;
  fps: number;
  queue_ms: number;
}

/** A line of the log: a text of ours, or the publisher's own words. */
export interface Entry {
  id: number;
  at: Date;
  key?: StudioKey;
  values?: Record<string, string | number>;
  text?: string;
}

export interface BroadcastState {
  phase: Phase;
  stats: PublisherStats | null;
  health: Health | null;
  /** The last two minutes, oldest first. */
  samples: Sample[];
  /** Newest first. */
  log: Entry[];
  trouble: Trouble | null;
  /** Since when it is live, `Date.now()`. */
  live_since_ms: number;
  /** Of the broadcast that is running or was the last. */
  time_ms: number;
  sent_bytes: number;
  viewers: number | null;
  most_viewers: number;
}

export const KEEP_MS = 120_000;
const MAX_LOG = 100;

export class Broadcast extends Model<BroadcastState> {
  #publisher: Publisher | null = null;
  #forget: (() => void)[] = [];
  #lost_ms = 0;
  #entries = 0;

  constructor() {
    super({
      phase: "idle", stats: null, health: null, samples: [], log: [], trouble: null, live_since_ms: 0,
      time_ms: 0, sent_bytes: 0, viewers: null, most_viewers: 0,
    });
    window.weirStudio = { publisher: null };
  }

  get running(): boolean {
    const { phase } = this.state;
    return phase === "connecting" || phase === "live" || phase === "reconnecting";
  }

  async start(options: PublisherOptions, name: string): Promise<void> {
    if (this.running) return;
    this.#leave();
    this.patch({
      phase: "connecting", stats: null, health: null, samples: [], trouble: null, live_since_ms: 0,
      time_ms: 0, sent_bytes: 0, viewers: null, most_viewers: 0,
    });
    let publisher: Publisher;
    try {
      publisher = new Publisher(options);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#publisher = publisher;
    window.weirStudio = { publisher };
    this.#forget = [
      publisher.on("state", (state) => this.#onState(publisher, state, name)),
      publisher.on("stats", (stats) => this.#onStats(stats)),
      publisher.on("health", (health) => this.#onHealth(health)),
      publisher.on("error", (error) => publisher === this.#publisher && this.#fail(error)),
      publisher.on("log", (text) => this.note({ text })),
    ];
    try {
      await publisher.start();
      if (publisher === this.#publisher) this.#onState(publisher, publisher.state, name);
    } catch (error) {
      if (publisher === this.#publisher) this.#fail(error);
    }
  }

  /** Ends it; before it was live that is no broadcast, and not spoken of. */
  async end(): Promise<void> {
    const publisher = this.#publisher;
    if (!publisher || !this.running) return;
    const wasLive = this.state.live_since_ms > 0;
    const time_ms = this.#elapsed();
    this.#leave();
    this.patch({ phase: wasLive ? "ended" : "idle", time_ms, health: null, viewers: null });
    if (wasLive) this.note({ key: "lEnded", values: { time: duration(time_ms) } });
    await publisher.stop().catch(() => {});
  }

  /** While live: another source, without an end. */
  async setSource(source: MediaStream): Promise<void> {
    if (!this.running) return;
    try {
      await this.#publisher?.setSource(source);
    } catch (error) {
      this.patch({ trouble: publishTrouble(error) });
    }
  }

  setCeiling(max_kbps: number): void {
    this.#publisher?.setLimits({ max_kbps });
  }

  sawViewers(viewers: number): void {
    if (this.running) this.patch({ viewers, most_viewers: Math.max(viewers, this.state.most_viewers) });
  }

  note(entry: Omit<Entry, "id" | "at">): void {
    this.#entries += 1;
    this.patch({ log: [{ ...entry, id: this.#entries, at: new Date() }, ...this.state.log].slice(0, MAX_LOG) });
  }

  dismiss(): void {
    this.patch({ trouble: null, ...(this.state.phase === "failed" ? { phase: "idle" as const } : {}) });
  }

  #onState(publisher: Publisher, state: Publisher["state"], name: string): void {
    if (publisher !== this.#publisher) return;
    const before = this.state.phase;
    if (state === "live" && before !== "live") {
      if (before === "reconnecting") this.note({ key: "lReconnected", values: { s: ((performance.now() - this.#lost_ms) / 1000).toFixed(1) } });
      else this.note({ key: "lLive", values: { name } });
      this.patch({ phase: "live", live_since_ms: this.state.live_since_ms || Date.now() });
    } else if (state === "reconnecting" && before !== "reconnecting") {
      this.#lost_ms = performance.now();
      this.note({ key: "lReconnecting" });
      this.patch({ phase: "reconnecting" });
    } else if (state === "stopped") {
      // Not by this page's button: from the console, or by a script.
      void this.end();
    }
  }

  #onStats(stats: PublisherStats): void {
    const before = this.state.stats;
    const now_ms = performance.now();
    const last = this.state.samples.at(-1);
    const gap_s = last ? (now_ms - last.at_ms) / 1000 : 1;
    const { target_kbps, sent_kbps, acked_kbps, fps, queue_ms } = stats;
    const samples = this.state.samples.filter((sample) => now_ms - sample.at_ms < KEEP_MS);
    samples.push({ at_ms: now_ms, target_kbps, sent_kbps, acked_kbps, fps, queue_ms });
    const sent_bytes = this.state.sent_bytes + (sent_kbps * 1000 * gap_s) / 8;
    this.patch({ stats, samples, sent_bytes, time_ms: this.#elapsed() });
    if (before && before.height > 0 && stats.height > 0 && before.height !== stats.height) {
      this.note({ key: "lSize", values: { size: `${stats.width}×${stats.height}` } });
    }
  }

  #onHealth(health: Health): void {
    this.patch({ health });
    if (health.reason === "server_limit" && health.to_kbps !== undefined) {
      this.note({ key: "lLimit", values: { rate: `${Math.round(health.to_kbps)} kbit/s` } });
    }
  }

  #fail(error: unknown): void {
    const time_ms = this.#elapsed();
    const wasLive = this.state.live_since_ms > 0;
    const trouble = publishTrouble(error);
    const publisher = this.#publisher;
    this.#leave();
    this.patch({ phase: "failed", trouble, time_ms, viewers: null });
    if (wasLive) this.note({ key: trouble.title });
    void publisher?.stop().catch(() => {});
  }

  #elapsed(): number {
    return this.state.live_since_ms ? Date.now() - this.state.live_since_ms : 0;
  }

  /** The publisher stays under window.weirStudio for whoever wants to look at its last numbers. */
  #leave(): void {
    for (const forget of this.#forget) forget();
    this.#forget = [];
    this.#publisher = null;
  }
}
