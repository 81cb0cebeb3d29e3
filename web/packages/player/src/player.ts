//! The player: finds out whether a stream is live, picks a protocol, starts an engine, falls back,
//! reconnects and keeps near the live edge. It owns the video element's source, mute, volume and
//! rate; it draws nothing.

import { awaitMedia, fetchLive, isForAllProtocols, isNotNow, probeMedia } from "./api";
import { browserCapabilities, protocolOrder, type Capabilities } from "./choose";
import { ClockOffset } from "./clock";
import { loadEngine, preloadEngine, type Engine, type EngineName } from "./engines/engine";
import { Failures } from "./failures";
import { startPlayback } from "./gesture";
import { Backoff, DEFAULTS, inPieces, Pacer, PRESETS, type CatchUp, type LatencyMode, type PacingConfig, type Pieces } from "./pacing";
import type { Fault, Latency, Level, PlayerStatus, Protocol, Stats, StreamInfo } from "./types";
import { mediaUrl, type Origin, type StreamName } from "./urls";
import { Watcher } from "./watcher";

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
  /** false: waits for `play()` before anything is fetched. */
  autoplay?: boolean;
  /** How close to the live edge; `auto` if not given. */
  latency?: LatencyMode;
  /** Single numbers of it, over the preset: `{ target_ms: 1000, strategy: "skip" }`. */
  pacing?: Partial<PacingConfig>;
  /** In place of the built-in decision. */
  catchUp?: CatchUp;
  onStatus: (status: PlayerStatus) => void;
}

/** The list of live streams is read again so often while playing, ms: viewers, clock, codecs. Who comes is
 *  counted on the page within two seconds. */
const REFRESH_MS = 1500;
/** A list that a page of another origin may not read is not asked for again so soon, ms: browsers note each try. */
const NO_LIST_PAUSE_MS = 60_000;
/** No movement for so long is shown as loading, ms. */
const STALL_SHOWN_MS = 800;
/** A picture that stands for so long may have nobody behind it any more: the server is asked, as often as this, ms. */
const GONE_ASK_MS = 1000;
/** Who shows the past believes that a stream is over when so many looks in a row have not found it. */
const GONE_LOOKS = 3;
/** No movement for so long and we connect anew, ms. */
const STALL_RECONNECT_MS = 8000;
/** From starting an engine to the first movement, ms; segments take longer to come than frames. */
const START_LIMIT_MS = { flv: 10_000, wsflv: 10_000, hls: 15_000, ts: 25_000 } as const;
/** Played this long without trouble, a protocol's earlier failures are forgotten, ms. */
const SOUND_AFTER_MS = 15_000;
/** What was paused longer is stopped, and starts live again, ms: it would only fill the memory. */
const PAUSE_KEEP_MS = 60_000;
/** After a pause longer than this, playing goes on at the live edge, ms. */
const PAUSE_LIVE_MS = 3000;
/** An answer later than this was held back by the server, ms. */
const HELD_MS = 2000;
/** Requests held at a time by all players of a page: browsers open six connections to a server and no more. */
const MOST_HELD = 3;
let held = 0;
/** All who wait are told of a stream's return at the same moment; they come within this, ms. */
const CROWD_MS = 200;
/** A playlist that asks for so little more or less asks for the same, ms. */
const PIECES_STEP_MS = 50;
/** After all protocols failed, all are tried again after this, ms. */
const RETRY_ALL_MS = 15_000;

export class Player {
  private readonly video: HTMLVideoElement;
  private readonly can: Capabilities;
  private readonly clock = new ClockOffset();
  private readonly backoff = new Backoff();
  private readonly watcher: Watcher;
  /** Replaced as a whole whenever something of it changes. */
  status: PlayerStatus;
  private mode: LatencyMode;
  private overrides: Partial<PacingConfig>;
  private decide: CatchUp | undefined;
  private pacer: Pacer;

  private engine: Engine | null = null;
  private wanted: Protocol | null;
  private readonly failures: Failures;
  private engineName: EngineName | null = null;
  private everPlayed = false;
  /** The newest connection broke before it brought a picture: the server is asked why. */
  private unproven = false;
  private suspended = false;
  /** Somebody else shows the past of the stream in our element. */
  private isAway = false;
  /** Looks in a row that did not find the stream. */
  private missed = 0;
  private reconnects = 0;
  private destroyed = false;

  /** Counts connection attempts: what belongs to an older one is ignored. */
  private attempt = 0;
  private abort: AbortController | null = null;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private pauseTimer: ReturnType<typeof setTimeout> | undefined;
  private pausedAt_ms = 0;
  private readonly refresher: ReturnType<typeof setInterval>;
  private readonly listeners = new AbortController();
  private soundSince_ms = 0;
  private noListUntil_ms = 0;
  private goneAskedAt_ms = 0;
  /** What the playlist ended with when the stream went away. */
  private wentAfter: { protocol: Protocol; newest: number } | null = null;
  /** How the present engine gets its media in pieces; null for one that gets frames. */
  private pieces: Pieces | null = null;

  constructor(private readonly options: PlayerOptions) {
    this.video = options.video;
    this.can = browserCapabilities();
    this.failures = new Failures(this.can);
    this.wanted = options.protocol ?? null;
    this.mode = options.latency ?? "auto";
    this.overrides = options.pacing ?? {};
    this.decide = options.catchUp;
    this.pacer = new Pacer(this.pacing(), this.decide);
    const waits = options.autoplay === false;
    this.status = {
      kind: "live",
      state: "loading",
      protocol: null,
      available: protocolOrder(null, this.can, null),
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
    this.listen();
    const events = {
      onMoved: (now_ms: number) => this.moved(now_ms),
      onStill: (still_ms: number, hasMoved: boolean) => this.still(still_ms, hasMoved),
    };
    this.watcher = new Watcher(this.video, events, () => !this.status.paused);
    this.refresher = setInterval(() => void this.refresh(), REFRESH_MS);
    this.suspended = waits;
    if (this.can.mediaSource && this.wanted !== "hls" && this.wanted !== "ts") preloadEngine();
    if (!waits) void this.connect();
  }

  destroy(): void {
    this.destroyed = true;
    this.attempt++;
    this.listeners.abort();
    this.abort?.abort();
    clearInterval(this.refresher);
    this.watcher.destroy();
    clearTimeout(this.retryTimer);
    clearTimeout(this.pauseTimer);
    this.stopEngine();
  }

  /** The viewer's choice; null leaves it to the player. */
  setProtocol(protocol: Protocol | null): void {
    this.wanted = protocol;
    this.failures.forget();
    this.update({ switchedFrom: null });
    if (!this.suspended && !this.isAway) this.reconnectNow();
  }

  get latencyMode(): LatencyMode {
    return this.mode;
  }

  /** In force at once: catching up does the rest, or playing waits until enough is there. */
  setLatency(mode: LatencyMode): void {
    this.mode = mode;
    this.setPacing({});
  }

  /** Single numbers over the preset; `catchUp` replaces the decision itself, null brings ours back. */
  setPacing(overrides: Partial<PacingConfig>, catchUp?: CatchUp | null): void {
    this.overrides = overrides;
    if (catchUp !== undefined) this.decide = catchUp ?? undefined;
    const config = this.pacing();
    this.pacer = new Pacer(config, this.decide);
    this.watcher.setPacer(this.pacer);
    if (this.engine?.needsCatchUp && this.watcher.ahead_ms() < config.startBehind_ms) this.pacer.gather(performance.now());
  }

  /** The numbers in force. */
  pacing(): PacingConfig {
    const preset = { ...DEFAULTS, ...PRESETS[this.mode] };
    return { ...(this.pieces === null ? preset : inPieces(preset, this.pieces)), ...this.overrides };
  }

  private setPieces(pieces: Pieces): void {
    const { pieces: known } = this;
    const isKnown = known !== null && Math.abs(pieces.spare_ms - known.spare_ms) + Math.abs(pieces.piece_ms - known.piece_ms) < PIECES_STEP_MS;
    if (isKnown) return;
    this.pieces = pieces;
    this.pacer.configure(this.pacing());
  }

  /** Renditions, where there are several. */
  levels(): Level[] {
    return this.engine?.levels?.() ?? [];
  }

  /** By `Level.id`; null leaves the choice to the player. */
  setLevel(id: number | null): void {
    this.engine?.setLevel?.(id);
  }

  /** For a retry button: forgets what failed. */
  retry(): void {
    this.failures.forget();
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
    const away_ms = performance.now() - this.pausedAt_ms;
    if (this.pausedAt_ms > 0 && away_ms > PAUSE_LIVE_MS && this.engine?.needsCatchUp) this.jumpToLive();
    this.pausedAt_ms = 0;
    void this.startPlayback();
  }

  pause(): void {
    this.video.pause();
    this.update({ paused: true });
    this.suspendLater();
  }

  /** What gathers while nothing is played would only fill the memory. */
  private suspendLater(): void {
    this.pausedAt_ms = performance.now();
    clearTimeout(this.pauseTimer);
    this.pauseTimer = setTimeout(() => {
      if (!this.status.paused || !this.engine) return;
      this.suspended = true;
      this.attempt++;
      this.stopEngine();
    }, PAUSE_KEEP_MS);
  }

  /** Lets go of the element, for who shows the past of the stream in it; goes on looking whether it is live. */
  release(): void {
    this.isAway = true;
    this.missed = 0;
    this.attempt++;
    clearTimeout(this.retryTimer);
    clearTimeout(this.pauseTimer);
    this.abort?.abort();
    this.stopEngine();
  }

  /** Takes the element back, and plays what happens now. */
  resume(soundBlocked: boolean): void {
    this.isAway = this.suspended = false;
    this.pausedAt_ms = 0;
    this.update({ paused: false, playBlocked: false, soundBlocked });
    this.reconnectNow();
  }

  /** The server's clock, Unix ms; ours until it is known. */
  now_ms(): number {
    return this.clock.serverTime(Date.now()) ?? Date.now();
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
    const { engine, video } = this;
    if (engine?.needsCatchUp) this.watcher.jump(this.pacing().startBehind_ms);
    else {
      const edge_s = engine?.liveEdge_s() ?? null;
      if (edge_s !== null && edge_s > video.currentTime) video.currentTime = edge_s;
    }
    if (this.status.paused) {
      this.pausedAt_ms = 0;
      this.play();
    }
  }

  latency(): Latency | null {
    return this.engine && this.watcher.hasMoved ? this.engine.latency() : null;
  }

  stats(): Stats {
    const { video, status, watcher } = this;
    const quality = video.getVideoPlaybackQuality?.();
    const measured_kbps = this.engine?.bitrate_kbps() ?? null;
    return {
      protocol: status.protocol,
      engine: this.engine?.name ?? "",
      videoCodec: status.info?.video?.rfc6381 ?? "",
      audioCodec: status.info?.audio?.rfc6381 ?? "",
      width: video.videoWidth,
      height: video.videoHeight,
      fps: watcher.fps,
      framesTotal: quality?.totalVideoFrames ?? 0,
      framesDropped: quality?.droppedVideoFrames ?? 0,
      bitrate_kbps: measured_kbps ?? status.info?.bitrate_kbps ?? 0,
      bitrateMeasured: measured_kbps !== null,
      buffer_ms: watcher.ahead_ms(),
      latency: this.latency(),
      playbackRate: video.playbackRate,
      target_ms: this.pacer.target.at(performance.now()),
      stalls: watcher.stalls,
      stalled_ms: watcher.stalled_ms,
      join_ms: watcher.join_ms,
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
    if (info === null || this.unproven) {
      this.unproven = false;
      const fault = await this.whyNot(this.abort.signal);
      if (stale()) return;
      // A stream that is listed may come by another protocol: a proxy may just not like this one.
      if (fault && (info === null || isForAllProtocols(fault))) return this.rest(fault);
    }

    const possible = protocolOrder(info, this.can, this.wanted);
    const protocol = this.failures.next(possible);
    this.update({ info, available: protocolOrder(info, this.can, null) });
    if (protocol === undefined) {
      this.failures.forgetProtocols();
      const fault: Fault = { kind: possible.length === 0 ? "unplayable" : "unreachable" };
      this.update({ state: "error", fault });
      return this.retryIn(RETRY_ALL_MS);
    }
    await this.start(protocol, info, stale);
  }

  /** From the list of live streams; null if it is not in there or there is no list. */
  private async findStream(signal: AbortSignal): Promise<StreamInfo | null> {
    if (performance.now() < this.noListUntil_ms) return null;
    try {
      const { app, stream } = this.options.name;
      const list = await fetchLive(signal, this.options.origin, { app, stream });
      this.clock.add(list.sent_ms, list.received_ms, list.server_time_ms);
      const named = list.streams.filter((item) => item.app === app && item.stream === stream);
      return named.find((item) => item.vhost === this.options.origin.hostname) ?? named[0] ?? null;
    } catch {
      const isElsewhere = this.options.origin.host !== location.host;
      if (isElsewhere && !signal.aborted) this.noListUntil_ms = performance.now() + NO_LIST_PAUSE_MS;
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
      this.failures.forgetProtocols();
      this.update({ state: this.everPlayed ? "offline" : "waiting", info: null, fault });
      void this.awaitReturn();
      return;
    }
    this.update({ state: "error", fault });
    if (fault.kind === "unreachable") this.retryIn(this.backoff.next());
  }

  /**
   * Lets the server hold a request until the stream is live: who asked by the clock would see a publisher's
   * return seconds late. Where nobody holds it, an old server or a proxy, the clock has to do.
   */
  private async awaitReturn(): Promise<void> {
    if (held >= MOST_HELD) return this.retryIn(this.backoff.next());
    const { attempt } = this;
    const { origin, name, query } = this.options;
    const from_ms = performance.now();
    held++;
    const probe = await awaitMedia(mediaUrl(origin, name, "flv", query), this.abort?.signal).finally(() => held--);
    if (attempt !== this.attempt || this.destroyed) return;
    const wasHeld = performance.now() - from_ms > HELD_MS;
    if (probe.live) return this.retryIn(Math.random() * CROWD_MS);
    if (!wasHeld || !isNotNow(probe.fault)) return this.retryIn(this.backoff.next());
    this.retryIn(Math.random() * HELD_MS);
  }

  private retryIn(delay_ms: number): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => void this.connect(), delay_ms);
  }

  private async start(protocol: Protocol, info: StreamInfo | null, stale: () => boolean): Promise<void> {
    const { origin, name, query } = this.options;
    this.update({ state: "loading", protocol, fault: null });
    this.watcher.starting();
    const config = this.pacing();
    const after = this.wentAfter?.protocol === protocol ? this.wentAfter.newest : null;
    this.wentAfter = null;
    this.engineName = this.failures.engineFor(protocol, info);
    try {
      const begin = await loadEngine(this.engineName);
      // Or it would take the element from whoever has it by now.
      if (stale()) return;
      const engine = begin({
        video: this.video,
        url: mediaUrl(origin, name, protocol, query),
        protocol,
        info,
        startBehind_ms: config.startBehind_ms,
        after,
        onPieces: (pieces) => void (stale() || this.setPieces(pieces)),
        serverNow_ms: () => this.clock.serverTime(Date.now()),
        onFail: (kind, message) => void (stale() || this.broke(kind, message)),
        onEnd: () => void (stale() || this.ended()),
      });
      if (stale()) return engine.stop();
      this.engine = engine;
      this.pieces = null;
      this.pacer.configure(this.pacing());
      this.pacer.restart();
      this.watcher.attach(engine, this.pacer);
      if (this.status.paused) this.suspendLater();
      else await this.startPlayback();
    } catch (error) {
      if (!stale()) this.failOver("media", String(error));
    }
  }

  /** With sound if the viewer had sound, else without, else not before a gesture. */
  private async startPlayback(): Promise<void> {
    const change = await startPlayback(this.video);
    if (!change) return;
    this.update(change);
    if (change.playBlocked) this.suspendLater();
  }

  /** Told by the engine. A server that refused it has a reason, and is asked for it. */
  private broke(kind: "network" | "media", message: string): void {
    this.unproven = kind === "network" && !this.watcher.hasMoved;
    this.failOver(kind, message);
  }

  private failOver(kind: "network" | "media", message: string): void {
    const { protocol } = this.status;
    console.warn(`weir: ${protocol ?? "?"} failed (${kind}): ${message}`);
    const isGivenUp = this.failures.add(kind, protocol, this.engineName, this.status.info);
    if (isGivenUp && this.status.available.length > 1) this.update({ switchedFrom: protocol });
    this.reconnects++;
    this.attempt++;
    this.stopEngine();
    this.update({ state: "loading" });
    this.retryIn(kind === "media" ? 0 : 500);
  }

  private ended(): void {
    // Refused after all, or let go at once: not to be asked again without a pause.
    if (!this.watcher.hasMoved) return this.broke("network", "it ended before anything moved");
    this.reconnects++;
    this.attempt++;
    this.stopEngine();
    void this.connect();
  }

  private stopEngine(): void {
    const engine = this.engine;
    this.engine = null;
    this.watcher.attach(null, null);
    try {
      engine?.stop();
    } catch (error) {
      console.warn("weir: engine did not stop cleanly", error);
    }
  }

  // --- while it plays -------------------------------------------------------------------------

  private listen(): void {
    const options = { signal: this.listeners.signal };
    const { video } = this;
    video.addEventListener("ended", () => void (this.engine && this.ended()), options);
    // Headphone buttons and picture-in-picture windows pause and play behind our back.
    video.addEventListener("pause", () => {
      if (!this.engine || video.ended || this.status.paused || document.hidden) return;
      this.update({ paused: true });
      this.suspendLater();
    }, options);
    video.addEventListener("play", () => void (!this.isAway && this.status.paused && !video.paused && this.play()), options);
    video.addEventListener("volumechange", () => {
      if (video.muted !== this.status.muted || video.volume !== this.status.volume) {
        this.update({ muted: video.muted, volume: video.volume });
      }
    }, options);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden || this.status.paused || !this.engine) return;
      this.watcher.forgive();
      if (video.paused) void this.startPlayback();
    }, options);
  }

  private moved(now_ms: number): void {
    if (this.status.state !== "playing") this.soundSince_ms = now_ms;
    this.everPlayed = true;
    this.backoff.reset();
    if (now_ms - this.soundSince_ms > SOUND_AFTER_MS && this.status.protocol) {
      this.failures.pardon(this.status.protocol);
    }
    this.update({ state: "playing", fault: null });
  }

  private still(still_ms: number, hasMoved: boolean): void {
    const { video } = this;
    // An engine that recovers loads the element anew, which pauses it.
    if (video.paused && video.readyState >= 2 && !document.hidden) void this.startPlayback();
    if (still_ms > STALL_SHOWN_MS) this.update({ state: "loading" });
    if (hasMoved && still_ms > GONE_ASK_MS && !document.hidden) void this.askIfGone(performance.now());
    const limit_ms = hasMoved ? STALL_RECONNECT_MS : START_LIMIT_MS[this.status.protocol ?? "hls"];
    if (still_ms > limit_ms && !document.hidden) this.failOver("network", `no movement for ${Math.round(still_ms)} ms`);
  }

  /**
   * A playlist goes on being served for a while after its publisher has gone, and is then asked for by the
   * clock. Who knows that nobody publishes has the server hold a request instead, and sees the return at once.
   */
  private async askIfGone(now_ms: number): Promise<void> {
    if (now_ms - this.goneAskedAt_ms < GONE_ASK_MS) return;
    this.goneAskedAt_ms = now_ms;
    const { attempt } = this;
    const { signal } = this.listeners;
    const info = await this.findStream(signal);
    if (info !== null || attempt !== this.attempt) return;
    const fault = await this.whyNot(signal);
    if (attempt !== this.attempt || this.destroyed || this.status.state === "playing" || !fault || !isNotNow(fault)) return;
    const newest = this.engine?.newest?.() ?? null;
    const { protocol } = this.status;
    if (newest !== null && protocol) this.wentAfter = { protocol, newest };
    this.reconnects++;
    this.attempt++;
    this.abort = new AbortController();
    this.stopEngine();
    this.rest(fault);
  }

  private async refresh(): Promise<void> {
    if ((!this.engine && !this.isAway) || document.hidden) return;
    const attempt = this.attempt;
    const info = await this.findStream(this.listeners.signal);
    if (attempt !== this.attempt) return;
    this.missed = info ? 0 : this.missed + 1;
    if (info) this.update({ info, ...(this.isAway ? { state: "playing" } : {}) });
    else if (this.isAway && this.missed >= GONE_LOOKS) this.update({ info: null, state: "offline" });
  }

  private update(change: Partial<PlayerStatus>): void {
    const keys = Object.keys(change) as (keyof PlayerStatus)[];
    if (this.destroyed || keys.every((key) => Object.is(this.status[key], change[key]))) return;
    this.status = { ...this.status, ...change };
    this.options.onStatus(this.status);
  }
}
