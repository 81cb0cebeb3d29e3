//! Takes FLV apart as it arrives: legacy tags for H.264 and AAC, Enhanced RTMP's FourCC tags for the
//! rest. Pure: bytes in, events out; a piece may end anywhere. Browsers' own limits apply behind it.

import { readScript } from "./amf";

export type VideoFourCc = "avc1" | "hvc1" | "av01" | "vp09";
export type AudioFourCc = "mp4a" | "Opus" | "fLaC";
export type FourCc = VideoFourCc | AudioFourCc;
export type Kind = "video" | "audio";

export interface FlvFrame {
  type: "frame";
  kind: Kind;
  codec: FourCc;
  /** Decode time as the tag says it, ms. */
  dts_ms: number;
  /** Presentation minus decode time, ms. */
  cts_ms: number;
  key: boolean;
  data: Uint8Array;
}

export type FlvEvent =
  | { type: "header"; hasVideo: boolean; hasAudio: boolean }
  /** The decoder's set-up, as FLV carries it: avcC, hvcC, av1C, vpcC, AudioSpecificConfig, OpusHead, fLaC. */
  | { type: "config"; kind: Kind; codec: FourCc; config: Uint8Array }
  | FlvFrame
  | { type: "script"; ts_ms: number; name: string; value: Record<string, unknown> };

/** The bytes are no FLV, or carry what this cannot take apart. */
export class FlvError extends Error {}

const TAG_HEAD_BYTES = 11;
const BACK_POINTER_BYTES = 4;
/** The longest header there is sense in; the format allows 4 GiB. */
const MAX_HEADER_BYTES = 1024;
const AUDIO = 8;
const VIDEO = 9;
const SCRIPT = 18;
const VIDEO_CODECS = new Set<string>(["avc1", "hvc1", "av01", "vp09"]);
const AUDIO_CODECS = new Set<string>(["mp4a", "Opus", "fLaC"]);

export class FlvDemuxer {
  private pending = new Uint8Array(0);
  private headerSeen = false;

  /** Events of all that is now complete. Throws `FlvError` on what is no FLV. */
  push(piece: Uint8Array): FlvEvent[] {
    const bytes = this.pending.length === 0 ? piece : joined(this.pending, piece);
    const events: FlvEvent[] = [];
    let at = 0;
    if (!this.headerSeen) {
      const header = readHeader(bytes);
      if (!header) return this.keep(bytes, 0, events);
      events.push(header.event);
      at = header.bytes;
      this.headerSeen = true;
    }
    while (bytes.length - at >= TAG_HEAD_BYTES) {
      const size = u24(bytes, at + 1);
      const end = at + TAG_HEAD_BYTES + size + BACK_POINTER_BYTES;
      if (end > bytes.length) break;
      const ts_ms = (bytes[at + 7]! << 24) | u24(bytes, at + 4);
      const body = bytes.subarray(at + TAG_HEAD_BYTES, at + TAG_HEAD_BYTES + size);
      const event = readTag(bytes[at]! & 0x1f, ts_ms, body);
      if (event) events.push(event);
      at = end;
    }
    return this.keep(bytes, at, events);
  }

  private keep(bytes: Uint8Array, from: number, events: FlvEvent[]): FlvEvent[] {
    this.pending = bytes.slice(from);
    return events;
  }
}

function readHeader(bytes: Uint8Array): { event: FlvEvent; bytes: number } | null {
  if (bytes.length < 3) return null;
  if (text(bytes, 0, 3) !== "FLV") throw new FlvError("not FLV");
  if (bytes.length < 9) return null;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(5);
  if (length < 9 || length > MAX_HEADER_BYTES) throw new FlvError(`FLV header of ${length} bytes`);
  if (bytes.length < length + BACK_POINTER_BYTES) return null;
  const flags = bytes[4]!;
  return {
    event: { type: "header", hasVideo: (flags & 1) !== 0, hasAudio: (flags & 4) !== 0 },
    bytes: length + BACK_POINTER_BYTES,
  };
}

function readTag(type: number, ts_ms: number, body: Uint8Array): FlvEvent | null {
  if (type === SCRIPT) {
    const script = readScript(body);
    return script && { type: "script", ts_ms, ...script };
  }
  if (body.length < 2) return null;
  if (type === VIDEO) return body[0]! & 0x80 ? enhancedVideo(ts_ms, body) : legacyVideo(ts_ms, body);
  if (type === AUDIO) return body[0]! >> 4 === 9 ? enhancedAudio(ts_ms, body) : legacyAudio(ts_ms, body);
  return null;
}

function legacyVideo(ts_ms: number, body: Uint8Array): FlvEvent | null {
  const frameType = body[0]! >> 4;
  const id = body[0]! & 0x0f;
  // 12 is what some encoders used for HEVC before there was a FourCC for it.
  const codec = id === 7 ? "avc1" : id === 12 ? "hvc1" : null;
  if (!codec) throw new FlvError(`video codec id ${id}`);
  if (body.length < 5 || frameType === 5) return null;
  const data = body.subarray(5);
  if (body[1] === 0) return { type: "config", kind: "video", codec, config: data.slice() };
  if (body[1] !== 1 || data.length === 0) return null;
  return { type: "frame", kind: "video", codec, dts_ms: ts_ms, cts_ms: s24(body, 2), key: frameType === 1, data };
}

function enhancedVideo(ts_ms: number, body: Uint8Array): FlvEvent | null {
  const frameType = (body[0]! >> 4) & 7;
  const packet = body[0]! & 0x0f;
  if (body.length < 5 || frameType === 5 || packet > 3 || packet === 2) return null;
  const codec = text(body, 1, 5);
  if (!VIDEO_CODECS.has(codec)) throw new FlvError(`video codec ${codec}`);
  const common = { kind: "video" as const, codec: codec as FourCc };
  if (packet === 0) return { type: "config", ...common, config: body.slice(5) };
  const withOffset = packet === 1 && (codec === "avc1" || codec === "hvc1");
  if (withOffset && body.length < 8) return null;
  const data = body.subarray(withOffset ? 8 : 5);
  if (data.length === 0) return null;
  return { type: "frame", ...common, dts_ms: ts_ms, cts_ms: withOffset ? s24(body, 5) : 0, key: frameType === 1, data };
}

function legacyAudio(ts_ms: number, body: Uint8Array): FlvEvent | null {
  const format = body[0]! >> 4;
  if (format !== 10) throw new FlvError(`audio format ${format}`);
  const common = { kind: "audio" as const, codec: "mp4a" as const };
  const data = body.subarray(2);
  if (body[1] === 0) return { type: "config", ...common, config: data.slice() };
  if (data.length === 0) return null;
  return { type: "frame", ...common, dts_ms: ts_ms, cts_ms: 0, key: true, data };
}

function enhancedAudio(ts_ms: number, body: Uint8Array): FlvEvent | null {
  const packet = body[0]! & 0x0f;
  if (body.length < 5 || packet > 1) return null;
  const codec = text(body, 1, 5);
  if (!AUDIO_CODECS.has(codec)) throw new FlvError(`audio codec ${codec}`);
  const common = { kind: "audio" as const, codec: codec as FourCc };
  const data = body.subarray(5);
  if (packet === 0) return { type: "config", ...common, config: data.slice() };
  if (data.length === 0) return null;
  return { type: "frame", ...common, dts_ms: ts_ms, cts_ms: 0, key: true, data };
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

const u24 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
const s24 = (bytes: Uint8Array, at: number): number => (u24(bytes, at) << 8) >> 8;
const text = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));
