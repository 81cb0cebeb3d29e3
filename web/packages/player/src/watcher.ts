//! Looks at the video element ten times a second: does it move, did it stall, how many frames a second,
//! and keeps it near the live edge as `pacing.ts` decides.

import { bufferedEnd, type Engine } from "./engines/engine";
import { Pacer } from "./pacing";

export interface WatcherEvents {
  onMoved: (now_ms: number) => void;
  /** The picture stands still though it should not; called with how long, again and again. */
  onStill: (still_ms: number, hasMoved: boolean) => void;
}

const TICK_MS = 100;
/** Still for so long with nothing to play is a stall, ms. */
const STALL_MS = 150;
/** At the start the engine chooses the position; only if it does not come off is a hole looked for, ms. */
const START_HOLE_MS = 2000;
/** A step of more than this in one tick was a jump, seconds. */
const JUMP_S = 0.7;
/** A keyframe less than this ahead is not worth a jump, seconds. */
const WORTH_S = 0.5;
/** A hole in the buffer up to this is jumped over, seconds. */
const HOLE_LIMIT_S = 10;

export class Watcher {
  stalls = 0;
  stalled_ms = 0;
  fps = 0;
  join_ms: number | null = null;
  /** Whether the newest engine has shown movement. */
  hasMoved = false;
  private engine: Engine | null = null;
  private pacer: Pacer | null = null;
  private startedAt_ms = 0;
  private movedAt_ms = 0;
  /** When we last held the picture back. */
  private heldAt_ms = 0;
  private stalledAt_ms: number | null = null;
  private lastPosition_s = 0;
  private jumped = false;
  private frames = { at_ms: 0, total: 0 };
  private frameCallback = 0;
  private readonly ticker: ReturnType<typeof setInterval>;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly events: WatcherEvents,
    private readonly wantsToPlay: () => boolean,
  ) {
    const pitched = video as HTMLVideoElement & { webkitPreservesPitch?: boolean };
    video.preservesPitch = true;
    pitched.webkitPreservesPitch = true;
    this.ticker = setInterval(() => this.tick(performance.now()), TICK_MS);
  }

  /** Before an engine is loaded: joining begins here. */
  starting(): void {
    this.startedAt_ms = this.movedAt_ms = performance.now();
    this.hasMoved = false;
    this.join_ms = null;
    this.stalledAt_ms = null;
    this.awaitFirstFrame();
  }

  attach(engine: Engine | null, pacer: Pacer | null): void {
    this.engine = engine;
    this.pacer = pacer;
    this.movedAt_ms = performance.now();
    this.lastPosition_s = this.video.currentTime;
    if (!engine) this.setRate(1);
  }

  setPacer(pacer: Pacer): void {
    this.pacer = pacer;
  }

  /** Patience begins anew, as after the page was hidden. */
  forgive(): void {
    this.movedAt_ms = performance.now();
  }

  destroy(): void {
    clearInterval(this.ticker);
    this.video.cancelVideoFrameCallback?.(this.frameCallback);
  }

  end_s(): number | null {
    return this.engine?.end_s ? this.engine.end_s() : bufferedEnd(this.video);
  }

  ahead_ms(): number {
    const end_s = this.end_s();
    return end_s === null ? 0 : Math.max(0, (end_s - this.video.currentTime) * 1000);
  }

  /** To `back_ms` before the end, if that is ahead of the play position. */
  jump(back_ms: number, keyframe = false): void {
    const end_s = this.end_s();
    if (end_s === null || this.video.seeking) return;
    let to_s = end_s - back_ms / 1000;
    const key_s = keyframe ? (this.engine?.keyframe_s?.(to_s) ?? null) : null;
    if (key_s !== null && key_s > this.video.currentTime + WORTH_S) to_s = key_s;
    this.pacer?.moved(performance.now());
    this.jumped = true;
    if (to_s > this.video.currentTime + 0.05) this.video.currentTime = to_s;
    this.setRate(1);
  }

  private tick(now_ms: number): void {
    if (!this.engine) return;
    this.countFrames(now_ms);
    this.watchMovement(now_ms);
    if (this.engine?.needsCatchUp && this.hasMoved && this.wantsToPlay() && !this.video.seeking) this.keepUp(now_ms);
  }

  private watchMovement(now_ms: number): void {
    const { video } = this;
    const step_s = video.currentTime - this.lastPosition_s;
    this.lastPosition_s = video.currentTime;
    if (!this.wantsToPlay()) {
      this.movedAt_ms = now_ms;
      this.stalledAt_ms = null;
      return;
    }
    // An element that was stopped may still creep on by some pictures: it does not play.
    if (this.pacer?.isHolding && this.hasMoved) {
      this.heldAt_ms = now_ms;
      this.events.onStill(now_ms - this.movedAt_ms, true);
      return;
    }
    if (step_s > 0 && step_s < JUMP_S && !video.seeking) {
      this.endStall(now_ms);
      this.jumped = false;
      this.movedAt_ms = now_ms;
      this.hasMoved = true;
      this.events.onMoved(now_ms);
      return;
    }
    const still_ms = now_ms - this.movedAt_ms;
    // What we held back ourselves is no stall, nor is the moment that going on takes.
    const stuck_ms = now_ms - Math.max(this.movedAt_ms, this.heldAt_ms);
    if (this.hasMoved && stuck_ms > STALL_MS && !video.seeking && !document.hidden) this.beginStall(now_ms);
    if (stuck_ms > (this.hasMoved ? STALL_MS : START_HOLE_MS)) this.jumpHole();
    this.events.onStill(still_ms, this.hasMoved);
  }

  private beginStall(now_ms: number): void {
    // What a jump of ours costs says nothing of the network.
    if (this.stalledAt_ms !== null || this.jumped) return;
    this.stalledAt_ms = this.movedAt_ms;
    this.stalls++;
    this.pacer?.stalled(now_ms);
  }

  private endStall(now_ms: number): void {
    if (this.stalledAt_ms === null) return;
    this.stalled_ms += now_ms - this.stalledAt_ms;
    this.stalledAt_ms = null;
  }

  /** MSE stops at the smallest hole; a frame lost is better than a picture that stands. */
  private jumpHole(): void {
    const { video } = this;
    if (!this.engine?.needsCatchUp || video.seeking) return;
    for (let i = 0; i < video.buffered.length; i++) {
      const start_s = video.buffered.start(i);
      const hole_s = start_s - video.currentTime;
      if (hole_s > 0 && hole_s < HOLE_LIMIT_S) {
        video.currentTime = start_s + 0.01;
        return;
      }
    }
  }

  private keepUp(now_ms: number): void {
    const decision = this.pacer?.tick(now_ms, this.ahead_ms(), this.keyframe_ms(now_ms));
    if (!decision) return;
    if (decision.act === "jump") this.jump(decision.back_ms, decision.keyframe);
    else this.setRate(decision.rate);
  }

  private keyframe_ms(now_ms: number): number | null {
    const end_s = this.end_s();
    if (end_s === null || !this.pacer || !this.engine?.keyframe_s) return null;
    const key_s = this.engine.keyframe_s(end_s - this.pacer.target.at(now_ms) / 1000);
    return key_s === null ? null : (end_s - key_s) * 1000;
  }

  private setRate(rate: number): void {
    if (this.video.playbackRate !== rate) this.video.playbackRate = rate;
  }

  private awaitFirstFrame(): void {
    this.video.cancelVideoFrameCallback?.(this.frameCallback);
    if (!this.video.requestVideoFrameCallback) return;
    this.frameCallback = this.video.requestVideoFrameCallback((now_ms) => {
      this.join_ms = now_ms - this.startedAt_ms;
    });
  }

  private countFrames(now_ms: number): void {
    const elapsed_ms = now_ms - this.frames.at_ms;
    if (elapsed_ms < 1000) return;
    const total = this.video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
    const known = this.frames.at_ms !== 0 && total >= this.frames.total;
    this.fps = known ? ((total - this.frames.total) * 1000) / elapsed_ms : 0;
    this.frames = { at_ms: now_ms, total };
  }
}
