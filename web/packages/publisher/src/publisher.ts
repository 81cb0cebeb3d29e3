//! The publisher: starts an engine and an uplink, lets the controller steer the one by what the other
//! says, and tells its listeners how it goes. It draws nothing.

import { DEFAULT_MIN_KBPS, defaultMax_kbps } from "./choose";
import { CONTROL, RateController, type Controller, type Decision } from "./control";
import { hasWebCodecs, navigatorExtras } from "./dom";
import type { Engine, EngineEvents } from "./engine";
import { LOCAL, PublishError } from "./errors";
import { HealthWatch } from "./health";
import type { Ready } from "./messages";
import { Meter } from "./meter";
import { RecorderEngine } from "./recorder";
import { startTicker } from "./timing";
import { slspTransport } from "./transport";
import type { EngineName, Health, PublisherEvents, PublisherOptions, PublisherState, PublisherStats } from "./types";
import { Uplink } from "./uplink";
import { WebCodecsEngine } from "./webcodecs";

const TICK_MS = 100;
const STATS_MS = 1000;
/** A keyframe asked for comes within this, or is asked for again, ms. */
const KEY_WAIT_MS = 500;
/** How long `stop` lets the rest go out, ms. */
const FAREWELL_MS = 1000;
/** Tag headers, stamps and the WebSocket's frames, kbit/s. */
const CONTAINER_KBPS = 12;
const AGENT = "weir publisher";

type Listeners = { [K in keyof PublisherEvents]: Set<(value: PublisherEvents[K]) => void> };

export class Publisher {
  private current: PublisherState = "idle";
  private readonly listeners: Listeners = { state: new Set(), stats: new Set(), health: new Set(), error: new Set(), log: new Set() };
  private engine: Engine | null = null;
  private uplink: Uplink | null = null;
  private readonly controller: Controller;
  private readonly watch = new HealthWatch();
  private readonly meter = new Meter();
  private decision: Decision | null = null;
  private readonly epoch_ms = performance.now();
  private stopTicker: (() => void) | null = null;
  private readonly cleanups: (() => void)[] = [];
  private starting: { resolve: () => void; reject: (error: PublishError) => void } | null = null;
  /** How far the engine is: asked for with the first `ready`, and encoding. */
  private engineState: "idle" | "starting" | "running" = "idle";
  private userMax_kbps: number | null;
  private serverMax_kbps: number | null = null;
  private limit: { at_ms: number; from_kbps: number; to_kbps: number } | null = null;
  private lastKeyAsked_ms = Number.NEGATIVE_INFINITY;
  private lastStats_ms = 0;
  private liveSince_ms: number | null = null;
  private readonly options: PublisherOptions;

  constructor(options: PublisherOptions) {
    this.options = { ...options };
    this.userMax_kbps = options.video?.max_kbps ?? null;
    const numbers = { ...CONTROL, ...options.control };
    this.controller = options.controller?.(numbers) ?? new RateController(numbers);
  }

  get state(): PublisherState {
    return this.current;
  }

  /** Resolves when media flows. Once only: a publisher that ended is replaced by a new one. */
  async start(): Promise<void> {
    if (this.current !== "idle") throw new PublishError(LOCAL.stopped, "This publisher was started before.");
    this.setState("connecting");
    const started = new Promise<void>((resolve, reject) => (this.starting = { resolve, reject }));
    try {
      this.engine = this.makeEngine();
      this.uplink = this.makeUplink(this.engine);
      this.listen();
      this.stopTicker = startTicker(TICK_MS, () => this.tick());
      this.uplink.connect();
    } catch (error) {
      this.fail(asPublishError(error));
    }
    await started;
  }

  async stop(): Promise<void> {
    if (this.isOver) return;
    const wasIdle = this.current === "idle";
    this.setState("stopped");
    this.starting?.reject(new PublishError(LOCAL.stopped, "Stopped before it was live."));
    this.starting = null;
    if (wasIdle) return;
    this.release();
    await this.engine?.stop().catch((error: unknown) => this.log(`stopping: ${String(error)}`));
    await this.uplink?.end(FAREWELL_MS);
    this.tellHealth();
  }

  async setSource(source: MediaStream): Promise<void> {
    if (this.isOver) return;
    this.options.source = source;
    try {
      await this.engine?.setSource(source);
    } catch (error) {
      throw asPublishError(error);
    }
  }

  setLimits(limits: { max_kbps?: number }): void {
    this.userMax_kbps = limits.max_kbps ?? null;
  }

  stats(): PublisherStats {
    const now_ms = performance.now();
    const engine = this.engine?.stats;
    const { session, queue } = this.uplink ?? {};
    const rates = this.meter.rates(now_ms);
    return {
      state: this.current,
      engine: this.engine?.name ?? this.engineName(),
      videoCodec: engine?.videoCodec ?? "",
      audioCodec: engine?.audioCodec ?? "",
      encoder: engine?.encoder ?? "unknown",
      width: engine?.width ?? 0,
      height: engine?.height ?? 0,
      fps: Math.round(rates.fps * 10) / 10,
      target_kbps: Math.round(this.decision?.total_kbps ?? 0),
      sent_kbps: Math.round(rates.sent_kbps),
      acked_kbps: Math.round(rates.acked_kbps),
      queue_ms: Math.round(this.uplink?.queue_ms(now_ms) ?? 0),
      rtt_ms: Math.round(session?.rtt_ms ?? 0),
      captured: engine?.captured ?? 0,
      encoded: engine?.encoded ?? 0,
      droppedBeforeEncoding: engine?.droppedBeforeEncoding ?? 0,
      droppedAfterEncoding: queue?.dropped ?? 0,
      keyframes: engine?.keyframes ?? 0,
      reconnects: this.uplink?.reconnects ?? 0,
      uptime_ms: this.liveSince_ms === null ? 0 : Math.round(now_ms - this.liveSince_ms),
      ceiling_kbps: Math.round(this.ceiling_kbps()),
    };
  }

  /** Returns what unsubscribes. */
  on<K extends keyof PublisherEvents>(event: K, listener: (value: PublisherEvents[K]) => void): () => void {
    this.listeners[event].add(listener);
    return () => this.listeners[event].delete(listener);
  }

  private makeEngine(): Engine {
    const events: EngineEvents = {
      packet: (packet) => {
        this.meter.encoded(packet.data.length);
        this.uplink?.push(packet);
      },
      restart: () => this.uplink?.restart(),
      fail: (error) => this.fail(error),
      log: (text) => this.log(text),
    };
    if (this.engineName() === "mediarecorder") return new RecorderEngine(this.options, this.epoch_ms, events);
    if (!hasWebCodecs()) throw new PublishError(LOCAL.codec, "This browser has no WebCodecs.");
    return new WebCodecsEngine(this.options, this.epoch_ms, () => this.wallOffset_ms(), events);
  }

  private engineName(): EngineName {
    const { engine } = this.options;
    if (engine && engine !== "auto") return engine;
    return hasWebCodecs() ? "webcodecs" : "mediarecorder";
  }

  private makeUplink(engine: Engine): Uplink {
    return new Uplink({
      url: this.options.url,
      factory: this.options.transport ?? slspTransport,
      container: engine.container,
      grain_ms: engine.grain_ms,
      agent: AGENT,
      events: {
        open: (ready, how) => this.onOpen(ready, how),
        lost: (why) => {
          if (this.isOver) return;
          this.log(why);
          this.setState("reconnecting");
          this.tellHealth();
        },
        acked: () => this.steer(),
        hint: (max_kbps) => this.onHint(max_kbps),
        failed: (error) => this.fail(error),
        log: (text) => this.log(text),
      },
    });
  }

  private onOpen(ready: Ready, how: "begin" | "restart" | "go on"): void {
    if (this.isOver) return;
    // A hint holds for its session.
    this.serverMax_kbps = ready.max_kbps ?? (how === "begin" ? null : this.serverMax_kbps);
    if (this.engineState === "idle") {
      this.engineState = "starting";
      void this.begin(ready);
      return;
    }
    this.controller.reconnected(performance.now());
    this.log(`connected again: ${how}`);
    if (how !== "go on") this.engine?.begin();
    if (this.engineState === "running") this.goLive();
  }

  private async begin(ready: Ready): Promise<void> {
    try {
      const first = { kbps: this.ceiling_kbps() * CONTROL.start, keepEvery: 1 as const, scale: 1 };
      await this.engine?.start({ codecs: ready.codecs, keyframe_ms: ready.keyframe_ms }, first);
    } catch (error) {
      return this.fail(asPublishError(error));
    }
    this.engineState = "running";
    // The connection may have been lost meanwhile: then it is live when it is there again.
    if (!this.isOver && this.uplink?.isOpen) this.goLive();
  }

  private goLive(): void {
    this.liveSince_ms ??= performance.now();
    this.setState("live");
    this.starting?.resolve();
    this.starting = null;
  }

  private get isOver(): boolean {
    return this.current === "stopped" || this.current === "failed";
  }

  private onHint(max_kbps: number): void {
    const from_kbps = Math.round(this.ceiling_kbps());
    this.serverMax_kbps = max_kbps;
    this.log(`the server asks for at most ${Math.round(max_kbps)} kbit/s`);
    if (max_kbps < from_kbps) this.limit = { at_ms: performance.now(), from_kbps, to_kbps: Math.round(max_kbps) };
    this.steer();
  }

  private tick(): void {
    const now_ms = performance.now();
    this.uplink?.tick(now_ms);
    this.engine?.tick(now_ms);
    const { sentBytes = 0, ackedBytes = 0 } = this.uplink?.session ?? {};
    this.meter.add(now_ms, { sent: sentBytes, acked: ackedBytes, frames: this.engine?.stats.encoded ?? 0 });
    this.steer();
    if (now_ms - this.lastStats_ms < STATS_MS) return;
    this.lastStats_ms = now_ms;
    const stats = this.stats();
    this.emit("stats", stats);
    this.uplink?.stats({
      fps: stats.fps,
      kbps: Math.round(this.meter.rates(now_ms).encoded_kbps),
      queue_ms: stats.queue_ms,
      dropped: stats.droppedBeforeEncoding,
      encoder: `${stats.encoder} ${stats.videoCodec}`.slice(0, 200),
    });
  }

  /** Ten times a second, and with each acknowledgement. */
  private steer(): void {
    const { engine, uplink } = this;
    const now_ms = performance.now();
    if (!engine || !uplink || this.current !== "live") return this.tellHealth();
    if (!uplink.isOpen) return;
    const { session, queue } = uplink;
    const decision = this.controller.update(now_ms, {
      queue_ms: uplink.queue_ms(now_ms),
      backlog_bytes: queue.bytes + session.unacked_bytes,
      acked_bytes: session.ackedBytes,
      acked_at_ms: session.lastAck_ms ?? now_ms,
      ack_ms: session.ack_ms,
      rtt_ms: session.rtt_ms,
      encoded_kbps: this.meter.rates(now_ms).encoded_kbps,
      encodeQueue: engine.stats.encodeQueue,
      overhead_kbps: (engine.stats.audioCodec === "" ? 0 : engine.audio_kbps) + CONTAINER_KBPS,
      floor_kbps: Math.min(this.options.video?.min_kbps ?? DEFAULT_MIN_KBPS, this.ceiling_kbps()),
      ceiling_kbps: this.ceiling_kbps(),
      ...engine.full,
    });
    this.decision = decision;
    engine.apply(decision);
    if (decision.dropToKeyframe) {
      this.log("too much waits: dropped to the next keyframe");
      queue.dropToKeyframe(true);
    }
    if (queue.waitsForKey) this.askForKey(now_ms);
    this.tellHealth();
  }

  private askForKey(now_ms: number): void {
    if (now_ms - this.lastKeyAsked_ms < KEY_WAIT_MS) return;
    this.lastKeyAsked_ms = now_ms;
    this.engine?.forceKeyframe();
  }

  private tellHealth(): void {
    const now_ms = performance.now();
    const engine = this.engine?.stats;
    const { health, isNews } = this.watch.update(now_ms, {
      state: this.current,
      decision: this.decision,
      queue_ms: this.uplink?.queue_ms(now_ms) ?? 0,
      acked_kbps: this.meter.rates(now_ms).acked_kbps,
      isEncoderSlow: (engine?.encodeQueue ?? 0) > 2,
      isSourceSlow: engine?.isSourceSlow ?? false,
      limit: this.limit,
    });
    if (isNews) this.emit("health", health satisfies Health);
  }

  private ceiling_kbps(): number {
    const user_kbps = this.userMax_kbps ?? (this.engine ? defaultMax_kbps(this.engine.full, this.engine.full.fps) : 2500);
    return Math.min(user_kbps, this.serverMax_kbps ?? Number.POSITIVE_INFINITY);
  }

  /** What to add to the page's clock to have the server's Unix time. */
  private wallOffset_ms(): number | null {
    const offset_ms = this.uplink?.session.clockOffset_ms ?? null;
    return offset_ms === null ? null : Date.now() - performance.now() + offset_ms;
  }

  private listen(): void {
    const onChange = () => this.uplink?.networkChanged();
    const { connection } = navigatorExtras();
    globalThis.addEventListener("online", onChange);
    connection?.addEventListener("change", onChange);
    this.cleanups.push(
      () => globalThis.removeEventListener("online", onChange),
      () => connection?.removeEventListener("change", onChange),
    );
  }

  private release(): void {
    this.stopTicker?.();
    this.stopTicker = null;
    for (const cleanup of this.cleanups.splice(0)) cleanup();
  }

  private fail(error: PublishError): void {
    if (this.isOver) return;
    this.setState("failed");
    this.release();
    void this.engine?.stop().catch(() => {});
    void this.uplink?.end(0);
    this.log(`${error.code} ${error.codeName}: ${error.message}`);
    this.starting?.reject(error);
    this.starting = null;
    this.emit("error", error);
    this.tellHealth();
  }

  private setState(state: PublisherState): void {
    if (state === this.current) return;
    this.current = state;
    this.emit("state", state);
  }

  private log(text: string): void {
    this.emit("log", text);
  }

  private emit<K extends keyof PublisherEvents>(event: K, value: PublisherEvents[K]): void {
    for (const listener of this.listeners[event]) {
      // A page's mistake must not end its broadcast.
      try {
        listener(value);
      } catch (error) {
        reportError(error);
      }
    }
  }
}

function asPublishError(error: unknown): PublishError {
  if (error instanceof PublishError) return error;
  return new PublishError(LOCAL.codec, error instanceof Error ? error.message : String(error), { cause: error });
}
