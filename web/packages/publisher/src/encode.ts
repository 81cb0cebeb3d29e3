//! The encoders of WebCodecs: pictures and sound in, chunks and decoder configurations out.

import { FOURCC, type PictureSize } from "./choose";
import { LOCAL, PublishError } from "./errors";
import { audioSpecificConfig, opusHead } from "./flv";
import { audioConfig, findVideoConfig, isAudioSupported } from "./probe";
import { makeRecord } from "./records";
import { silence } from "./sound";
import type { AudioCodecName, EncoderKind, VideoCodecName } from "./types";

/** A new rate that differs by less is not worth telling the encoder. */
const RATE_STEP = 0.03;
/**
 * Some encoders (OpenH264, which Chromium has) begin with a keyframe each time they are told something:
 * what can wait waits for so long, ms …
 */
const MORE_PAUSE_MS = 1000;
const LESS_PAUSE_MS = 300;
/** … but not a change as large as this. */
const MORE_AT_ONCE = 1.3;
const LESS_AT_ONCE = 0.8;
/** Encoders round sizes up; more than that and it did not scale, pixels. */
const SIZE_SLACK = 32;

export interface VideoEvents {
  chunk(chunk: EncodedVideoChunk): void;
  config(record: Uint8Array): void;
  /** The encoder died; this object with it. */
  failed(error: unknown): void;
}

export interface VideoTarget extends PictureSize {
  kbps: number;
  fps: number;
}

export class VideoEncoding {
  private readonly encoder: VideoEncoder;
  private record: Uint8Array | null = null;
  private canvas: OffscreenCanvas | null = null;
  private mustScale = false;
  private needsKey = true;
  /** When the encoder was last told what to do. */
  private toldAt_ms = Number.NEGATIVE_INFINITY;
  encoded = 0;
  keyframes = 0;

  private constructor(
    readonly codec: VideoCodecName,
    readonly kind: EncoderKind,
    private config: VideoEncoderConfig,
    private readonly events: VideoEvents,
  ) {
    this.encoder = new VideoEncoder({
      output: (chunk, metadata) => this.output(chunk, metadata),
      error: (error) => this.events.failed(error),
    });
    this.encoder.configure(config);
  }

  /** The first of codecs × kinds that the browser says it can do. */
  static async open(
    codecs: readonly VideoCodecName[],
    kinds: readonly EncoderKind[],
    target: VideoTarget,
    events: VideoEvents,
  ): Promise<VideoEncoding> {
    for (const codec of codecs) {
      for (const kind of kinds) {
        const config = await findVideoConfig(codec, kind, target);
        if (config) return new VideoEncoding(codec, kind, config, events);
      }
    }
    const wished = codecs.map((codec) => FOURCC[codec]).join(", ");
    throw new PublishError(LOCAL.codec, `This browser encodes none of ${wished || "the codecs allowed"} at ${target.width}×${target.height}.`);
  }

  /** The string the encoder was configured with. */
  get codecString(): string {
    return this.config.codec;
  }

  get size(): PictureSize {
    return { width: this.config.width, height: this.config.height };
  }

  get queue(): number {
    return this.encoder.encodeQueueSize;
  }

  /** Changes rate, size and frame rate without a new encoder; a new size begins with a keyframe. */
  retarget(target: VideoTarget): void {
    const bitrate = Math.round(target.kbps * 1000);
    const isResized = target.width !== this.config.width || target.height !== this.config.height;
    const now_ms = performance.now();
    const isRated = isWorthTelling(this.config.bitrate ?? 0, bitrate, now_ms - this.toldAt_ms);
    if (!isResized && !isRated && target.fps === this.config.framerate) return;
    this.toldAt_ms = now_ms;
    this.config = { ...this.config, bitrate, width: target.width, height: target.height, framerate: target.fps };
    this.needsKey ||= isResized;
    try {
      this.encoder.configure(this.config);
    } catch (error) {
      this.events.failed(error);
    }
  }

  /** Closes the frame. */
  encode(frame: VideoFrame, keyFrame: boolean): void {
    let scaled = frame;
    try {
      if (this.mustScale) scaled = this.scale(frame);
      this.encoder.encode(scaled, { keyFrame: keyFrame || this.needsKey });
      this.needsKey = false;
    } catch (error) {
      this.events.failed(error);
    } finally {
      scaled.close();
      frame.close();
    }
  }

  async close(flush: boolean): Promise<void> {
    if (this.encoder.state === "configured" && flush) await this.encoder.flush().catch(() => {});
    if (this.encoder.state !== "closed") this.encoder.close();
  }

  private output(chunk: EncodedVideoChunk, metadata?: EncodedVideoChunkMetadata): void {
    const isKey = chunk.type === "key";
    this.encoded++;
    if (isKey) {
      this.keyframes++;
      this.tellConfig(chunk, metadata?.decoderConfig);
    }
    this.events.chunk(chunk);
  }

  private tellConfig(chunk: EncodedVideoChunk, config: VideoDecoderConfig | undefined): void {
    if (config?.codedWidth && config.codedHeight) this.checkSize(config.codedWidth, config.codedHeight);
    let record = config?.description ? bytesOf(config.description) : null;
    if (!record && (this.codec === "vp9" || this.codec === "av1")) {
      const keyframe = new Uint8Array(chunk.byteLength);
      chunk.copyTo(keyframe);
      record = makeRecord(this.codec, config?.codec ?? this.config.codec, keyframe);
    }
    if (!record || (this.record && sameBytes(record, this.record))) return;
    this.record = record;
    this.events.config(record);
  }

  /** For the beginning of a container; null before the first keyframe. */
  get lastRecord(): Uint8Array | null {
    return this.record;
  }

  /** Encoders should scale to their size. One that does not has it done for it. */
  private checkSize(width: number, height: number): void {
    const { width: wantedWidth, height: wantedHeight } = this.config;
    if (this.queue > 0 || this.mustScale) return;
    if (width > wantedWidth + SIZE_SLACK || height > wantedHeight + SIZE_SLACK) {
      this.mustScale = true;
      this.needsKey = true;
    }
  }

  private scale(frame: VideoFrame): VideoFrame {
    const { width, height } = this.size;
    if (frame.displayWidth === width && frame.displayHeight === height) return frame;
    if (!this.canvas || this.canvas.width !== width || this.canvas.height !== height) this.canvas = new OffscreenCanvas(width, height);
    this.canvas.getContext("2d", { alpha: false, desynchronized: true })?.drawImage(frame, 0, 0, width, height);
    return new VideoFrame(this.canvas, { timestamp: frame.timestamp });
  }
}

/** Whether an encoder that has been at one rate for `since_ms` should be told another one. Pure. */
export function isWorthTelling(before: number, after: number, since_ms: number): boolean {
  if (Math.abs(after - before) <= before * RATE_STEP) return false;
  if (after > before) return since_ms >= MORE_PAUSE_MS || after >= before * MORE_AT_ONCE;
  return since_ms >= LESS_PAUSE_MS || after <= before * LESS_AT_ONCE;
}

export interface AudioEvents {
  chunk(chunk: EncodedAudioChunk): void;
  config(record: Uint8Array): void;
  failed(error: unknown): void;
}

export class AudioEncoding {
  private readonly encoder: AudioEncoder;
  private record: Uint8Array | null = null;
  /** Where what was encoded ends, in the source's time, µs. */
  private end_us: number | null = null;

  private constructor(
    readonly codec: AudioCodecName,
    readonly config: AudioEncoderConfig,
    private readonly events: AudioEvents,
  ) {
    this.encoder = new AudioEncoder({
      output: (chunk, metadata) => this.output(chunk, metadata),
      error: (error) => this.events.failed(error),
    });
    this.encoder.configure(config);
  }

  static open(codec: AudioCodecName, sampleRate: number, channels: number, kbps: number, events: AudioEvents): AudioEncoding {
    return new AudioEncoding(codec, audioConfig(codec, sampleRate, channels, kbps), events);
  }

  /**
   * Closes the data. Encoders count samples and look at no timestamp but the first: what a busy
   * machine lost on the way is made up for with silence, or the sound would be early from then on.
   */
  encode(data: AudioData): void {
    const { sampleRate, numberOfChannels } = this.config;
    for (const hole of holes(this.end_us, data.timestamp)) {
      this.put(silence(sampleRate, numberOfChannels, hole.from_us, hole.length_us));
    }
    this.end_us = data.timestamp + data.duration;
    this.put(data);
  }

  private put(data: AudioData): void {
    try {
      this.encoder.encode(data);
    } catch (error) {
      this.events.failed(error);
    } finally {
      data.close();
    }
  }

  get lastRecord(): Uint8Array | null {
    return this.record;
  }

  async close(flush: boolean): Promise<void> {
    if (this.encoder.state === "configured" && flush) await this.encoder.flush().catch(() => {});
    if (this.encoder.state !== "closed") this.encoder.close();
  }

  private output(chunk: EncodedAudioChunk, metadata?: EncodedAudioChunkMetadata): void {
    const description = metadata?.decoderConfig?.description;
    if (description || !this.record) {
      const { sampleRate, numberOfChannels } = this.config;
      const made = this.codec === "aac" ? audioSpecificConfig(numberOfChannels, sampleRate) : opusHead(numberOfChannels, 312, sampleRate);
      const record = description ? bytesOf(description) : made;
      if (!this.record || !sameBytes(record, this.record)) {
        this.record = record;
        this.events.config(record);
      }
    }
    this.events.chunk(chunk);
  }
}

/** Less than this between two pieces of sound is rounding, µs. */
const HOLE_US = 40_000;
/** What is missing is made up in pieces of this length, µs … */
const PIECE_US = 500_000;
/** … and up to so much: more is no loss but another time, µs. */
const MOST_US = 20_000_000;

/** The pieces of silence between where sound ended and where it goes on. Pure. */
export function holes(end_us: number | null, next_us: number): { from_us: number; length_us: number }[] {
  const missing_us = end_us === null ? 0 : next_us - end_us;
  if (end_us === null || missing_us < HOLE_US || missing_us > MOST_US) return [];
  const count = Math.ceil(missing_us / PIECE_US);
  return Array.from({ length: count }, (_, index) => {
    const from_us = end_us + index * PIECE_US;
    return { from_us, length_us: Math.min(PIECE_US, next_us - from_us) };
  });
}

/** AAC, where it can be encoded and the server takes it, else Opus; null for neither. */
export async function chooseAudioCodec(
  asked: "auto" | AudioCodecName,
  serverCodecs: readonly string[] | null,
): Promise<AudioCodecName | null> {
  const order: AudioCodecName[] = asked === "opus" ? ["opus", "aac"] : ["aac", "opus"];
  for (const codec of order) {
    const isTaken = serverCodecs === null || serverCodecs.includes(FOURCC[codec]);
    if (isTaken && (await isAudioSupported(audioConfig(codec, 48_000, 2, 96)))) return codec;
  }
  return null;
}

function bytesOf(source: AllowSharedBufferSource): Uint8Array {
  const view = ArrayBuffer.isView(source) ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength) : new Uint8Array(source);
  return view.slice();
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
