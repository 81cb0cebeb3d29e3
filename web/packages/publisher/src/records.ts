//! Decoder configuration records for codecs that browsers give none for. Pure.

import type { VideoCodecName } from "./types";

const OBU_SEQUENCE_HEADER = 1;

/** `vpcC` or `av1C` from the codec string and the first keyframe; null for what has its own record. */
export function makeRecord(codec: VideoCodecName, config: string, keyframe: Uint8Array): Uint8Array | null {
  if (codec === "vp9") return vpcC(config);
  return codec === "av1" ? av1C(config, keyframe) : null;
}

/** VP-ISOBMFF §2.2, from `vp09.PP.LL.DD…`: 4:2:0, limited range, colour unspecified. */
export function vpcC(config: string): Uint8Array {
  const [, profile = 0, level = 31, depth = 8] = config.split(".").map(Number);
  return Uint8Array.of(1, 0, 0, 0, profile, level, (depth << 4) | (1 << 1), 2, 2, 2, 0, 0);
}

/** AV1-ISOBMFF §2.3, from `av01.P.LLT.DD…` and the sequence header of a keyframe. */
export function av1C(config: string, keyframe: Uint8Array): Uint8Array {
  const [, profile = "0", level = "05M", depth = "08"] = config.split(".");
  const tier = level.endsWith("H") ? 1 : 0;
  const high = depth === "08" ? 0 : 0x40;
  const head = [0x81, (Number(profile) << 5) | Number.parseInt(level, 10), (tier << 7) | high | 0x0c, 0];
  const header = sequenceHeader(keyframe);
  const record = new Uint8Array(4 + header.length);
  record.set(head);
  record.set(header, 4);
  return record;
}

/** The sequence header OBU, whole; empty if there is none. */
function sequenceHeader(data: Uint8Array): Uint8Array {
  let at = 0;
  while (at < data.length) {
    const first = data[at]!;
    let body = at + (first & 4 ? 2 : 1);
    let size = data.length - body;
    if (first & 2) {
      size = 0;
      // leb128, at most 8 bytes; sizes here are far below 2³¹.
      for (let shift = 0; shift < 56 && body < data.length; shift += 7) {
        const byte = data[body++]!;
        size += (byte & 127) * 2 ** shift;
        if (byte < 128) break;
      }
    }
    const end = body + size;
    if (end > data.length) break;
    if (((first >> 3) & 15) === OBU_SEQUENCE_HEADER) return data.slice(at, end);
    at = end;
  }
  return new Uint8Array(0);
}
