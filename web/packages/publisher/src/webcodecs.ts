//! The engine over WebCodecs: capture, drop, encode, mux to FLV.

import { VideoCapture } from "./capture";
import { codecOrder, encodedSize, kindOrder, ruleFor } from "./choose";
import { AudioEncoding, chooseAudioCodec, VideoEncoding } from "./encode";
import type { Engine, EngineEvents, EngineLimits, EngineStats, Order } from "./engine";
import { LOCAL, PublishError } from "./errors";
import { FlvMuxer, type ScriptValue } from "./flv";
import { deviceNames } from "./probe";
import { captureSound, Silence, withChannels, type SoundSource } from "./sound";
import type { AudioCodecName, EncoderKind, EncoderRule, PublisherOptions } from "./types";

/** An encoder that has so many pictures waiting gets no more for now. */
const QUEUE_LIMIT = 2;
const DEFAULT_AUDIO_KBPS = 96;
const DEFAULT_FPS = 30;
/** A frame rate that differs by less is the same. */
const FPS_STEP = 0.2;
/** Where neither track nor frame told a size yet. */
const DEFAULT_SIZE = { width: 1280, height: 720 };
/** A camera gives its first picture within this, ms. */
const FIRST_FRAME_MS = 1500;
/** What a packet of sound lasts where the encoder does not say, µs. */
const SOUND_PACKET_US = 20_000;
/** Time between two stamps, ms. */
const STAMP_MS = 1000;
/** A sound encoder that failed so often is not made anew: it would fail a hundred times a second. */
const SOUND_FAILURES = 3;

export class WebCodecsEngine implements Engine {
  readonly name = "webcodecs" as const;
  readonly container = "flv" as const;
  readonly grain_ms = 0;
  readonly audio_kbps: number;

  private muxer = new FlvMuxer(null, null);
  private video: VideoEncoding | null = null;
  private audio: AudioEncoding | null = null;
  private audioCodec: AudioCodecName | null = null;
  private capture: VideoCapture | null = null;
  private sound: SoundSource | null = null;
  private soundOffset_ms = 0;
  private rule: EncoderRule | null = null;
  private kinds: EncoderKind[] = [];
  private limits: EngineLimits = { codecs: null, keyframe_ms: 2000 };
  private order: Order = { kbps: 1000, keepEvery: 1, scale: 1 };
  private source: MediaStream;
  private wantsKey = true;
  private lastKey_ms = Number.NEGATIVE_INFINITY;
  private nextFrame_ms = Number.NEGATIVE_INFINITY;
  private frameIndex = 0;
  private lastStamp_ms = Number.NEGATIVE_INFINITY;
  private last_ms = { video: 0, audio: 0 };
  private lastFps = DEFAULT_FPS;
  private rebuilt = false;
  private soundFailures = 0;
  /** Counts what opens and closes tracks: who waited and finds another number came too late. */
  private turn = 0;
  private isStarted = false;
  /** Whether a container is open, so that it can be begun anew. */
  private hasBegun = false;
  /** Nothing more goes into the encoders … */
  private isStopping = false;
  /** … and nothing comes out of them. */
  private isStopped = false;
  private totals = { captured: 0, encoded: 0, keyframes: 0, dropped: 0 };

  /**
   * `epoch_ms` is where timestamps begin on the page's clock. `wallOffset_ms` tells what to add to
   * that clock to have the server's Unix time, or null while it is not known.
   */
  constructor(
    private readonly options: PublisherOptions,
    private readonly epoch_ms: number,
    private readonly wallOffset_ms: () => number | null,
    private readonly events: EngineEvents,
  ) {
    this.source = options.source;
    this.audio_kbps = options.audio === false ? 0 : (options.audio?.kbps ?? DEFAULT_AUDIO_KBPS);
  }

  get full(): { width: number; height: number; fps: number } {
    const size = encodedSize(this.capture?.size ?? DEFAULT_SIZE, this.options.video?.max_height, 1);
    return { ...size, fps: this.fps };
  }

  get stats(): EngineStats {
    const size = this.video?.size;
    return {
      videoCodec: this.video?.codecString ?? "",
      audioCodec: this.audioCodec === "aac" ? "mp4a.40.2" : (this.audioCodec ?? ""),
      encoder: this.video?.kind ?? "unknown",
      width: size?.width ?? 0,
      height: size?.height ?? 0,
      captured: this.totals.captured + (this.capture?.captured ?? 0),
      encoded: this.totals.encoded + (this.video?.encoded ?? 0),
      droppedBeforeEncoding: this.totals.dropped,
      keyframes: this.totals.keyframes + (this.video?.keyframes ?? 0),
      encodeQueue: this.video?.queue ?? 0,
      isSourceSlow: this.capture?.isSlow(performance.now()) ?? false,
    };
  }

  async start(limits: EngineLimits, order: Order): Promise<void> {
    this.limits = limits;
    this.order = order;
    this.rule = ruleFor(this.options.encoderRules ?? [], await deviceNames());
    if (this.isStopping) return;
    this.isStarted = true;
    this.kinds = kindOrder(this.options.encoder ?? "auto", this.rule);
    await this.openTracks();
  }

  apply(order: Order): void {
    this.order = order;
    this.video?.retarget(this.target());
  }

  forceKeyframe(): void {
    this.wantsKey = true;
  }

  begin(): void {
    // Between two containers: the next one begins by itself.
    if (!this.hasBegun) return;
    this.wantsKey = true;
    this.lastStamp_ms = Number.NEGATIVE_INFINITY;
    const ts_ms = this.now_ms();
    this.emit("head", ts_ms, this.muxer.header());
    this.emit("script", ts_ms, this.muxer.metadata(ts_ms, this.properties()));
    const [video, audio] = [this.video?.lastRecord, this.audio?.lastRecord];
    if (video) this.emit("config", ts_ms, this.muxer.videoConfig(ts_ms, video));
    if (audio) this.emit("config", ts_ms, this.muxer.audioConfig(ts_ms, audio));
  }

  async setSource(source: MediaStream): Promise<void> {
    if (this.isStopping) return;
    const { hasVideo, hasAudio } = this.kindsOf(source);
    this.source = source;
    if (!this.isStarted) return;
    const [hadVideo, hadAudio] = [this.video !== null, this.audioCodec !== null];
    if (hasVideo !== hadVideo || (hasAudio && !hadAudio)) {
      // Another set of tracks is another container.
      await this.closeTracks(false);
      this.events.restart();
      await this.openTracks();
      return;
    }
    this.turn++;
    if (hadVideo) {
      this.openCapture();
      this.wantsKey = true;
    }
    if (hadAudio) await this.openSound();
  }

  tick(now_ms: number): void {
    this.capture?.tick(now_ms);
    this.sound?.tick(now_ms);
  }

  async stop(): Promise<void> {
    if (this.isStopping) return;
    this.isStopping = true;
    await this.closeTracks(true);
    this.isStopped = true;
  }

  private async openTracks(): Promise<void> {
    const turn = ++this.turn;
    const { hasVideo, hasAudio } = this.kindsOf(this.source);
    const audioCodec = hasAudio ? await chooseAudioCodec(this.audioOptions?.codec ?? "auto", this.limits.codecs) : null;
    if (turn !== this.turn) return;
    this.audioCodec = audioCodec;
    if (hasAudio && !audioCodec) this.events.log("no sound: this browser encodes neither AAC nor Opus");
    if (hasVideo) {
      this.openCapture();
      await this.firstFrame();
      if (turn !== this.turn) return;
      await this.openVideo();
      if (turn !== this.turn) return;
    }
    this.muxer = new FlvMuxer(this.video?.codec ?? null, this.audioCodec);
    this.hasBegun = true;
    this.begin();
    if (this.audioCodec) await this.openSound();
  }

  private kindsOf(source: MediaStream): { hasVideo: boolean; hasAudio: boolean } {
    const hasVideo = source.getVideoTracks().length > 0;
    const hasAudio = this.options.audio !== false && source.getAudioTracks().length > 0;
    if (!hasVideo && !hasAudio) throw new PublishError(LOCAL.codec, "The source has neither picture nor sound.");
    return { hasVideo, hasAudio };
  }

  private openCapture(): void {
    this.totals.captured += this.capture?.captured ?? 0;
    this.capture?.stop();
    const track = this.source.getVideoTracks()[0];
    this.capture = track ? new VideoCapture(track, (frame) => this.takeFrame(frame), this.events.log) : null;
  }

  /** Tracks often do not know their size before their first picture. */
  private async firstFrame(): Promise<void> {
    const until_ms = performance.now() + FIRST_FRAME_MS;
    while (this.capture?.captured === 0 && performance.now() < until_ms) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  private async openVideo(): Promise<void> {
    const codecs = codecOrder(this.options.video?.codec ?? "auto", this.rule, this.limits.codecs);
    const { turn } = this;
    const video = await VideoEncoding.open(codecs, this.kinds, this.target(), {
      chunk: (chunk) => this.takeVideo(chunk),
      config: (record) => {
        const ts_ms = this.last_ms.video;
        this.emit("config", ts_ms, this.muxer.videoConfig(ts_ms, record));
      },
      failed: (error) => this.onVideoFailed(error),
    });
    if (turn !== this.turn) return video.close(false);
    this.video = video;
    this.events.log(`video: ${video.codecString}, ${video.kind}, ${video.size.width}×${video.size.height}`);
  }

  /** Once, the other kind of encoder gets its chance. */
  private onVideoFailed(error: unknown): void {
    const failed = this.video;
    if (this.isStopping || !failed) return;
    const { turn } = this;
    this.video = null;
    this.totals.encoded += failed.encoded;
    this.totals.keyframes += failed.keyframes;
    void failed.close(false);
    const words = `the ${failed.kind} encoder of ${failed.codecString} failed: ${String(error)}`;
    this.events.log(words);
    if (this.rebuilt) return this.events.fail(new PublishError(LOCAL.codec, words, { cause: error }));
    this.rebuilt = true;
    this.kinds = failed.kind === "hardware" ? ["software"] : ["hardware", "software"];
    void (async () => {
      await this.openVideo();
      if (turn !== this.turn) return;
      if (this.video?.codec === failed.codec) {
        this.wantsKey = true;
        return;
      }
      this.events.restart();
      this.muxer = new FlvMuxer(this.video?.codec ?? null, this.audioCodec);
      this.begin();
    })().catch((cause: unknown) => {
      if (turn === this.turn) this.events.fail(cause instanceof PublishError ? cause : new PublishError(LOCAL.codec, words, { cause }));
    });
  }

  private async openSound(): Promise<void> {
    const { turn } = this;
    this.sound?.stop();
    this.sound = null;
    // Another source counts its time from elsewhere.
    void this.audio?.close(true);
    this.audio = null;
    const track = this.source.getAudioTracks()[0];
    const onSound = (data: AudioData, offset_ms: number) => this.takeSound(data, offset_ms);
    if (track && track.readyState === "live") {
      const sound = await captureSound(track, onSound, this.events.log);
      if (turn !== this.turn) return sound.stop();
      this.sound = sound;
      // A microphone that is pulled out leaves silence, not a hole.
      track.addEventListener("ended", () => this.source.getAudioTracks().includes(track) && this.beSilent(), { once: true });
    } else {
      this.beSilent();
    }
  }

  private beSilent(): void {
    if (this.isStopping || !this.audioCodec) return;
    this.sound?.stop();
    const { sampleRate, numberOfChannels } = this.audio?.config ?? { sampleRate: 48_000, numberOfChannels: 1 };
    void this.audio?.close(true);
    this.audio = null;
    this.sound = new Silence(sampleRate, numberOfChannels, (data, offset_ms) => this.takeSound(data, offset_ms));
  }

  private takeFrame(frame: VideoFrame): void {
    const now_ms = frame.timestamp / 1000;
    const { video } = this;
    if (!video || this.isStopping) return frame.close();
    this.frameIndex++;
    const period_ms = 1000 / this.fps;
    // A little early is on time, or a source of just this rate would lose every other picture.
    const isDue = now_ms >= this.nextFrame_ms - period_ms / 2;
    if (!isDue || this.frameIndex % this.order.keepEvery !== 0 || video.queue > QUEUE_LIMIT) {
      this.totals.dropped++;
      return frame.close();
    }
    this.nextFrame_ms = Math.max(this.nextFrame_ms + period_ms, now_ms);
    video.retarget(this.target(frame));
    const isKey = this.wantsKey || now_ms - this.lastKey_ms >= this.keyframe_ms;
    if (isKey) this.lastKey_ms = now_ms;
    this.wantsKey = false;
    video.encode(frame, isKey);
  }

  private takeVideo(chunk: EncodedVideoChunk): void {
    if (this.isStopped) return;
    const ts_ms = this.advance("video", chunk.timestamp / 1000 - this.epoch_ms);
    this.stamp(ts_ms);
    const isKey = chunk.type === "key";
    // Encoders make keyframes of their own too, where the scene changes.
    if (isKey) this.lastKey_ms = Math.max(this.lastKey_ms, chunk.timestamp / 1000);
    this.emit(isKey ? "key" : "delta", ts_ms, this.muxer.videoFrame(ts_ms, isKey, chunk));
  }

  private takeSound(data: AudioData, offset_ms: number): void {
    if (this.isStopping || !this.audioCodec) return data.close();
    this.soundOffset_ms = offset_ms;
    const channels = this.audio?.config.numberOfChannels ?? Math.min(2, data.numberOfChannels);
    const sound = withChannels(data, channels);
    if (this.audio && this.audio.config.sampleRate !== sound.sampleRate) {
      void this.audio.close(false);
      this.audio = null;
    }
    this.audio ??= this.openAudio(this.audioCodec, sound.sampleRate, channels);
    this.audio.encode(sound);
  }

  private openAudio(codec: AudioCodecName, sampleRate: number, channels: number): AudioEncoding {
    const encoding = AudioEncoding.open(codec, sampleRate, channels, this.audio_kbps, {
      chunk: (chunk) => {
        if (this.isStopped) return;
        const ts_ms = this.advance("audio", chunk.timestamp / 1000 + this.soundOffset_ms - this.epoch_ms, chunk.duration);
        if (!this.video) this.stamp(ts_ms);
        this.emit("audio", ts_ms, this.muxer.audioFrame(ts_ms, chunk));
      },
      config: (record) => {
        const ts_ms = this.last_ms.audio;
        this.emit("config", ts_ms, this.muxer.audioConfig(ts_ms, record));
      },
      failed: (error) => {
        if (this.audio !== encoding) return;
        // The picture is worth going on for.
        this.events.log(`the sound encoder failed: ${String(error)}`);
        void encoding.close(false);
        this.audio = null;
        if (++this.soundFailures >= SOUND_FAILURES) this.audioCodec = null;
      },
    });
    return encoding;
  }

  private async closeTracks(flush: boolean): Promise<void> {
    this.turn++;
    this.hasBegun = false;
    const { video, audio, capture } = this;
    this.sound?.stop();
    capture?.stop();
    this.totals.captured += capture?.captured ?? 0;
    this.video = null;
    this.audio = null;
    this.sound = null;
    this.capture = null;
    await Promise.all([video?.close(flush), audio?.close(flush)]);
    this.totals.encoded += video?.encoded ?? 0;
    this.totals.keyframes += video?.keyframes ?? 0;
  }

  private target(frame?: VideoFrame) {
    const source = frame ? { width: frame.displayWidth, height: frame.displayHeight } : (this.capture?.size ?? DEFAULT_SIZE);
    const size = encodedSize(source, this.options.video?.max_height, this.order.scale);
    return { ...size, kbps: this.order.kbps, fps: this.paidFps() };
  }

  private get fps(): number {
    const source = Math.round(this.capture?.fps ?? DEFAULT_FPS) || DEFAULT_FPS;
    return Math.min(source, this.options.video?.max_fps ?? 60);
  }

  /**
   * Encoders give each picture its share of the rate by the frame rate they are told: a source that
   * gives fewer would use less than it may. In steps, so that the encoder is not told all the time,
   * and not when pictures are left out for a moment: encoders write another level then, which players
   * take for another stream.
   */
  private paidFps(): number {
    const measured = Math.min(this.fps, this.capture?.measuredFps ?? this.fps);
    if (Math.abs(measured - this.lastFps) > this.lastFps * FPS_STEP) this.lastFps = Math.max(1, Math.round(measured));
    return this.lastFps;
  }

  private get keyframe_ms(): number {
    return this.options.video?.keyframe_ms ?? this.limits.keyframe_ms;
  }

  private get audioOptions() {
    return this.options.audio === false ? undefined : this.options.audio;
  }

  private properties(): Record<string, ScriptValue> {
    const { video, audioCodec } = this;
    return {
      encoder: "weir publisher",
      hasVideo: video !== null,
      hasAudio: audioCodec !== null,
      ...(video ? { width: video.size.width, height: video.size.height, framerate: this.fps } : {}),
      ...(audioCodec ? { audiodatarate: this.audio_kbps } : {}),
    };
  }

  /** Says in the server's time when the frame behind it was captured. */
  private stamp(ts_ms: number): void {
    const offset_ms = this.wallOffset_ms();
    if (this.options.stamp === false || offset_ms === null || ts_ms - this.lastStamp_ms < STAMP_MS) return;
    this.lastStamp_ms = ts_ms;
    const weirWallMs = Math.round(ts_ms + this.epoch_ms + offset_ms);
    this.emit("stamp", ts_ms, this.muxer.metadata(ts_ms, { weirWallMs }));
  }

  /**
   * Timestamps of a track only go forward. Sound whose clock was put right (`SourceClock` learns its
   * delay from the first packets) catches up by half packets: closer ones would be an overlap.
   */
  private advance(track: "video" | "audio", ts_ms: number, length_us: number | null = null): number {
    const step_ms = track === "audio" ? Math.max(1, Math.round((length_us ?? SOUND_PACKET_US) / 2000)) : 1;
    this.last_ms[track] = Math.max(this.last_ms[track] + step_ms, Math.round(ts_ms));
    return this.last_ms[track];
  }

  private now_ms(): number {
    return Math.max(0, Math.round(performance.now() - this.epoch_ms));
  }

  private emit(kind: "head" | "script" | "stamp" | "config" | "key" | "delta" | "audio", ts_ms: number, data: Uint8Array): void {
    this.events.packet({ kind, ts_ms, data });
  }
}
