//! One light and its reason, from what the publisher knows. Pure.

import type { Decision } from "./control";
import type { Health, HealthReason, PublisherState } from "./types";

/** A reason is kept for this long at least, ms: a light that flickers says nothing. */
const HOLD_MS = 2000;
const QUEUE_FAIR_MS = 500;
const QUEUE_POOR_MS = 1500;
/** A fall is worth words from this share on, and over when this much of it is back. */
const FALL_SHARE = 0.8;
const BACK_SHARE = 0.9;
/** Weight of the newest rate in what was sent before. */
const SMOOTHING = 0.1;
/** Trouble at capture or encoder has to last, ms. */
const SLOW_AFTER_MS = 2000;
/** How long a new limit of the server is news, ms. */
const LIMIT_NEWS_MS = 10_000;

export interface Vitals {
  state: PublisherState;
  decision: Decision | null;
  queue_ms: number;
  /** What arrived in the last second or so. */
  acked_kbps: number;
  isEncoderSlow: boolean;
  isSourceSlow: boolean;
  /** The server's newest hint that lowered the ceiling. */
  limit: { at_ms: number; from_kbps: number; to_kbps: number } | null;
}

type Verdict = Omit<Health, "since_ms">;

export class HealthWatch {
  private current: Verdict = { level: "fair", reason: "ok" };
  private since_ms = 0;
  private before_kbps = 0;
  private fall: { from_kbps: number; to_kbps: number } | null = null;
  private encoderSlowSince_ms: number | null = null;

  /** The health now, and whether level or reason (or a fall's numbers) changed. */
  update(now_ms: number, vitals: Vitals): { health: Health; isNews: boolean } {
    const next = this.judge(now_ms, vitals);
    const isOther = next.level !== this.current.level || next.reason !== this.current.reason;
    const mayChange = now_ms - this.since_ms >= HOLD_MS || rank(next) > rank(this.current) || next.level === "down";
    const isNews = isOther && mayChange;
    if (isNews) this.since_ms = now_ms;
    if (isNews || !isOther) this.current = next;
    return { health: { ...this.current, since_ms: Math.round(now_ms - this.since_ms) }, isNews };
  }

  private judge(now_ms: number, vitals: Vitals): Verdict {
    const { state, decision, queue_ms } = vitals;
    if (state === "reconnecting") return { level: "down", reason: "reconnecting" };
    if (state === "failed") return { level: "down", reason: "refused" };
    if (state === "stopped") return { level: "down", reason: "ended" };
    if (state !== "live" || !decision) return { level: "fair", reason: "ok" };
    this.watchFall(decision, vitals.acked_kbps);
    if (vitals.isEncoderSlow) this.encoderSlowSince_ms ??= now_ms;
    else this.encoderSlowSince_ms = null;

    if (queue_ms > QUEUE_POOR_MS && !this.fall) return { level: "poor", reason: "queue" };
    if (this.fall && decision.phase === "falling") return { level: "poor", reason: "uplink_fell", ...this.fall };
    if (this.encoderSlowSince_ms !== null && now_ms - this.encoderSlowSince_ms > SLOW_AFTER_MS) return { level: "fair", reason: "encoder_slow" };
    if (this.fall && decision.phase === "climbing") return { level: "fair", reason: "uplink_recovering", ...this.fall };
    if (this.fall) return { level: "fair", reason: "uplink_fell", ...this.fall };
    if (vitals.limit && now_ms - vitals.limit.at_ms < LIMIT_NEWS_MS) {
      const { from_kbps, to_kbps } = vitals.limit;
      return { level: "fair", reason: "server_limit", from_kbps, to_kbps };
    }
    if (vitals.isSourceSlow) return { level: "fair", reason: "source_slow" };
    return queue_ms > QUEUE_FAIR_MS ? { level: "fair", reason: "queue" } : { level: "good", reason: "ok" };
  }

  /** What arrived before the rate went down, and what the link was seen to take. */
  private watchFall({ phase, total_kbps, delivered_kbps }: Decision, acked_kbps: number): void {
    const now_kbps = phase === "falling" ? Math.max(total_kbps, delivered_kbps ?? 0) : total_kbps;
    if (!this.fall && phase !== "falling") {
      // What was allowed but not used cannot be lost.
      this.before_kbps += (Math.min(total_kbps, acked_kbps) - this.before_kbps) * SMOOTHING;
    }
    if (this.fall) {
      this.fall = now_kbps > this.fall.from_kbps * BACK_SHARE ? null : { ...this.fall, to_kbps: Math.round(now_kbps) };
    } else if (phase === "falling" && now_kbps < this.before_kbps * FALL_SHARE) {
      this.fall = { from_kbps: Math.round(this.before_kbps), to_kbps: Math.round(now_kbps) };
    }
  }
}

const ORDER: readonly Health["level"][] = ["good", "fair", "poor", "down"];

function rank({ level, reason }: { level: Health["level"]; reason: HealthReason }): number {
  return ORDER.indexOf(level) * 2 + (reason === "ok" ? 0 : 1);
}
