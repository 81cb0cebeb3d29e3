//! Going back in a stream that is live: `Player` shows what happens now, `Replay` what happened before, one at a time
//! in the same element. Times are Unix ms by the server's clock.

import type { Player } from "./player";
import { Replay } from "./replay";
import type { Start } from "./start";
import type { Course, DvrWindow, PlayerStatus, Span } from "./types";

export interface TimeShiftOptions {
  player: Player;
  video: HTMLVideoElement;
  /** The playlist of what was from that moment on, up to now. */
  url: (from_ms: number) => string;
  /** Whether what can be gone back to is offered at all. */
  isWanted: () => boolean;
  /** Where to begin, as soon as it is known what can be gone back to. */
  start?: Start | null;
  onStatus: (status: PlayerStatus) => void;
}

/** What was recorded last is so old when it can be played safely, ms: a segment is being written, another one read. */
const HOLD_MS = 5000;
/** Media before the moment that was gone to, so that small steps back need no other playlist, ms. */
const LEAD_MS = 60_000;
/** After a pause longer than this, playing goes on where it was left, ms. */
const PAUSE_LEFT_MS = 3000;
/** With so little left before the newest that is recorded, who plays faster goes on live, seconds. */
const CAUGHT_UP_S = 2;

export class TimeShift {
  /** What shows the past; null while what happens now is shown. */
  replay: Replay | null = null;
  /** The newest that was told, kept when the stream is over. */
  private known: DvrWindow | null = null;
  private left: { at_ms: number; since_ms: number } | null = null;
  private start: Start | null;
  private latency_ms = 0;
  /** Where it goes to while no position is known yet. */
  private aim_ms = 0;

  constructor(private readonly options: TimeShiftOptions) {
    this.start = options.start ?? null;
  }

  get status(): PlayerStatus {
    const live = this.options.player.status;
    if (!this.replay) return live;
    return { ...this.replay.status, info: live.info, available: live.available };
  }

  /** To be told each status of the player. */
  observe(status: PlayerStatus): void {
    const dvr = status.info?.dvr ?? null;
    if (dvr && this.options.isWanted()) this.known = dvr;
    if (this.replay) return this.options.onStatus(this.status);
    if (status.paused && !status.playBlocked) this.left ??= { at_ms: this.position_ms, since_ms: performance.now() };
    else if (!status.paused) this.left = null;
    this.options.onStatus(status);
    if (this.start && this.known) this.begin(this.start);
  }

  destroy(): void {
    this.replay?.destroy();
    this.replay = null;
  }

  // --- what the viewer does -------------------------------------------------------------------

  setMuted(muted: boolean): void {
    (this.replay ?? this.options.player).setMuted(muted);
  }

  setVolume(volume: number): void {
    (this.replay ?? this.options.player).setVolume(volume);
  }

  retry(): void {
    (this.replay ?? this.options.player).retry();
  }

  play(): void {
    if (this.replay) return this.replay.play();
    const { left } = this;
    this.left = null;
    const isLong = left !== null && performance.now() - left.since_ms > PAUSE_LEFT_MS;
    if (isLong && this.known && left.at_ms >= this.known.from_ms) this.goBack(Math.min(left.at_ms, this.newest_ms() - HOLD_MS));
    else this.options.player.play();
  }

  pause(): void {
    (this.replay ?? this.options.player).pause();
  }

  togglePlay(): void {
    const { paused, playBlocked, state } = this.status;
    if (paused || playBlocked || state === "ended") this.play();
    else this.pause();
  }

  /** To that moment; one that has hardly been recorded yet is what happens now. */
  seekTo(at_ms: number): void {
    const { known } = this;
    if (!known) return;
    const newest_ms = this.newest_ms() - HOLD_MS;
    const isOn = this.isOn();
    // Who steps back from what happens now means it.
    if (at_ms >= newest_ms && isOn && at_ms >= this.position_ms - 1) return this.goLive();
    const to_ms = Math.max(known.from_ms, Math.min(at_ms, isOn ? newest_ms : known.to_ms));
    this.goBack(to_ms);
  }

  goLive(): void {
    const { replay } = this;
    if (!replay) return this.options.player.jumpToLive();
    if (!this.isOn()) return;
    this.replay = null;
    replay.destroy();
    this.options.player.resume(replay.status.soundBlocked);
    this.options.onStatus(this.status);
  }

  get rate(): number {
    return this.replay?.rate ?? 1;
  }

  /** Only the past can be had faster or slower. */
  setRate(rate: number): void {
    this.replay?.setRate(rate);
  }

  // --- where it is ----------------------------------------------------------------------------

  /** The moment on screen. */
  get position_ms(): number {
    if (this.replay) return this.replay.clock_ms ?? this.aim_ms;
    const latency = this.options.player.latency();
    if (latency) this.latency_ms = latency.ms;
    return this.options.player.now_ms() - this.latency_ms;
  }

  course(): Course | null {
    const { known, replay } = this;
    if (!known) return null;
    const { position_ms } = this;
    const isOn = this.isOn();
    const to_ms = isOn ? Math.max(known.to_ms, this.options.player.now_ms()) : Math.max(known.to_ms, position_ms);
    const { from_ms } = known;
    return {
      from_ms,
      to_ms,
      position_ms: Math.min(Math.max(from_ms, position_ms), to_ms),
      behind_ms: isOn || replay ? Math.max(0, to_ms - position_ms) : null,
      buffered: this.buffered(),
      holes: replay?.timeline?.holes.map((hole) => ({ from_ms: hole.from_ms, to_ms: hole.to_ms })) ?? [],
    };
  }

  private buffered(): Span[] {
    const { replay } = this;
    const { timeline } = replay ?? {};
    return replay && timeline ? replay.buffered((position_s) => timeline.wallAt(position_s) ?? 0) : [];
  }

  /** Whether the stream is live. */
  private isOn(): boolean {
    const { state } = this.options.player.status;
    return state === "playing" || state === "loading";
  }

  private newest_ms(): number {
    return this.known?.to_ms ?? 0;
  }

  private begin(start: Start): void {
    this.start = null;
    const { known } = this;
    if (!known) return;
    if ("at_ms" in start) this.seekTo(start.at_ms);
    else if ("behind_ms" in start) this.seekTo(this.options.player.now_ms() - start.behind_ms);
    else this.seekTo(known.from_ms + start.after_ms);
  }

  private goBack(to_ms: number): void {
    this.aim_ms = to_ms;
    const { replay, options } = this;
    if (replay?.timeline?.covers(to_ms)) return replay.seekToClock(to_ms);
    const { player, video } = options;
    const rate = this.rate;
    const { muted, volume, soundBlocked, paused } = this.status;
    const stays = replay !== null && paused;
    replay?.destroy();
    if (!replay) player.release();
    this.replay = new Replay({
      video,
      url: options.url(Math.max(this.known?.from_ms ?? 0, to_ms - LEAD_MS)),
      start: { at_ms: to_ms },
      kind: "shifted",
      muted: soundBlocked ? null : muted,
      volume,
      onStatus: () => this.shown(),
      onMoved: () => this.moved(),
    });
    this.replay.setRate(rate);
    if (stays) this.replay.pause();
    options.onStatus(this.status);
  }

  private shown(): void {
    // A list that ends while the stream goes on has been played to what is newest.
    if (this.replay?.status.state === "ended" && this.isOn()) this.goLive();
    else if (this.replay) this.options.onStatus(this.status);
  }

  private moved(): void {
    const { replay } = this;
    const end_s = replay?.timeline?.end_s;
    if (!replay || end_s === undefined || replay.rate <= 1) return;
    if (end_s - this.options.video.currentTime < CAUGHT_UP_S && this.isOn()) this.goLive();
  }
}
