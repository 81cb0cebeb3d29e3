//! Which protocol for which stream in which browser.

import { expect, test } from "vitest";
import { flvEngines, hlsEngine, protocolOrder, type Capabilities } from "../src/choose";
import type { StreamInfo } from "../src/types";

const chromium: Capabilities = {
  mediaSource: true,
  managedMediaSource: false,
  nativeHls: false,
  typeSupported: (mime) => !mime.includes("hvc1") && !mime.includes("ac-3"),
};
const iphone: Capabilities = {
  mediaSource: false,
  managedMediaSource: true,
  nativeHls: true,
  typeSupported: (mime) => !mime.includes("vp09"),
};
const noMse: Capabilities = { mediaSource: false, managedMediaSource: false, nativeHls: false, typeSupported: () => false };

function stream(video: [string, string] | null, audio: [string, string] | null = ["aac", "mp4a.40.2"]): StreamInfo {
  return {
    app: "live",
    stream: "demo",
    vhost: "",
    video: video && { codec: video[0], rfc6381: video[1], width: 640, height: 360, fps: 30 },
    audio: audio && { codec: audio[0], rfc6381: audio[1], sample_rate: 48000, channels: 2 },
    bitrate_kbps: 500,
    viewers: 1,
    uptime_ms: 10_000,
  };
}
const h264 = stream(["h264", "avc1.64001e"]);

test("h264 with aac plays over everything, flv first", () => {
  expect(protocolOrder(h264, chromium, null)).toEqual(["flv", "wsflv", "hls", "ts"]);
});

test("what the viewer wants goes to the front", () => {
  expect(protocolOrder(h264, chromium, "ts")).toEqual(["ts", "flv", "wsflv", "hls"]);
});

test("what the viewer wants is ignored where it cannot work", () => {
  expect(protocolOrder(stream(["vp9", "vp09.00.10.08"]), chromium, "ts")).toEqual(["flv", "wsflv", "hls"]);
});

test("an iphone gets hls", () => {
  expect(protocolOrder(h264, iphone, "flv")).toEqual(["hls", "ts"]);
});

test("a codec the browser cannot decode leaves nothing, native hls or not", () => {
  const hevc = stream(["hevc", "hvc1.1.6.L93.B0"]);
  expect(protocolOrder(hevc, chromium, null)).toEqual([]);
  expect(protocolOrder(hevc, { ...chromium, nativeHls: true }, null)).toEqual([]);
});

test("av1, and opus beside h264, go over flv by our own engine, and not over ts", () => {
  for (const info of [stream(["av1", "av01.0.04M.08"]), stream(["h264", "avc1.64001e"], ["opus", "opus"])]) {
    expect(protocolOrder(info, chromium, null)).toEqual(["flv", "wsflv", "hls"]);
    expect(flvEngines(chromium, info)[0]).toBe("weir");
  }
});

test("mpegts.js plays mp3, and stands by for what both can", () => {
  expect(flvEngines(chromium, h264)).toEqual(["weir", "mpegts"]);
  expect(flvEngines(chromium, stream(["h264", "avc1.64001e"], ["mp3", "mp4a.6B"]))).toEqual(["mpegts"]);
  expect(flvEngines(chromium, stream(["av1", "av01.0.04M.08"], ["mp3", "mp4a.6B"]))).toEqual([]);
  expect(flvEngines(iphone, h264)).toEqual([]);
});

test("mp3 counts as playable when only audio/mpeg is", () => {
  const can = { ...chromium, typeSupported: (mime: string) => mime === "audio/mpeg" };
  expect(protocolOrder(stream(null, ["mp3", "mp4a.40.34"]), can, null)).toContain("flv");
});

test("with no word from the server only the browser decides", () => {
  expect(protocolOrder(null, chromium, null)).toEqual(["flv", "wsflv", "hls", "ts"]);
  expect(protocolOrder(null, noMse, null)).toEqual([]);
});

test("safari on a computer plays hls by the library and an iphone by itself", () => {
  const mac: Capabilities = { ...iphone, mediaSource: true };
  expect(hlsEngine(mac, "hls", h264)).toBe("hlsjs");
  expect(hlsEngine(iphone, "hls", h264)).toBe("native");
  expect(hlsEngine(mac, "ts", stream(["hevc", "hvc1.1.6.L93.B0"]))).toBe("native");
});
