//! The player: finds out whether a stream is live, picks a protocol, starts an engine, falls back,
//! reconnects and keeps near the live edge. It owns the video element's source, mute, volume and
//! rate; it draws nothing.

import { fetchLive, isNotNow, probeMedia } from "./api";
import { browserCapabilities, hlsEngine, protocolOrder, type Capabilities } from "./choose";
import { ClockOffset } from "./clock";
import { bufferedEnd, startEngine, type Engine } from "./engines/engine";
import { Backoff, catchUp, CATCH_UP, type CatchUpConfig } from "./pacing";
import type { Fault, Latency, PlayerStatus, Protocol, Stats, StreamInfo } from "./types";
import { mediaUrl, type Origin, type StreamName } from "./urls";

export interface PlayerOptions {
  video: HTMLVideoElement;
  name: StreamName;
  origin: Origin;
  /** "?…" or "": signature or key for the media requests. */
  query?: string;
  /** Tried first, if it is possible. */
  protocol?: Protocol | null;
  volume?: number;
  /** null: the viewer never chose; starts muted and offers sound. */
  muted?: boolean | null;
  /** false: never speeds up nor jumps by itself over FLV. */
  catchUp?: CatchUpConfig | false;
  onStatus: (status: PlayerStatus) => void;
}

const TICK_MS = 250;
/** The list of live streams is read again so often while playing, ms: viewers, clock, codecs. */
const REFRESH_MS = 5000;
/** No movement for so long is shown as loading, ms. */
const STALL_SHOWN_MS = 800;
/** No movement for so long and we connect anew, ms. */
const STALL_RECONNECT_MS = 8000;
/** From starting an engine to the first movement, ms; segments take longer to come than frames. */
const START_LIMIT_MS = { flv: 10_000, wsflv: 10_000, hls: 15_000, ts: 25_000 } as const;
/** Played this long without trouble, a protocol's earlier failures are forgotten, ms. */
const SOUND_AFTER_MS = 15_000;
/** Network failures in a row before the next protocol gets its turn. */
const NETWORK_FAILURES = 2;
/** What was paused longer is stopped, and starts live again, ms: it would only fill the memory. */
const PAUSE_KEEP_MS = 60_000;
/** A hole in the buffer up to this is jumped over, seconds. */
const HOLE_LIMIT_S = 10;
/** After all protocols failed, all are tried again after this, ms. */
const RETRY_ALL_MS = 15_000;

export class Player {
  private readonly video: HTMLVideoElement;
  private readonly can: Capabilities;
  private readonly clock = new ClockOffset();
  private readonly backoff = new Backoff();
  private readonly catchUpConfig: CatchUpConfig | false;
  private status: PlayerStatus;

  private engine: Engine | null = null;
  private wanted: Protocol | null;
  private failed = new Map<Protocol, number>();
  private everPlayed = false;
  private suspended = false;
  private reconnects = 0;
  private destroyed = false;

  /** Counts connection attempts: what belongs to an older one is ignored. */
  private attempt = 0;
  private abort: AbortController | null = null;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private pauseTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly ticker: ReturnType<typeof setInterval>;
  private readonly listeners = new AbortController();

  private movedAt_ms = 0;
  private movedOnce = false;
  private soundSince_ms = 0;
  private lastPosition_s = 0;
  private refreshedAt_ms = 0;
  private frames = { at_ms: 0, total: 0, fps: 0 };

  constructor(private readonly options: PlayerOptions) {
    this.video = options.video;
    this.can = browserCapabilities();
    this.wanted = options.protocol ?? null;
    this.catchUpConfig = options.catchUp ?? CATCH_UP;
    const neverChose = (options.muted ?? null) === null;
    this.status = {
      state: "loading",
      protocol: null,
      available: protocolOrder(null, this.can, null),
      info: null,
      paused: false,
      muted: options.muted ?? true,
      volume: options.volume ?? 1,
      soundBlocked: neverChose,
      playBlocked: false,
      fault: null,
      switchedFrom: null,
    };
    this.video.muted = this.status.muted;
    this.video.volume = this.status.volume;
    this.listen();
    this.ticker = setInterval(() => this.tick(), TICK_MS);
    void this.connect();
  }

  destroy(): void {
    this.destroyed = true;
    this.attempt++;
    this.listeners.abort();
    this.abort?.abort();
    clearInterval(this.ticker);
    clearTimeout(this.retryTimer);
    clearTimeout(this.pauseTimer);
    this.stopEngine();
  }

  /** The viewer's choice; null leaves it to the player. */
  setProtocol(protocol: Protocol | null): void {
    this.wanted = protocol;
    this.failed.clear();
    this.update({ switchedFrom: null });
    this.reconnectNow();
  }

  /** For a retry button: forgets what failed. */
  retry(): void {
    this.failed.clear();
    this.backoff.reset();
    this.reconnectNow();
  }

  play(): void {
    clearTimeout(this.pauseTimer);
    this.update({ paused: false, playBlocked: false });
    if (this.suspended) {
      this.suspended = false;
      this.reconnectNow();
      return;
    }
    void this.startPlayback();
  }

  pause(): void {
    this.video.pause();
    this.update({ paused: true });
    clearTimeout(this.pauseTimer);
    this.pauseTimer = setTimeout(() => {
      if (!this.status.paused || !this.engine) return;
      this.suspended = true;
      this.attempt++;
      this.stopEngine();
    }, PAUSE_KEEP_MS);
  }

  togglePlay(): void {
    if (this.status.paused || this.status.playBlocked) this.play();
    else this.pause();
  }

  setMuted(muted: boolean): void {
    this.video.muted = muted;
    if (!muted && this.video.volume === 0) this.setVolume(0.5);
    this.update({ muted, soundBlocked: false });
    if (!muted && !this.status.paused) void this.startPlayback();
  }

  setVolume(volume: number): void {
    const clamped = Math.min(1, Math.max(0, volume));
    this.video.volume = clamped;
    this.update({ volume: clamped });
  }

  /** To the newest frame there is, at normal speed. */
  jumpToLive(): void {
    const edge_s = this.engine?.liveEdge_s();
    if (edge_s == null) return;
    const keep_s = this.engine?.needsCatchUp ? CATCH_UP.jumpKeep_ms / 1000 : 0;
    if (edge_s - keep_s > this.video.currentTime) this.video.currentTime = edge_s - keep_s;
    if (this.status.paused) this.play();
  }

  latency(): Latency | null {
    return this.engine && this.movedOnce ? this.engine.latency() : null;
  }

  stats(): Stats {
    const { video, status } = this;
    const quality = video.getVideoPlaybackQuality?.();
    const measured_kbps = this.engine?.bitrate_kbps() ?? null;
    const end_s = bufferedEnd(video);
    return {
      protocol: status.protocol,
      engine: this.engine?.name ?? "",
      videoCodec: status.info?.video?.rfc6381 ?? "",
      audioCodec: status.info?.audio?.rfc6381 ?? "",
      width: video.videoWidth,
      height: video.videoHeight,
      fps: this.frames.fps,
      framesTotal: quality?.totalVideoFrames ?? 0,
      framesDropped: quality?.droppedVideoFrames ?? 0,
      bitrate_kbps: measured_kbps ?? status.info?.bitrate_kbps ?? 0,
      bitrateMeasured: measured_kbps !== null,
      buffer_ms: end_s === null ? 0 : Math.max(0, (end_s - video.currentTime) * 1000),
      latency: this.latency(),
      playbackRate: video.playbackRate,
      reconnects: this.reconnects,
    };
  }

  // --- connecting -----------------------------------------------------------------------------

  private reconnectNow(): void {
    this.attempt++;
    this.stopEngine();
    void this.connect();
  }

  /** One attempt: is it live, by which protocol, start. Ends in an engine or in a timer. */
  private async connect(): Promise<void> {
    const attempt = ++this.attempt;
    const stale = () => attempt !== this.attempt || this.destroyed;
    clearTimeout(this.retryTimer);
    this.abort?.abort();
    this.abort = new AbortController();

    const info = await this.findStream(this.abort.signal);
    if (stale()) return;
    if (info === null) {
      const fault = await this.whyNot(this.abort.signal);
      if (stale()) return;
      if (fault) return this.rest(fault);
    }

    const possible = protocolOrder(info, this.can, this.wanted);
    const order = possible.filter((protocol) => (this.failed.get(protocol) ?? 0) < NETWORK_FAILURES);
    const protocol = order[0];
    this.update({ info, available: protocolOrder(info, this.can, null) });
    if (protocol === undefined) {
      this.failed.clear();
      const fault: Fault = { kind: possible.length === 0 ? "unplayable" : "unreachable" };
      this.update({ state: "error", fault });
      return this.retryIn(RETRY_ALL_MS);
    }
    await this.start(protocol, info, stale);
  }

  /** From the list of live streams; null if it is not in there or there is no list. */
  private async findStream(signal: AbortSignal): Promise<StreamInfo | null> {
    try {
      const list = await fetchLive(signal);
      this.clock.add(list.sent_ms, list.received_ms, list.server_time_ms);
      const { app, stream } = this.options.name;
      const named = list.streams.filter((item) => item.app === app && item.stream === stream);
      return named.find((item) => item.vhost === this.options.origin.hostname) ?? named[0] ?? null;
    } catch {
      return null;
    }
  }

  /** A stream may be live and not listed: asks for the media itself. null: go on. */
  private async whyNot(signal: AbortSignal): Promise<Fault | null> {
    const { origin, name, query } = this.options;
    const probe = await probeMedia(mediaUrl(origin, name, "flv", query), signal);
    return probe.live ? null : probe.fault;
  }

  /** Not live, refused or unreachable: says so and asks again later, where that can help. */
  private rest(fault: Fault): void {
    if (isNotNow(fault)) {
      this.failed.clear();
      this.update({ state: this.everPlayed ? "offline" : "waiting", info: null, fault });
      this.retryIn(this.backoff.next());
      return;
    }
    this.update({ state: "error", fault });
    if (fault.kind === "unreachable") this.retryIn(this.backoff.next());
  }

  private retryIn(delay_ms: number): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => void this.connect(), delay_ms);
  }

  private async start(protocol: Protocol, info: StreamInfo | null, stale: () => boolean): Promise<void> {
    const { origin, name, query } = this.options;
    this.update({ state: "loading", protocol, fault: null });
    this.movedAt_ms = performance.now();
    this.movedOnce = false;
    try {
      const engine = await startEngine(
        {
          video: this.video,
          url: mediaUrl(origin, name, protocol, query),
          protocol,
          info,
          serverNow_ms: () => this.clock.serverTime(Date.now()),
          onFail: (kind, message) => void (stale() || this.failOver(kind, message)),
          onEnd: () => void (stale() || this.ended()),
        },
        protocol === "hls" || protocol === "ts" ? hlsEngine(this.can, protocol, info) : "hlsjs",
      );
      if (stale()) return engine.stop();
      this.engine = engine;
      this.movedAt_ms = performance.now();
      this.lastPosition_s = this.video.currentTime;
      if (!this.status.paused) await this.startPlayback();
    } catch (error) {
      if (!stale()) this.failOver("media", String(error));
    }
  }

  /** With sound if the viewer had sound, else without, else not before a gesture. */
  private async startPlayback(): Promise<void> {
    try {
      await this.video.play();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return;
      if (this.video.muted) return this.update({ playBlocked: true, paused: true });
      this.video.muted = true;
      this.update({ muted: true, soundBlocked: true });
      await this.startPlayback();
    }
  }

  private failOver(kind: "network" | "media", message: string): void {
    const { protocol } = this.status;
    console.warn(`weir: ${protocol ?? "?"} failed (${kind}): ${message}`);
    if (protocol !== null) {
      const weight = kind === "media" ? NETWORK_FAILURES : 1;
      const failures = (this.failed.get(protocol) ?? 0) + weight;
      this.failed.set(protocol, failures);
      if (failures >= NETWORK_FAILURES && this.status.available.length > 1) this.update({ switchedFrom: protocol });
    }
    this.reconnects++;
    this.attempt++;
    this.stopEngine();
    this.update({ state: "loading" });
    this.retryIn(kind === "media" ? 0 : 500);
  }

  private ended(): void {
    this.reconnects++;
    this.attempt++;
    this.stopEngine();
    void this.connect();
  }

  private stopEngine(): void {
    const engine = this.engine;
    this.engine = null;
    try {
      engine?.stop();
    } catch (error) {
      console.warn("weir: engine did not stop cleanly", error);
    }
    if (this.video.playbackRate !== 1) this.video.playbackRate = 1;
  }

  // --- while it plays -------------------------------------------------------------------------

  private listen(): void {
    const options = { signal: this.listeners.signal };
    const { video } = this;
    video.addEventListener("ended", () => void (this.engine && this.ended()), options);
    // Headphone buttons and picture-in-picture windows pause and play behind our back.
    video.addEventListener("pause", () => {
      if (this.engine && !video.ended && !this.status.paused && !document.hidden) this.update({ paused: true });
    }, options);
    video.addEventListener("play", () => this.status.paused && this.update({ paused: false, playBlocked: false }), options);
    video.addEventListener("volumechange", () => {
      if (video.muted !== this.status.muted || video.volume !== this.status.volume) {
        this.update({ muted: video.muted, volume: video.volume });
      }
    }, options);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden || this.status.paused || !this.engine) return;
      this.movedAt_ms = performance.now();
      if (video.paused) void this.startPlayback();
    }, options);
  }

  private tick(): void {
    const now_ms = performance.now();
    if (!this.engine) return;
    this.countFrames(now_ms);
    this.watchMovement(now_ms);
    if (this.engine?.needsCatchUp && this.movedOnce && !this.video.paused) this.keepUp();
    if (now_ms - this.refreshedAt_ms > REFRESH_MS && !document.hidden) {
      this.refreshedAt_ms = now_ms;
      void this.refresh();
    }
  }

  private watchMovement(now_ms: number): void {
    const { video } = this;
    const position_s = video.currentTime;
    if (this.status.paused) {
      this.movedAt_ms = now_ms;
      if (video.readyState >= 2) this.update({ state: "playing" });
      return;
    }
    if (position_s !== this.lastPosition_s && !video.seeking) {
      this.lastPosition_s = position_s;
      this.moved(now_ms);
      return;
    }
    // An engine that recovers loads the element anew, which pauses it.
    if (video.paused && video.readyState >= 2 && !document.hidden) void this.startPlayback();
    const still_ms = now_ms - this.movedAt_ms;
    if (still_ms > STALL_SHOWN_MS) this.update({ state: "loading" });
    this.jumpHole();
    const { protocol } = this.status;
    const limit_ms = this.movedOnce ? STALL_RECONNECT_MS : START_LIMIT_MS[protocol ?? "hls"];
    if (still_ms > limit_ms && !document.hidden) this.failOver("network", `no movement for ${Math.round(still_ms)} ms`);
  }

  private moved(now_ms: number): void {
    this.movedAt_ms = now_ms;
    if (!this.movedOnce || this.status.state !== "playing") this.soundSince_ms = now_ms;
    this.movedOnce = true;
    this.everPlayed = true;
    this.backoff.reset();
    if (now_ms - this.soundSince_ms > SOUND_AFTER_MS && this.status.protocol) {
      this.failed.delete(this.status.protocol);
    }
    this.update({ state: "playing", fault: null });
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

  private keepUp(): void {
    const end_s = bufferedEnd(this.video);
    if (end_s === null || this.catchUpConfig === false || this.video.seeking) return;
    const act = catchUp((end_s - this.video.currentTime) * 1000, this.video.playbackRate, this.catchUpConfig);
    if (act.act === "jump") this.video.currentTime = end_s - act.back_ms / 1000;
    else if (this.video.playbackRate !== act.rate) this.video.playbackRate = act.rate;
  }

  private async refresh(): Promise<void> {
    const attempt = this.attempt;
    const info = await this.findStream(this.listeners.signal);
    if (attempt === this.attempt && info) this.update({ info });
  }

  private countFrames(now_ms: number): void {
    const elapsed_ms = now_ms - this.frames.at_ms;
    if (elapsed_ms < 1000) return;
    const total = this.video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
    const fps = total >= this.frames.total ? ((total - this.frames.total) * 1000) / elapsed_ms : 0;
    this.frames = { at_ms: now_ms, total, fps: this.frames.at_ms === 0 ? 0 : fps };
  }

  private update(change: Partial<PlayerStatus>): void {
    const keys = Object.keys(change) as (keyof PlayerStatus)[];
    if (this.destroyed || keys.every((key) => Object.is(this.status[key], change[key]))) return;
    this.status = { ...this.status, ...change };
    this.options.onStatus(this.status);
  }
}
