//! The muxer, byte for byte, and read back.

import { expect, test } from "vitest";
import { audioSpecificConfig, FlvMuxer, opusHead, type Chunk } from "../src/flv";
import { av1C, makeRecord, vpcC } from "../src/records";

const chunk = (...bytes: number[]): Chunk => ({ byteLength: bytes.length, copyTo: (to) => to.set(bytes) });
const hex = (data: Uint8Array) => [...data].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");

/** A tag as ISO readers see it. */
function read(tag: Uint8Array) {
  const view = new DataView(tag.buffer, tag.byteOffset, tag.byteLength);
  const size = view.getUint32(0) & 0xffffff;
  const ts_ms = ((view.getUint32(4) >>> 8) | (tag[7]! << 24)) >>> 0;
  return { type: tag[0], size, ts_ms, body: tag.subarray(11, 11 + size), back: view.getUint32(11 + size), length: tag.length };
}

test("the file header says which tracks there are", () => {
  expect(hex(new FlvMuxer("h264", "opus").header())).toBe("46 4c 56 01 05 00 00 00 09 00 00 00 00");
  expect(new FlvMuxer("h264", null).header()[4]).toBe(1);
  expect(new FlvMuxer(null, "aac").header()[4]).toBe(4);
});

test("a tag has size, time, body and back pointer in their places", () => {
  const tag = new FlvMuxer("h264", null).videoFrame(0x0102_0304, true, chunk(9, 8, 7));
  expect(hex(tag)).toBe("09 00 00 08 02 03 04 01 00 00 00 17 01 00 00 00 09 08 07 00 00 00 13");
});

test("times beyond 24 bits go into the extension, and wrap after 32", () => {
  const muxer = new FlvMuxer("h264", null);
  for (const ts_ms of [0, 0xffffff, 0x1000000, 0xffffffff]) {
    expect(read(muxer.videoFrame(ts_ms, false, chunk(1))).ts_ms).toBe(ts_ms);
  }
  expect(read(muxer.videoFrame(2 ** 32 + 5, false, chunk(1))).ts_ms).toBe(5);
});

test("h.264 and aac have the legacy headers", () => {
  const muxer = new FlvMuxer("h264", "aac");
  expect(hex(read(muxer.videoConfig(0, Uint8Array.of(1, 0x64))).body)).toBe("17 00 00 00 00 01 64");
  expect(hex(read(muxer.videoFrame(0, false, chunk(5))).body)).toBe("27 01 00 00 00 05");
  expect(hex(read(muxer.audioConfig(0, audioSpecificConfig(2, 44_100))).body)).toBe("af 00 12 10");
  expect(hex(read(muxer.audioFrame(0, chunk(5))).body)).toBe("af 01 05");
});

test("the others have FourCC headers", () => {
  const frame = (codec: "hevc" | "av1" | "vp9", key: boolean) => hex(read(new FlvMuxer(codec, "opus").videoFrame(0, key, chunk(5))).body);
  expect(frame("hevc", true)).toBe("93 68 76 63 31 05");
  expect(frame("hevc", false)).toBe("a3 68 76 63 31 05");
  expect(frame("av1", true)).toBe("91 61 76 30 31 05");
  expect(frame("vp9", false)).toBe("a1 76 70 30 39 05");
  const muxer = new FlvMuxer("av1", "opus");
  expect(hex(read(muxer.videoConfig(0, Uint8Array.of(0x81))).body)).toBe("90 61 76 30 31 81");
  expect(hex(read(muxer.audioConfig(0, Uint8Array.of(7))).body)).toBe("90 4f 70 75 73 07");
  expect(hex(read(muxer.audioFrame(0, chunk(7))).body)).toBe("91 4f 70 75 73 07");
});

test("onMetaData is an AMF0 array with its count and its end", () => {
  const { type, body } = read(new FlvMuxer("h264", null).metadata(0, { a: true, b: 1.5, c: "é" }));
  expect(type).toBe(18);
  expect(hex(body)).toBe(
    "02 00 0a 6f 6e 4d 65 74 61 44 61 74 61 08 00 00 00 03 " +
      "00 01 61 01 01 00 01 62 00 3f f8 00 00 00 00 00 00 00 01 63 02 00 02 c3 a9 00 00 09",
  );
});

test("a wall clock time survives as a number", () => {
  const { body } = read(new FlvMuxer("h264", null).metadata(0, { weirWallMs: 1_795_217_787_776 }));
  expect(new DataView(body.buffer, body.byteOffset + body.length - 3 - 8).getFloat64(0)).toBe(1_795_217_787_776);
});

test("any stream of tags can be walked by its sizes, forwards and backwards", () => {
  const muxer = new FlvMuxer("vp9", "opus");
  const tags = Array.from({ length: 50 }, (_, index) => {
    const payload = chunk(...Array.from({ length: index * 7 }, (_, byte) => byte & 255));
    return index % 3 === 0 ? muxer.audioFrame(index * 20, payload) : muxer.videoFrame(index * 20, index % 10 === 1, payload);
  });
  for (const [index, tag] of tags.entries()) {
    const { size, back, length, ts_ms } = read(tag);
    expect([length, back, ts_ms]).toEqual([size + 15, size + 11, index * 20]);
  }
});

test("OpusHead and the records that browsers leave out are made", () => {
  expect(hex(opusHead(2, 312, 48_000))).toBe("4f 70 75 73 48 65 61 64 01 02 38 01 80 bb 00 00 00 00 00");
  expect(hex(vpcC("vp09.00.30.08"))).toBe("01 00 00 00 00 1e 82 02 02 02 00 00");
  // A temporal delimiter, a sequence header of two bytes, a frame.
  const keyframe = Uint8Array.of(0x12, 0, 0x0a, 2, 0xaa, 0xbb, 0x32, 1, 0xcc);
  expect(hex(av1C("av01.0.05M.08", keyframe))).toBe("81 05 0c 00 0a 02 aa bb");
  expect(hex(av1C("av01.0.05M.08", Uint8Array.of(0x0a, 0xff, 0xff)))).toBe("81 05 0c 00");
  expect(makeRecord("h264", "avc1.64001f", keyframe)).toBeNull();
});
