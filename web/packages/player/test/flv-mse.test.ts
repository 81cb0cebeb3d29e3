//! Our own FLV engine without a browser: taking apart, timing, and the MP4 that comes out.

import { describe as suite, expect, test } from "vitest";
import { AudioAssembler, Timeline, VideoAssembler } from "../src/engines/flv-mse/assemble";
import { audioTicks, describe, silence } from "../src/engines/flv-mse/codecs";
import { FlvDemuxer, FlvError, type FlvEvent } from "../src/engines/flv-mse/demux";
import { fragment, initSegment } from "../src/engines/flv-mse/mp4";

const bytes = (...parts: (number | number[] | string)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...part].map((char) => char.charCodeAt(0)) : part)));
const be = (value: number, length: number): number[] => Array.from({ length }, (_, at) => Math.floor(value / 256 ** (length - 1 - at)) % 256);

const HEADER = bytes("FLV", 1, 5, be(9, 4), be(0, 4));

function tag(type: number, ts_ms: number, body: Uint8Array): Uint8Array {
  const unsigned = ts_ms >>> 0;
  return bytes(type, be(body.length, 3), be(unsigned % 2 ** 24, 3), unsigned >>> 24, be(0, 3), [...body], be(body.length + 11, 4));
}

function all(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const OPUS_HEAD = bytes("OpusHead", 1, 2, 0x38, 0x01, 0x80, 0xbb, 0, 0, 0, 0, 0);
/** 640 × 360, as x264 writes it. */
const AVCC = Uint8Array.from(
  "01 42 c0 1e ff e1 00 18 67 42 c0 1e d9 00 a0 2f f9 70 11 00 00 03 00 01 00 00 03 00 3c 0f 16 2e 48 01 00 04 68 cb 83 cb".split(" ").map((hex) => parseInt(hex, 16)),
);

const STREAM = all(
  HEADER,
  tag(18, 0, bytes(2, be(10, 2), "onMetaData", 8, be(1, 4), be(5, 2), "width", 0, [0x40, 0x84, 0, 0, 0, 0, 0, 0], 0, 0, 9)),
  tag(9, 0, all(bytes(0x17, 0, 0, 0, 0), AVCC)),
  tag(8, 0, all(bytes(0x90, "Opus"), OPUS_HEAD)),
  tag(9, 40, bytes(0x17, 1, 0, 0, 40, 1, 2, 3)),
  tag(8, 40, bytes(0x91, "Opus", 0xfc, 9)),
  tag(9, 73, bytes(0x27, 1, 0xff, 0xff, 0xd8, 4)),
  tag(9, 100, bytes(0x93, "hvc1", 7)),
  tag(9, 101, bytes(0xa1, "hvc1", 0, 0, 5, 8)),
  tag(9, 102, bytes(0x91, "av01", 9)),
  tag(8, 103, bytes(0xaf, 1, 33)),
);

suite("taking apart", () => {
  test("legacy and enhanced tags become configs and frames with their times", () => {
    const events = new FlvDemuxer().push(STREAM);
    expect(events[0]).toEqual({ type: "header", hasVideo: true, hasAudio: true });
    expect(events[1]).toMatchObject({ type: "script", name: "onMetaData", value: { width: 640 } });
    expect(events[2]).toMatchObject({ type: "config", codec: "avc1", config: AVCC });
    expect(events[3]).toMatchObject({ type: "config", codec: "Opus", config: OPUS_HEAD });
    expect(events.slice(4)).toMatchObject([
      { codec: "avc1", dts_ms: 40, cts_ms: 40, key: true, data: bytes(1, 2, 3) },
      { codec: "Opus", dts_ms: 40, data: bytes(0xfc, 9) },
      { codec: "avc1", dts_ms: 73, cts_ms: -40, key: false, data: bytes(4) },
      { codec: "hvc1", dts_ms: 100, cts_ms: 0, key: true, data: bytes(7) },
      { codec: "hvc1", dts_ms: 101, cts_ms: 5, key: false, data: bytes(8) },
      { codec: "av01", dts_ms: 102, key: true, data: bytes(9) },
      { codec: "mp4a", dts_ms: 103, data: bytes(33) },
    ]);
  });

  test("where the pieces end makes no difference", () => {
    const whole = new FlvDemuxer().push(STREAM);
    for (const size of [1, 2, 7, 13, 64]) {
      const demuxer = new FlvDemuxer();
      const events: FlvEvent[] = [];
      for (let at = 0; at < STREAM.length; at += size) events.push(...demuxer.push(STREAM.subarray(at, at + size)));
      expect(events).toEqual(whole);
    }
  });

  test("timestamps beyond 24 bits use the extension", () => {
    const [, frame] = new FlvDemuxer().push(all(HEADER, tag(8, 0x0123_4567, bytes(0xaf, 1, 1))));
    expect(frame).toMatchObject({ dts_ms: 0x0123_4567 });
  });

  test("what is no FLV, and codecs that belong elsewhere, are refused with a word", () => {
    expect(() => new FlvDemuxer().push(bytes("<html>"))).toThrow(FlvError);
    expect(() => new FlvDemuxer().push(all(HEADER, tag(8, 0, bytes(0x2f, 1, 1))))).toThrow("audio format 2");
    expect(() => new FlvDemuxer().push(all(HEADER, tag(9, 0, bytes(0x91, "vp08", 1))))).toThrow("vp08");
  });

  test("metadata packets, empty bodies and multitrack are left out", () => {
    const odd = [bytes(0x94, "avc1", 1), bytes(0x17), bytes(), bytes(0x96, 0, "avc1"), bytes(0x57, 1, 0, 0, 0, 1)];
    expect(new FlvDemuxer().push(all(HEADER, ...odd.map((body) => tag(9, 0, body))))).toHaveLength(1);
  });

  test("random bytes end in events or in an FlvError, never in anything else", () => {
    let state = 7;
    const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24;
    for (let round = 0; round < 300; round++) {
      const body = Uint8Array.from({ length: 2 + (random() % 40) }, random);
      try {
        for (const event of new FlvDemuxer().push(all(HEADER, tag([8, 9, 18][round % 3]!, round, body)))) {
          if (event.type === "config") describe(event.codec, event.config, { width: 1, height: 1 });
        }
      } catch (error) {
        expect(error).toBeInstanceOf(FlvError);
      }
    }
  });
});

suite("codecs", () => {
  const size = { width: 1, height: 2 };

  test("h264 tells its profile and its picture size", () => {
    expect(describe("avc1", AVCC, size)).toMatchObject({ mime: 'video/mp4; codecs="avc1.42c01e"', width: 640, height: 360 });
  });

  test("hevc, av1 and vp9 are named by RFC 6381", () => {
    const hvcc = Uint8Array.from({ length: 23 }, (_, at) => [1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93][at] ?? 0);
    expect(describe("hvc1", hvcc, size).mime).toContain("hvc1.1.6.L93.90");
    expect(describe("av01", bytes(0x81, 0x04, 0x0c, 0), size).mime).toContain("av01.0.04M.08");
    expect(describe("vp09", bytes(1, 0, 0, 0, 0, 31, 0x80, 1, 1, 1, 0, 0), size).mime).toContain("vp09.00.31.08");
    expect(describe("vp09", bytes(0, 31, 0x80, 1, 1, 1, 0, 0), size)).toMatchObject(size);
  });

  test("opus counts from the other end in its box", () => {
    const track = describe("Opus", OPUS_HEAD, size);
    expect(track).toMatchObject({ mime: 'audio/mp4; codecs="opus"', timescale: 48_000 });
    expect([...track.entry.slice(-11)]).toEqual([0, 2, 0x01, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 0]);
  });

  test("aac and flac know their rate", () => {
    expect(describe("mp4a", bytes(0x12, 0x10), size)).toMatchObject({ mime: 'audio/mp4; codecs="mp4a.40.2"', timescale: 44_100 });
    const info = bytes([0x12, 0, 0x12, 0], be(0, 6), [0x0b, 0xb8, 0x02, 0xf0], be(0, 20));
    expect(describe("fLaC", all(bytes("fLaC", 0x80, 0, 0, 34), info), size).timescale).toBe(48_000);
    expect(audioTicks("fLaC", info, bytes(0))).toBe(0x1200);
  });

  test("an opus packet tells its length", () => {
    const ticks = (...packet: number[]) => audioTicks("Opus", OPUS_HEAD, Uint8Array.from(packet));
    expect([ticks(0xfc), ticks(0xfd, 0), ticks(0xff, 3), ticks(0x08), ticks(0xe0)]).toEqual([960, 1920, 2880, 960, 120]);
  });

  test("a set-up that is too short is refused", () => {
    expect(() => describe("Opus", bytes("OpusHead"), size)).toThrow(FlvError);
    expect(() => describe("mp4a", bytes(0x12), size)).toThrow(FlvError);
  });

  test("there is silence for opus and plain aac", () => {
    expect(silence("Opus", OPUS_HEAD)).toMatchObject({ ticks: 960 });
    expect(silence("mp4a", bytes(0x12, 0x10))).toMatchObject({ ticks: 1024 });
    expect(silence("mp4a", bytes(0x2b, 0x10))).toBeNull();
  });
});

suite("timing", () => {
  const frame = bytes(1);

  test("a frame of video lasts until the next one", () => {
    const video = new VideoAssembler();
    for (const [at, dts] of [0, 33, 67, 200].entries()) video.take(dts, 0, at === 0, frame);
    const [run] = video.drain();
    expect(run!.start).toBe(0);
    expect(run!.samples.map((sample) => sample.duration)).toEqual([33, 34, 133]);
    expect(video.holds).toBe(true);
  });

  test("a late frame is released with an open end, and the next one follows at its own time", () => {
    const video = new VideoAssembler();
    video.take(0, 0, true, frame);
    video.release();
    expect(video.drain()[0]!.samples[0]!.duration).toBe(10_000);
    video.take(5000, 0, false, frame);
    video.take(5033, 0, false, frame);
    expect(video.drain()).toMatchObject([{ start: 5000, samples: [{ duration: 33 }] }]);
  });

  test("nothing before the first keyframe, and time never stands still", () => {
    const video = new VideoAssembler();
    video.take(0, 0, false, frame);
    video.take(40, 0, true, frame);
    video.take(40, 10, false, frame);
    video.take(80, 0, false, frame);
    const samples = video.drain().flatMap((run) => run.samples);
    expect(samples.map((sample) => [sample.duration, sample.offset])).toEqual([[1, 0], [39, 9]]);
    expect(video.keyframes_ms).toEqual([40]);
  });

  test("packets of audio lie end to end though their times are rounded", () => {
    const audio = new AudioAssembler("mp4a", bytes(0x12, 0x10), 44_100);
    for (let at = 0; at < 50; at++) audio.take(1000 + Math.floor((at * 1024 * 1000) / 44_100), frame);
    const runs = audio.drain();
    expect(runs).toHaveLength(1);
    expect(runs[0]!.samples).toHaveLength(50);
  });

  test("a hole in the sound is filled with silence", () => {
    const audio = new AudioAssembler("Opus", OPUS_HEAD, 48_000);
    audio.take(1000, bytes(0xfc));
    audio.take(1320, bytes(0xfc));
    expect(audio.drain()[0]!.samples).toHaveLength(17);
    expect(audio.end_ms).toBe(1340);
  });

  test("a long hole stays one, and sound from the past is dropped", () => {
    const audio = new AudioAssembler("Opus", OPUS_HEAD, 48_000);
    for (const at of [1000, 9000, 8000]) audio.take(at, bytes(0xfc));
    expect(audio.drain().map((run) => [run.start, run.samples.length])).toEqual([[48_000, 1], [432_000, 1]]);
  });

  test("timestamps that begin anew go on where the old ones were", () => {
    const timeline = new Timeline();
    expect(timeline.map(500_000)).toBe(1000);
    expect(timeline.map(500_040)).toBe(1040);
    expect(timeline.map(0)).toBe(1080);
    expect(timeline.map(20)).toBe(1100);
    expect(timeline.map(90_000)).toBe(1140);
    expect(timeline.map(93_000)).toBe(4140);
  });
});

suite("mp4", () => {
  const track = describe("avc1", AVCC, { width: 0, height: 0 });

  test("every box is as long as it says", () => {
    const sample = { duration: 33, offset: -5, key: true, data: bytes(1, 2, 3) };
    for (const file of [initSegment(track), initSegment(describe("Opus", OPUS_HEAD, { width: 0, height: 0 })), fragment(1, 5000, [sample, sample])]) {
      expect(boxes(file, 0, file.length).length).toBeGreaterThan(1);
    }
  });

  test("a fragment finds its data, its time and its flags", () => {
    const file = fragment(3, 2 ** 32 + 5, [
      { duration: 33, offset: 0, key: true, data: bytes(7, 8) },
      { duration: 34, offset: -2, key: false, data: bytes(9) },
    ]);
    const view = new DataView(file.buffer);
    const at = (type: string) => boxes(file, 0, file.length).find((found) => found.type === type)!.at;
    expect(view.getBigUint64(at("tfdt") + 12)).toBe(2n ** 32n + 5n);
    const trun = at("trun");
    expect(view.getUint32(trun + 12)).toBe(2);
    expect([...file.slice(view.getInt32(trun + 16), view.getInt32(trun + 16) + 3)]).toEqual([7, 8, 9]);
    expect([20, 24, 28, 32].map((offset) => view.getInt32(trun + offset))).toEqual([33, 2, 0x0200_0000, 0]);
    expect([36, 40, 44, 48].map((offset) => view.getInt32(trun + offset))).toEqual([34, 1, 0x0101_0000, -2]);
  });
});

const PARENTS = new Set(["moov", "trak", "mdia", "minf", "stbl", "mvex", "moof", "traf", "dinf"]);

function boxes(file: Uint8Array, from: number, to: number): { type: string; at: number }[] {
  const found: { type: string; at: number }[] = [];
  const view = new DataView(file.buffer, file.byteOffset);
  let at = from;
  while (at < to) {
    const size = view.getUint32(at);
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    expect(size).toBeGreaterThanOrEqual(8);
    found.push({ type, at });
    if (PARENTS.has(type)) found.push(...boxes(file, at + 8, at + size));
    at += size;
  }
  expect(at).toBe(to);
  return found;
}
