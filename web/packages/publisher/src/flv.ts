//! Writes FLV: file header, script data, and the tags of WebCodecs' chunks. Pure; one allocation a
//! tag. Adobe FLV 10.1 annex E; Enhanced RTMP v2 for the FourCC headers.

import type { AudioCodecName, VideoCodecName } from "./types";

export type ScriptValue = number | boolean | string;

const TAG_AUDIO = 8;
const TAG_VIDEO = 9;
const TAG_SCRIPT = 18;
/** Tag header before the body, and the back pointer behind it, bytes. */
const HEAD = 11;
const TAIL = 4;

/** Packet types of Enhanced RTMP. */
const SEQUENCE_START = 0;
const CODED_FRAMES = 1;
/** As the above, with a composition time of zero that is not written (HEVC). */
const CODED_FRAMES_X = 3;
const EX_VIDEO = 0x80;
const EX_AUDIO = 0x90;
/** AAC always says 44 kHz, 16 bits, stereo (§E.4.2.1). */
const LEGACY_AAC = 0xaf;

const VIDEO_FOURCC = { hevc: "hvc1", av1: "av01", vp9: "vp09" } as const;
const encoder = new TextEncoder();

/** One container. Timestamps are ms and may begin anywhere under 2³²; they wrap there. */
export class FlvMuxer {
  constructor(
    private readonly video: VideoCodecName | null,
    private readonly audio: AudioCodecName | null,
  ) {}

  /** The first bytes of the container. */
  header(): Uint8Array {
    const flags = (this.audio ? 4 : 0) | (this.video ? 1 : 0);
    return Uint8Array.of(0x46, 0x4c, 0x56, 1, flags, 0, 0, 0, 9, 0, 0, 0, 0);
  }

  /** `onMetaData` with the properties given. */
  metadata(ts_ms: number, properties: Record<string, ScriptValue>): Uint8Array {
    const entries = Object.entries(properties).map(([name, value]) => [encoder.encode(name), amf0(value)] as const);
    const name = encoder.encode("onMetaData");
    const size = 3 + name.length + 5 + entries.reduce((sum, [key, value]) => sum + 2 + key.length + value.length, 0) + 3;
    const tag = new Tag(TAG_SCRIPT, ts_ms, size);
    tag.bytes(2, 0, name.length).data(name);
    tag.bytes(8).uint32(entries.length);
    for (const [key, value] of entries) tag.bytes(key.length >> 8, key.length & 255).data(key).data(value);
    return tag.bytes(0, 0, 9).done();
  }

  /** The decoder configuration record: `avcC`, `hvcC`, `av1C` or `vpcC`. */
  videoConfig(ts_ms: number, config: Uint8Array): Uint8Array {
    if (this.video === null) throw new Error("this container has no video");
    if (this.video === "h264") return new Tag(TAG_VIDEO, ts_ms, 5 + config.length).bytes(0x17, 0, 0, 0, 0).data(config).done();
    const tag = new Tag(TAG_VIDEO, ts_ms, 5 + config.length).bytes(EX_VIDEO | 0x10 | SEQUENCE_START);
    return tag.fourcc(VIDEO_FOURCC[this.video]).data(config).done();
  }

  /** One chunk; presented when it is decoded, as realtime encoders do it. */
  videoFrame(ts_ms: number, isKey: boolean, chunk: Chunk): Uint8Array {
    if (this.video === null) throw new Error("this container has no video");
    const kind = isKey ? 0x10 : 0x20;
    if (this.video === "h264") {
      return new Tag(TAG_VIDEO, ts_ms, 5 + chunk.byteLength).bytes(kind | 7, 1, 0, 0, 0).chunk(chunk).done();
    }
    const packet = this.video === "hevc" ? CODED_FRAMES_X : CODED_FRAMES;
    const tag = new Tag(TAG_VIDEO, ts_ms, 5 + chunk.byteLength).bytes(EX_VIDEO | kind | packet);
    return tag.fourcc(VIDEO_FOURCC[this.video]).chunk(chunk).done();
  }

  /** `AudioSpecificConfig`, or `OpusHead`. */
  audioConfig(ts_ms: number, config: Uint8Array): Uint8Array {
    if (this.audio === "aac") return new Tag(TAG_AUDIO, ts_ms, 2 + config.length).bytes(LEGACY_AAC, 0).data(config).done();
    return new Tag(TAG_AUDIO, ts_ms, 5 + config.length).bytes(EX_AUDIO | SEQUENCE_START).fourcc("Opus").data(config).done();
  }

  audioFrame(ts_ms: number, chunk: Chunk): Uint8Array {
    if (this.audio === "aac") return new Tag(TAG_AUDIO, ts_ms, 2 + chunk.byteLength).bytes(LEGACY_AAC, 1).chunk(chunk).done();
    return new Tag(TAG_AUDIO, ts_ms, 5 + chunk.byteLength).bytes(EX_AUDIO | CODED_FRAMES).fourcc("Opus").chunk(chunk).done();
  }
}

/** `EncodedVideoChunk` and `EncodedAudioChunk` are such. */
export interface Chunk {
  readonly byteLength: number;
  copyTo(destination: Uint8Array): void;
}

/** RFC 7845 §5.1, for encoders that give no description. 48 kHz input, no mapping table. */
export function opusHead(channels: number, preSkip: number, sampleRate: number): Uint8Array {
  const head = new Uint8Array(19);
  head.set(encoder.encode("OpusHead"));
  head[8] = 1;
  head[9] = channels;
  const view = new DataView(head.buffer);
  view.setUint16(10, preSkip, true);
  view.setUint32(12, sampleRate, true);
  return head;
}

/** ISO 14496-3 §1.6.2.1 for AAC-LC, for encoders that give no description. */
export function audioSpecificConfig(channels: number, sampleRate: number): Uint8Array {
  const rates = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000];
  const index = Math.max(0, rates.indexOf(sampleRate));
  return Uint8Array.of((2 << 3) | (index >> 1), ((index & 1) << 7) | (channels << 3));
}

/** A tag being filled from front to back. */
class Tag {
  private readonly out: Uint8Array;
  private at = HEAD;

  constructor(type: number, ts_ms: number, size: number) {
    this.out = new Uint8Array(HEAD + size + TAIL);
    const view = new DataView(this.out.buffer);
    const ts = Math.round(ts_ms) >>> 0;
    view.setUint32(0, (type << 24) | size);
    // 24 bits of time, then its upper 8, then a stream id of zero.
    view.setUint32(4, (ts << 8) | (ts >>> 24));
    view.setUint32(HEAD + size, HEAD + size);
  }

  bytes(...values: number[]): this {
    this.out.set(values, this.at);
    this.at += values.length;
    return this;
  }

  uint32(value: number): this {
    return this.bytes(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
  }

  fourcc(name: string): this {
    for (let index = 0; index < 4; index++) this.out[this.at++] = name.charCodeAt(index);
    return this;
  }

  data(data: Uint8Array): this {
    this.out.set(data, this.at);
    this.at += data.length;
    return this;
  }

  chunk(chunk: Chunk): this {
    chunk.copyTo(this.out.subarray(this.at, this.at + chunk.byteLength));
    this.at += chunk.byteLength;
    return this;
  }

  done(): Uint8Array {
    if (this.at !== this.out.length - TAIL) throw new Error("an FLV tag was not filled");
    return this.out;
  }
}

function amf0(value: ScriptValue): Uint8Array {
  if (typeof value === "boolean") return Uint8Array.of(1, value ? 1 : 0);
  if (typeof value === "number") {
    const out = new Uint8Array(9);
    new DataView(out.buffer).setFloat64(1, value);
    return out;
  }
  const text = encoder.encode(value).subarray(0, 0xffff);
  const out = new Uint8Array(3 + text.length);
  out.set([2, text.length >> 8, text.length & 255]);
  out.set(text, 3);
  return out;
}
