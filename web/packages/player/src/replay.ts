//! Plays what was recorded: a recording, or the past of a stream that is live. It owns the video element's source,
//! mute, volume and rate; it draws nothing.

import { isForAllProtocols, isNotNow, probeMedia } from "./api";
import { loadReplay, type Engine } from "./engines/engine";
import { startPlayback } from "./gesture";
import { Backoff } from "./pacing";
import type { Timeline } from "./timeline";
import type { Course, Fault, PlayerKind, PlayerStatus, Span, Stats } from "./types";
import { Watcher } from "./watcher";

/** Where to begin: so far from the beginning, or at a time of the clock (Unix); ms. */
export type ReplayStart = { after_ms: number } | { at_ms: number };

export interface ReplayOptions {
  video: HTMLVideoElement;
  /** The playlist. */
  url: string;
  start?: ReplayStart | null;
  kind?: Exclude<PlayerKind, "live">;
  volume?: number;
  /** null: the viewer never chose; starts muted and offers sound. */
  muted?: boolean | null;
  /** false: waits for `play()` before anything is fetched. */
  autoplay?: boolean;
  onStatus: (status: PlayerStatus) => void;
  /** Ten times a second while it moves. */
  onMoved?: () => void;
}

/** No movement for so long is shown as loading, ms. */
const STALL_SHOWN_MS = 800;
/** Slowest and fastest that anybody can follow. */
const RATES = { least: 0.25, most: 4 };

export class Replay {
  /** Replaced as a whole whenever something of it changes. */
  status: PlayerStatus;
  timeline: Timeline | null = null;
  private readonly video: HTMLVideoElement;
  private readonly watcher: Watcher;
  private readonly backoff = new Backoff();
  private readonly listeners = new AbortController();
  private engine: Engine | null = null;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private speed = 1;
  /** Where playing begins when it begins anew. */
  private next: ReplayStart;
  /** Counts beginnings: what belongs to an older one is ignored. */
  private attempt = 0;
  private hasEnded = false;
  private reconnects = 0;

  constructor(private readonly options: ReplayOptions) {
    this.video = options.video;
    this.next = options.start ?? { after_ms: 0 };
    const waits = options.autoplay === false;
    this.status = {
      kind: options.kind ?? "recording",
      state: "loading",
      protocol: "hls",
      available: ["hls"],
      info: null,
      paused: waits,
      muted: options.muted ?? true,
      volume: options.volume ?? 1,
      soundBlocked: (options.muted ?? null) === null,
      playBlocked: waits,
      fault: null,
      switchedFrom: null,
    };
    this.video.muted = this.status.muted;
    this.video.volume = this.status.volume;
    const events = { onMoved: () => this.moved(), onStill: (still_ms: number) => this.still(still_ms) };
    this.watcher = new Watcher(this.video, events, () => !this.status.paused && !this.hasEnded);
    this.listen();
    if (!waits) void this.begin();
  }

  destroy(): void {
    this.attempt++;
    this.listeners.abort();
    clearTimeout(this.retryTimer);
    this.watcher.destroy();
    this.stopEngine();
    this.video.defaultPlaybackRate = this.video.playbackRate = 1;
  }

  // --- what the viewer does -------------------------------------------------------------------

  play(): void {
    this.update({ paused: false, playBlocked: false });
    if (!this.engine) return this.retry();
    if (this.hasEnded) this.seekTo(0);
    void this.startPlayback();
  }

  pause(): void {
    this.video.pause();
    this.update({ paused: true });
  }

  togglePlay(): void {
    if (this.status.paused || this.status.playBlocked || this.hasEnded) this.play();
    else this.pause();
  }

  /** Again from where it was; for a retry button. */
  retry(): void {
    clearTimeout(this.retryTimer);
    this.backoff.reset();
    void this.begin();
  }

  setMuted(muted: boolean): void {
    this.video.muted = muted;
    if (!muted && this.video.volume === 0) this.setVolume(0.5);
    this.update({ muted, soundBlocked: false });
  }

  setVolume(volume: number): void {
    this.video.volume = Math.min(1, Math.max(0, volume));
    this.update({ volume: this.video.volume });
  }

  get rate(): number {
    return this.speed;
  }

  setRate(rate: number): void {
    this.speed = Math.min(RATES.most, Math.max(RATES.least, rate));
    // A source that is set anew takes the default.
    this.video.defaultPlaybackRate = this.video.playbackRate = this.speed;
  }

  /** To so many ms from the beginning. */
  seekTo(ms: number): void {
    const { timeline } = this;
    if (!timeline || !this.engine) {
      this.next = { after_ms: Math.max(0, ms) };
      return;
    }
    this.jump(Math.min(timeline.start_s + Math.max(0, ms) / 1000, timeline.end_s));
  }

  /** To a moment of the clock, Unix ms. */
  seekToClock(at_ms: number): void {
    const position_s = this.engine ? (this.timeline?.positionAt(at_ms) ?? null) : null;
    if (position_s === null) this.next = { at_ms };
    else this.jump(position_s);
  }

  // --- where it is ----------------------------------------------------------------------------

  /** ms from the beginning; null while nothing is known of it. */
  get position_ms(): number | null {
    const { timeline } = this;
    return timeline && this.engine ? Math.max(0, (this.video.currentTime - timeline.start_s) * 1000) : null;
  }

  /** When the frame on screen was, Unix ms. */
  get clock_ms(): number | null {
    return this.engine ? (this.timeline?.wallAt(this.video.currentTime) ?? null) : null;
  }

  /** What was shown so many ms from the beginning was at this moment of the clock. */
  clockAt(ms: number): number | null {
    return this.timeline?.wallAt(this.timeline.start_s + ms / 1000) ?? null;
  }

  course(): Course | null {
    const { timeline, position_ms } = this;
    if (!timeline || position_ms === null) return null;
    const since_ms = (at_s: number) => Math.max(0, (at_s - timeline.start_s) * 1000);
    const holes = timeline.holes.map(({ at_s }) => ({ from_ms: since_ms(at_s), to_ms: since_ms(at_s) }));
    const to_ms = since_ms(timeline.end_s);
    return { from_ms: 0, to_ms, position_ms: Math.min(position_ms, to_ms), behind_ms: null, buffered: this.buffered(since_ms), holes };
  }

  /** What this browser holds, in the time that `of` makes of positions. */
  buffered(of: (position_s: number) => number): Span[] {
    const { buffered } = this.video;
    return Array.from({ length: buffered.length }, (_, at) => ({ from_ms: of(buffered.start(at)), to_ms: of(buffered.end(at)) }));
  }

  stats(): Stats {
    const { video, watcher } = this;
    const quality = video.getVideoPlaybackQuality?.();
    const measured_kbps = this.engine?.bitrate_kbps() ?? null;
    return {
      protocol: "hls",
      engine: this.engine?.name ?? "",
      videoCodec: "",
      audioCodec: "",
      width: video.videoWidth,
      height: video.videoHeight,
      fps: watcher.fps,
      framesTotal: quality?.totalVideoFrames ?? 0,
      framesDropped: quality?.droppedVideoFrames ?? 0,
      bitrate_kbps: measured_kbps ?? 0,
      bitrateMeasured: measured_kbps !== null,
      buffer_ms: watcher.ahead_ms(),
      latency: null,
      playbackRate: video.playbackRate,
      target_ms: 0,
      stalls: watcher.stalls,
      stalled_ms: watcher.stalled_ms,
      join_ms: watcher.join_ms,
      reconnects: this.reconnects,
    };
  }

  // --- playing --------------------------------------------------------------------------------

  private async begin(): Promise<void> {
    const attempt = ++this.attempt;
    const stale = () => attempt !== this.attempt;
    clearTimeout(this.retryTimer);
    this.stopEngine();
    this.hasEnded = false;
    this.update({ state: "loading", fault: null });
    this.watcher.starting();
    const { video, options, next } = this;
    try {
      const start = await loadReplay();
      // Or it would take the element from whoever has it by now.
      if (stale()) return;
      this.engine = start({
        video,
        url: options.url,
        begin: "at_ms" in next ? { wall_ms: next.at_ms } : { position_s: next.after_ms / 1000 },
        onTimeline: (timeline) => void (stale() || this.told(timeline)),
        onFail: (kind, message) => void (stale() || this.broke(kind, message)),
      });
      this.watcher.attach(this.engine, null);
      this.setRate(this.speed);
      if (!this.status.paused) await this.startPlayback();
    } catch (error) {
      if (!stale()) this.broke("media", String(error));
    }
  }

  private async startPlayback(): Promise<void> {
    const change = await startPlayback(this.video);
    if (change) this.update(change);
  }

  private told(timeline: Timeline): void {
    this.timeline = timeline;
    // What was at its end goes on when there is more.
    if (this.hasEnded && !this.video.ended) this.hasEnded = false;
  }

  /** The server that refused it has a reason, and is asked for it. */
  private broke(kind: "network" | "media", message: string): void {
    console.warn(`weir: replay failed (${kind}): ${message}`);
    const { position_ms } = this;
    const moved = this.watcher.hasMoved;
    if (moved && position_ms !== null) this.next = { after_ms: position_ms };
    this.reconnects++;
    this.stopEngine();
    const attempt = ++this.attempt;
    if (kind === "media") return this.update({ state: "error", fault: { kind: "unplayable" } });
    void probeMedia(this.options.url, this.listeners.signal).then((probe) => {
      if (attempt !== this.attempt) return;
      this.rest(probe.live ? { kind: "unreachable", message } : probe.fault);
    });
  }

  private rest(fault: Fault): void {
    const isFinal = fault.kind === "refused" || isNotNow(fault) || (isForAllProtocols(fault) && fault.kind !== "unreachable");
    this.update({ state: "error", fault });
    if (!isFinal) this.retryTimer = setTimeout(() => void this.begin(), this.backoff.next());
  }

  private jump(position_s: number): void {
    this.watcher.forgive();
    this.video.currentTime = position_s;
    if (!this.hasEnded) return;
    this.hasEnded = false;
    this.update({ state: "loading" });
    if (!this.status.paused) void this.startPlayback();
  }

  private stopEngine(): void {
    const { engine } = this;
    this.engine = null;
    this.watcher.attach(null, null);
    try {
      engine?.stop();
    } catch (error) {
      console.warn("weir: engine did not stop cleanly", error);
    }
  }

  private listen(): void {
    const options = { signal: this.listeners.signal };
    const { video } = this;
    video.addEventListener("ended", () => {
      if (!this.engine) return;
      this.hasEnded = true;
      this.update({ state: "ended" });
    }, options);
    // Headphone buttons and picture-in-picture windows pause and play behind our back.
    video.addEventListener("pause", () => void (this.engine && !video.ended && !this.status.paused && !document.hidden && this.update({ paused: true })), options);
    video.addEventListener("play", () => void (this.engine && this.status.paused && !video.paused && this.update({ paused: false, playBlocked: false })), options);
    // Who is paused sees the place that was gone to.
    video.addEventListener("seeked", () => void (this.status.paused && this.status.state === "loading" && this.update({ state: "playing" })), options);
    video.addEventListener("loadeddata", () => void (this.status.paused && this.update({ state: "playing" })), options);
    video.addEventListener("volumechange", () => {
      if (video.muted !== this.status.muted || video.volume !== this.status.volume) {
        this.update({ muted: video.muted, volume: video.volume });
      }
    }, options);
  }

  private moved(): void {
    this.backoff.reset();
    this.update({ state: "playing", fault: null });
    this.options.onMoved?.();
  }

  private still(still_ms: number): void {
    const { video } = this;
    if (this.hasEnded) return;
    // An engine that recovers loads the element anew, which pauses it.
    if (video.paused && video.readyState >= 2 && !document.hidden) void this.startPlayback();
    if (still_ms > STALL_SHOWN_MS) this.update({ state: "loading" });
  }

  private update(change: Partial<PlayerStatus>): void {
    const keys = Object.keys(change) as (keyof PlayerStatus)[];
    if (this.listeners.signal.aborted || keys.every((key) => Object.is(this.status[key], change[key]))) return;
    this.status = { ...this.status, ...change };
    this.options.onStatus(this.status);
  }
}
