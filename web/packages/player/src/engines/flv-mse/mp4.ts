//! Writes fragmented MP4 (ISO/IEC 14496-12), one track per file as Media Source Extensions like it:
//! an initialization segment, then a fragment for every few frames. Pure.

export interface Mp4Track {
  kind: "video" | "audio";
  /** Ticks per second. */
  timescale: number;
  /** `video/mp4; codecs="…"` */
  mime: string;
  /** The whole sample entry box. */
  entry: Uint8Array;
  /** 0 for audio. */
  width: number;
  height: number;
}

export interface Mp4Sample {
  /** In ticks. */
  duration: number;
  /** Presentation minus decode time, in ticks. */
  offset: number;
  key: boolean;
  data: Uint8Array;
}

const TRACK_ID = 1;
/** ISO/IEC 14496-12 §8.8.3.1: depends on nothing; or on others, and is no sync sample. */
const KEY_FLAGS = 0x0200_0000;
const DELTA_FLAGS = 0x0101_0000;
const MATRIX = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000].flatMap(be32);

/** `ftyp` and `moov`. Without any duration in it a browser takes it for live and plays with low delay. */
export function initSegment(track: Mp4Track): Uint8Array {
  return concat([box("ftyp", ascii("iso5"), be32(1), ascii("iso5iso6mp41")), moov(track)]);
}

/** `moof` and `mdat`; `start` is the decode time of the first sample in ticks. */
export function fragment(sequence: number, start: number, samples: readonly Mp4Sample[]): Uint8Array {
  const entries: number[] = [];
  let bytes = 0;
  for (const sample of samples) {
    bytes += sample.data.length;
    entries.push(...be32(sample.duration), ...be32(sample.data.length));
    entries.push(...be32(sample.key ? KEY_FLAGS : DELTA_FLAGS), ...be32(sample.offset));
  }
  // Data offset, duration, size, flags and signed composition offset of each sample.
  const trun = (offset: number) => full("trun", 1, 0xf01, be32(samples.length), be32(offset), entries);
  const traf = (offset: number) =>
    box("traf", full("tfhd", 0, 0x2_0000, be32(TRACK_ID)), full("tfdt", 1, 0, be64(start)), trun(offset));
  const moof = (offset: number) => box("moof", full("mfhd", 0, 0, be32(sequence)), traf(offset));
  const head = moof(moof(0).length + 8);
  return concat([head, be32(bytes + 8), ascii("mdat"), ...samples.map((sample) => sample.data)]);
}

type Bytes = ArrayLike<number>;

export function box(type: string, ...parts: Bytes[]): Uint8Array {
  let size = 8;
  for (const part of parts) size += part.length;
  return concat([be32(size), ascii(type), ...parts]);
}

export function full(type: string, version: number, flags: number, ...parts: Bytes[]): Uint8Array {
  return box(type, be32((version << 24) | flags), ...parts);
}

export function concat(parts: readonly Bytes[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const part of parts) size += part.length;
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export const be16 = (value: number): number[] => [(value >>> 8) & 255, value & 255];

export function be32(value: number): number[] {
  return [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

export const zeros = (count: number): number[] => new Array<number>(count).fill(0);
export const ascii = (text: string): number[] => [...text].map((char) => char.charCodeAt(0));

const be64 = (value: number): number[] => [...be32(Math.floor(value / 2 ** 32)), ...be32(value % 2 ** 32)];

function moov(track: Mp4Track): Uint8Array {
  const mvhd = full("mvhd", 0, 0, zeros(8), be32(1000), be32(0), be32(0x10000), be16(0x100), zeros(10), MATRIX, zeros(24), be32(TRACK_ID + 1));
  const trex = full("trex", 0, 0, be32(TRACK_ID), be32(1), zeros(12));
  return box("moov", mvhd, trak(track), box("mvex", trex));
}

function trak(track: Mp4Track): Uint8Array {
  const video = track.kind === "video";
  const volume = be16(video ? 0 : 0x100);
  const size = [...be32(track.width << 16), ...be32(track.height << 16)];
  const tkhd = full("tkhd", 0, 3, zeros(8), be32(TRACK_ID), zeros(16), zeros(4), volume, zeros(2), MATRIX, size);
  // 0x55c4: language "und".
  const mdhd = full("mdhd", 0, 0, zeros(8), be32(track.timescale), be32(0), be16(0x55c4), zeros(2));
  const hdlr = full("hdlr", 0, 0, zeros(4), ascii(video ? "vide" : "soun"), zeros(13));
  const header = video ? full("vmhd", 0, 1, zeros(8)) : full("smhd", 0, 0, zeros(4));
  const dinf = box("dinf", full("dref", 0, 0, be32(1), full("url ", 0, 1)));
  const tables = ["stts", "stsc", "stco"].map((type) => full(type, 0, 0, be32(0)));
  const stbl = box("stbl", full("stsd", 0, 0, be32(1), track.entry), ...tables, full("stsz", 0, 0, zeros(8)));
  return box("trak", tkhd, box("mdia", mdhd, hdlr, box("minf", header, dinf, stbl)));
}
