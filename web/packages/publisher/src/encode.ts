//! The encoders of WebCodecs: pictures and sound in, chunks and decoder configurations out.

import { FOURCC, type PictureSize } from "./choose";
import { LOCAL, PublishError } from "./errors";
import { audioSpecificConfig, opusHead } from "./flv";
import { audioConfig, findVideoConfig, isAudioSupported } from "./probe";
import { makeRecord } from "./records";
import type { AudioCodecName, EncoderKind, VideoCodecName } from "./types";

/** A new rate that differs by less is not worth telling the encoder. */
const RATE_STEP = 0.03;
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
    const before = this.config.bitrate ?? 0;
    const isRated = Math.abs(bitrate - before) > before * RATE_STEP;
    if (!isResized && !isRated && target.fps === this.config.framerate) return;
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
    const scaled = this.mustScale ? this.scale(frame) : frame;
    try {
      this.encoder.encode(scaled, { keyFrame: keyFrame || this.needsKey });
      this.needsKey = false;
    } catch (error) {
      this.events.failed(error);
    } finally {
      scaled.close();
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
    const scaled = new VideoFrame(this.canvas, { timestamp: frame.timestamp });
    frame.close();
    return scaled;
  }
}

export interface AudioEvents {
  chunk(chunk: EncodedAudioChunk): void;
  config(record: Uint8Array): void;
  failed(error: unknown): void;
}

export class AudioEncoding {
  private readonly encoder: AudioEncoder;
  private record: Uint8Array | null = null;

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

  /** Closes the data. */
  encode(data: AudioData): void {
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
