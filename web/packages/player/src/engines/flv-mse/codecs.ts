//! From a codec's set-up as FLV carries it to an MP4 sample entry, a MIME type and frame lengths. Pure.

import { FlvError, type FourCc } from "./demux";
import { be16, be32, box, full, zeros, type Mp4Track } from "./mp4";
import { avcSize } from "./sps";

/** FLV counts video in milliseconds, and so do we: nothing is rounded twice. */
const VIDEO_TIMESCALE = 1000;
const AAC_RATES = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];
const OPUS_RATE = 48_000;

/** `size` is what script data said, for the codecs whose set-up is not looked into. Throws `FlvError`. */
export function describe(codec: FourCc, config: Uint8Array, size: { width: number; height: number }): Mp4Track {
  switch (codec) {
    case "avc1": {
      need(config, 7);
      const own = avcSize(config) ?? size;
      return video(`avc1.${hex(config[1]!)}${hex(config[2]!)}${hex(config[3]!)}`, "avc1", box("avcC", config), own);
    }
    case "hvc1":
      need(config, 23);
      return video(hevcString(config), "hvc1", box("hvcC", config), size);
    case "av01":
      need(config, 4);
      return video(av1String(config), "av01", box("av1C", config), size);
    case "vp09": {
      // With or without the four bytes of version and flags that belong to the box.
      const record = config.length >= 12 && config[0] === 1 && config[1] === 0 ? config.subarray(4) : config;
      need(record, 8);
      const [profile, level, depth] = [record[0]!, record[1]!, record[2]! >> 4];
      return video(`vp09.${two(profile)}.${two(level)}.${two(depth)}`, "vp09", full("vpcC", 1, 0, record), size);
    }
    case "mp4a":
      return aac(config);
    case "Opus":
      return opus(config);
    case "fLaC":
      return flac(config);
  }
}

/** How long a packet of audio plays, in ticks of its track; 0 if that cannot be told. */
export function audioTicks(codec: FourCc, config: Uint8Array, packet: Uint8Array): number {
  if (codec === "mp4a") return 1024;
  if (codec === "Opus") return opusTicks(packet);
  // FLAC's STREAMINFO begins with the smallest and the largest block: live encoders keep to one.
  const info = streamInfo(config);
  return (info[0]! << 8) | info[1]!;
}

/** A packet of silence as long as the others, to fill a hole; null where there is none. */
export function silence(codec: FourCc, config: Uint8Array): { data: Uint8Array; ticks: number } | null {
  const channels = codec === "mp4a" ? (config[1]! >> 3) & 15 : config[9];
  if (codec === "Opus") return { data: Uint8Array.of(channels === 1 ? 0xf8 : 0xfc, 0xff, 0xfe), ticks: 960 };
  if (codec !== "mp4a" || config[0]! >> 3 !== 2) return null;
  if (channels === 1) return { data: Uint8Array.of(0x00, 0xc8, 0x00, 0x80, 0x23, 0x80), ticks: 1024 };
  if (channels === 2) return { data: Uint8Array.of(0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80), ticks: 1024 };
  return null;
}

/** RFC 6716 §3.1: the first byte tells the length of a frame and how many there are. */
function opusTicks(packet: Uint8Array): number {
  const toc = packet[0] ?? 0;
  const config = toc >> 3;
  const frame =
    config < 12 ? [480, 960, 1920, 2880][config & 3]! : config < 16 ? [480, 960][config & 1]! : [120, 240, 480, 960][config & 3]!;
  const code = toc & 3;
  return frame * (code === 0 ? 1 : code === 3 ? (packet[1] ?? 1) & 63 : 2);
}

function video(codecs: string, type: string, record: Uint8Array, { width, height }: { width: number; height: number }): Mp4Track {
  const resolution = [...be32(0x48_0000), ...be32(0x48_0000)];
  const entry = box(type, zeros(6), be16(1), zeros(16), be16(width), be16(height), resolution, zeros(4), be16(1), zeros(32), be16(0x18), be16(0xffff), record);
  return { kind: "video", timescale: VIDEO_TIMESCALE, mime: `video/mp4; codecs="${codecs}"`, entry, width, height };
}

function audio(codecs: string, type: string, rate: number, channels: number, record: Uint8Array): Mp4Track {
  const entry = box(type, zeros(6), be16(1), zeros(8), be16(channels), be16(16), zeros(4), be16(rate > 0xffff ? 0 : rate), zeros(2), record);
  return { kind: "audio", timescale: rate, mime: `audio/mp4; codecs="${codecs}"`, entry, width: 0, height: 0 };
}

/** ISO/IEC 14496-3 §1.6.2.1, as far as it is needed. */
function aac(config: Uint8Array): Mp4Track {
  need(config, 2);
  const type = config[0]! >> 3;
  const rate = AAC_RATES[((config[0]! & 7) << 1) | (config[1]! >> 7)];
  if (rate === undefined || type === 31) throw new FlvError("AAC of an unusual kind");
  const channels = (config[1]! >> 3) & 15;
  const descriptor = (tag: number, ...parts: ArrayLike<number>[]): number[] => {
    const body = parts.flatMap((part) => Array.from(part));
    return [tag, body.length, ...body];
  };
  // Object type 0x40 is MPEG-4 audio, stream type 5 audio.
  const decoder = descriptor(4, [0x40, 0x15], zeros(11), descriptor(5, config));
  const esds = full("esds", 0, 0, descriptor(3, be16(1), [0], decoder, descriptor(6, [2])));
  return audio(`mp4a.40.${type}`, "mp4a", rate, channels === 7 ? 8 : channels || 2, esds);
}

/** OpusHead (RFC 7845 §5.1) counts from the little end, its box from the big one. */
function opus(config: Uint8Array): Mp4Track {
  need(config, 19);
  if (String.fromCharCode(...config.subarray(0, 8)) !== "OpusHead") throw new FlvError("no OpusHead");
  const view = new DataView(config.buffer, config.byteOffset, config.byteLength);
  const channels = config[9]!;
  const gain = be16(view.getUint16(16, true));
  const body = [0, channels, ...be16(view.getUint16(10, true)), ...be32(OPUS_RATE), ...gain, ...config.subarray(18)];
  return audio("opus", "Opus", OPUS_RATE, channels, box("dOps", body));
}

function flac(config: Uint8Array): Mp4Track {
  const info = streamInfo(config);
  const rate = (info[10]! << 12) | (info[11]! << 4) | (info[12]! >> 4);
  if (rate === 0) throw new FlvError("FLAC without a rate");
  const channels = ((info[12]! >> 1) & 7) + 1;
  return audio("flac", "fLaC", rate, channels, full("dfLa", 0, 0, [0x80, 0, 0, 34], info));
}

/** The 34 bytes of STREAMINFO, with or without the marker and the block header before them. */
function streamInfo(config: Uint8Array): Uint8Array {
  let at = String.fromCharCode(...config.subarray(0, 4)) === "fLaC" ? 4 : 0;
  if (config.length >= at + 38 && config[at + 3] === 34) at += 4;
  need(config, at + 34);
  return config.subarray(at, at + 34);
}

/** ISO/IEC 14496-15 §E.3. */
function hevcString(config: Uint8Array): string {
  const space = ["", "A", "B", "C"][config[1]! >> 6]!;
  const view = new DataView(config.buffer, config.byteOffset, config.byteLength);
  let compatible = 0;
  for (let bit = 0; bit < 32; bit++) compatible |= ((view.getUint32(2) >>> bit) & 1) << (31 - bit);
  const constraints = [...config.subarray(6, 12)];
  while (constraints.length > 0 && constraints.at(-1) === 0) constraints.pop();
  const tail = constraints.map((byte) => `.${byte.toString(16).toUpperCase()}`).join("");
  const tier = config[1]! & 0x20 ? "H" : "L";
  return `hvc1.${space}${config[1]! & 31}.${(compatible >>> 0).toString(16).toUpperCase()}.${tier}${config[12]!}${tail}`;
}

/** AV1 in ISOBMFF §5. */
function av1String(config: Uint8Array): string {
  const high = config[2]! & 0x40;
  const depth = high ? (config[2]! & 0x20 ? 12 : 10) : 8;
  return `av01.${config[1]! >> 5}.${two(config[1]! & 31)}${config[2]! & 0x80 ? "H" : "M"}.${two(depth)}`;
}

function need(config: Uint8Array, bytes: number): void {
  if (config.length < bytes) throw new FlvError(`codec set-up of ${config.length} bytes`);
}

const hex = (value: number): string => value.toString(16).padStart(2, "0");
const two = (value: number): string => String(value).padStart(2, "0");
