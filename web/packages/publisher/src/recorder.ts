//! The engine over MediaRecorder, where WebCodecs or its codecs are missing: the browser writes the
//! container, and the rate changes only with a new recorder.

import { containerOf, recorderTypeFor, recorderTypes } from "./choose";
import type { Engine, EngineEvents, EngineLimits, EngineStats, Order } from "./engine";
import { LOCAL, PublishError } from "./errors";
import type { PublisherOptions } from "./types";

/** Asked of the recorder, ms. */
const TIMESLICE_MS = 200;
/** Chromium cuts MP4 at keyframes and not by time, so they have to come often, ms. */
const MP4_KEYFRAME_MS = 1000;
/** Chunks are cut to this, so that one of a second does not go out at once, bytes. */
const PIECE_BYTES = 16 * 1024;
/** A new recorder costs a discontinuity: only for a rate this far off, and not more often than this. */
const RATE_DOWN = 0.65;
const RATE_UP = 1.7;
const DOWN_PAUSE_MS = 4000;
const UP_PAUSE_MS = 12_000;
const DEFAULT_AUDIO_KBPS = 96;
const DEFAULT_SIZE = { width: 1280, height: 720 };

type RecorderOptions = MediaRecorderOptions & { videoKeyFrameIntervalDuration?: number };
/** Chromium counts what a track delivered. */
type CountingTrack = MediaStreamTrack & { stats?: { deliveredFrames?: number; discardedFrames?: number } };

export class RecorderEngine implements Engine {
  readonly name = "mediarecorder" as const;
  readonly container: "fmp4" | "webm";
  readonly audio_kbps: number;
  private readonly type: string;
  private source: MediaStream;
  private recorder: MediaRecorder | null = null;
  /** Counts recorders: what an older one still gives is thrown away. */
  private generation = 0;
  private order: Order = { kbps: 1000, keepEvery: 1, scale: 1 };
  private limits: EngineLimits = { codecs: null, keyframe_ms: 2000 };
  private recorded_kbps = 0;
  private startedAt_ms = 0;
  private lastTs_ms = 0;
  private isStopped = false;

  constructor(
    private readonly options: PublisherOptions,
    private readonly epoch_ms: number,
    private readonly events: EngineEvents,
  ) {
    this.source = options.source;
    this.audio_kbps = options.audio === false ? 0 : (options.audio?.kbps ?? DEFAULT_AUDIO_KBPS);
    const type = options.recorderType ?? (typeof MediaRecorder === "undefined" ? undefined : recorderTypes((each) => MediaRecorder.isTypeSupported(each))[0]);
    const container = type === undefined ? null : containerOf(type);
    if (type === undefined || container === null) {
      const words = type === undefined ? "This browser can neither encode by WebCodecs nor record H.264, VP9 or AV1." : `${type} is not taken.`;
      throw new PublishError(LOCAL.codec, words);
    }
    this.type = type;
    this.container = container;
  }

  get grain_ms(): number {
    return this.container === "fmp4" ? MP4_KEYFRAME_MS : TIMESLICE_MS;
  }

  get full(): { width: number; height: number; fps: number } {
    const { width, height, frameRate } = this.track?.getSettings() ?? {};
    return { width: width ?? DEFAULT_SIZE.width, height: height ?? DEFAULT_SIZE.height, fps: frameRate ?? 30 };
  }

  get stats(): EngineStats {
    const codecs = /codecs="?([^"]*)/.exec(this.recorder?.mimeType || this.type)?.[1]?.split(",") ?? [];
    const isAudio = (codec: string) => /^(opus|mp4a)/.test(codec.trim());
    const { deliveredFrames = 0, discardedFrames = 0 } = this.track?.stats ?? {};
    return {
      videoCodec: codecs.find((codec) => !isAudio(codec))?.trim() ?? "",
      audioCodec: codecs.find(isAudio)?.trim() ?? "",
      encoder: "unknown",
      width: this.full.width,
      height: this.full.height,
      captured: deliveredFrames + discardedFrames,
      encoded: deliveredFrames,
      droppedBeforeEncoding: discardedFrames,
      keyframes: 0,
      encodeQueue: 0,
      isSourceSlow: false,
    };
  }

  async start(limits: EngineLimits, order: Order): Promise<void> {
    this.limits = limits;
    this.order = order;
    this.begin();
  }

  apply(order: Order): void {
    this.order = order;
    if (!this.recorder) return;
    const age_ms = performance.now() - this.startedAt_ms;
    const ratio = order.kbps / Math.max(1, this.recorded_kbps);
    if (ratio < RATE_DOWN && age_ms > DOWN_PAUSE_MS) this.renew("the uplink fell");
    else if (ratio > RATE_UP && age_ms > UP_PAUSE_MS) this.renew("the uplink recovered");
  }

  /** A recorder makes none on demand. */
  forceKeyframe(): void {
    if (performance.now() - this.startedAt_ms > DOWN_PAUSE_MS) this.renew("a keyframe is needed");
  }

  begin(): void {
    this.stopRecorder();
    const generation = ++this.generation;
    const stream = this.streamOf(this.source);
    const mimeType = recorderTypeFor(this.type, stream.getVideoTracks().length > 0, stream.getAudioTracks().length > 0);
    const keyframe_ms = this.options.video?.keyframe_ms ?? this.limits.keyframe_ms;
    const options: RecorderOptions = {
      mimeType,
      videoBitsPerSecond: Math.round(this.order.kbps * 1000),
      audioBitsPerSecond: this.audio_kbps * 1000,
      videoKeyFrameIntervalDuration: this.container === "fmp4" ? MP4_KEYFRAME_MS : keyframe_ms,
    };
    try {
      this.recorder = new MediaRecorder(stream, options);
    } catch (cause) {
      return this.events.fail(new PublishError(LOCAL.codec, `This browser does not record ${mimeType}.`, { cause }));
    }
    this.recorded_kbps = this.order.kbps;
    this.startedAt_ms = performance.now();
    this.lastTs_ms = this.startedAt_ms - this.epoch_ms;
    // Blobs are read one after the other, or they would overtake each other.
    let reading = Promise.resolve();
    this.recorder.ondataavailable = ({ data }) => {
      const ts_ms = performance.now() - this.epoch_ms;
      reading = reading.then(async () => {
        const bytes = new Uint8Array(await data.arrayBuffer());
        if (generation === this.generation) this.emit(bytes, ts_ms);
      });
    };
    this.recorder.onerror = (event) => {
      if (generation !== this.generation) return;
      this.events.fail(new PublishError(LOCAL.codec, `Recording ${mimeType} failed: ${String((event as ErrorEvent).error ?? "")}`));
    };
    this.recorder.start(TIMESLICE_MS);
    this.events.log(`recorder: ${this.recorder.mimeType || mimeType} at ${Math.round(this.recorded_kbps)} kbit/s`);
  }

  async setSource(source: MediaStream): Promise<void> {
    this.source = source;
    if (this.recorder) this.renew("another source");
  }

  tick(): void {}

  async stop(): Promise<void> {
    if (this.isStopped) return;
    this.isStopped = true;
    const { recorder } = this;
    if (recorder && recorder.state !== "inactive") {
      const stopped = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
      recorder.stop();
      await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, 500))]);
      // The last blob is being read.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    this.generation++;
    this.recorder = null;
  }

  private get track(): CountingTrack | undefined {
    return this.source.getVideoTracks()[0];
  }

  private renew(why: string): void {
    this.events.log(`new recorder: ${why}`);
    this.events.restart();
    this.begin();
  }

  private stopRecorder(): void {
    const { recorder } = this;
    this.recorder = null;
    this.generation++;
    if (recorder && recorder.state !== "inactive") recorder.stop();
  }

  private streamOf(source: MediaStream): MediaStream {
    return this.options.audio === false ? new MediaStream(source.getVideoTracks()) : source;
  }

  /** In pieces, with times spread over the slice. */
  private emit(bytes: Uint8Array, until_ms: number): void {
    const from_ms = Math.min(this.lastTs_ms, until_ms);
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const data = bytes.subarray(at, at + PIECE_BYTES);
      const ts_ms = from_ms + ((until_ms - from_ms) * (at + data.length)) / bytes.length;
      this.events.packet({ kind: "chunk", ts_ms, data });
    }
    if (bytes.length > 0) this.lastTs_ms = until_ms;
  }
}
