//! Addresses and watch paths.

import { expect, test } from "vitest";
import { mediaUrl, parseWatchPath, rtmpAppUrl, rtmpUrl, watchPath } from "../src/urls";

const plain = { protocol: "http:", host: "example.net:8080", hostname: "example.net" };
const secure = { protocol: "https:", host: "example.net", hostname: "example.net" };

test("each protocol has its address", () => {
  const name = { app: "live", stream: "demo" };
  expect(mediaUrl(plain, name, "flv")).toBe("http://example.net:8080/live/demo.flv");
  expect(mediaUrl(secure, name, "wsflv", "?s=1")).toBe("wss://example.net/live/demo.flv?s=1");
  expect(mediaUrl(plain, name, "hls")).toBe("http://example.net:8080/live/demo.m3u8");
  expect(mediaUrl(plain, name, "ts")).toBe("http://example.net:8080/live/demo/ts.m3u8");
  expect(rtmpUrl(plain, name)).toBe("rtmp://example.net/live/demo");
});

test("an app may have several levels and odd letters", () => {
  const name = { app: "a/b c", stream: "直播?" };
  expect(watchPath(name)).toBe("/watch/a/b%20c/%E7%9B%B4%E6%92%AD%3F");
  expect(parseWatchPath(watchPath(name))).toEqual(name);
});

test("a watch path needs an app and a stream", () => {
  expect(parseWatchPath("/watch/demo")).toBeNull();
  expect(parseWatchPath("/watch/")).toBeNull();
  expect(parseWatchPath("/live/demo")).toBeNull();
  expect(parseWatchPath("/watch/live/%E0%A4")).toBeNull();
});

test("an ipv6 host keeps its brackets", () => {
  expect(rtmpUrl({ protocol: "http:", host: "[::1]:8080", hostname: "::1" }, { app: "live", stream: "x" })).toBe("rtmp://[::1]/live/x");
});

test("RTMP is where the server says it is", () => {
  const name = { app: "live", stream: "x" };
  expect(rtmpUrl(plain, name, { host: null, port: 1936 })).toBe("rtmp://example.net:1936/live/x");
  expect(rtmpUrl(plain, name, { host: "live.example.org", port: 1935 })).toBe("rtmp://live.example.org/live/x");
  expect(rtmpAppUrl(plain, "a/b", { host: "2001:db8::1", port: 7 })).toBe("rtmp://[2001:db8::1]:7/a/b");
});
