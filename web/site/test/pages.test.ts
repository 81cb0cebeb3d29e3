//! Texts and numbers.

import { expect, test } from "vitest";
import { bitrate, codecName, duration, huesOf, rate, resolution } from "../src/format";
import { fill, pickLanguage } from "../src/i18n";
import { readPlayerQuery } from "../src/watch/query";

test("the stored language wins, then the first one we have", () => {
  expect(pickLanguage("zh", ["en-US"])).toBe("zh");
  expect(pickLanguage(null, ["fr-FR", "zh-Hant-TW", "en"])).toBe("zh");
  expect(pickLanguage("xx", ["fr"])).toBe("en");
});

test("a value that is not given stays visible in the text", () => {
  expect(fill("{n} of {m}", { n: 0 })).toBe("0 of {m}");
});

test("durations grow from minutes to hours", () => {
  expect(duration(-5)).toBe("0:00");
  expect(duration(65_000)).toBe("1:05");
  expect(duration(26 * 3_600_000 + 61_000)).toBe("26:01:01");
});

test("numbers read well", () => {
  expect(bitrate(512.3)).toBe("512 kbit/s");
  expect(bitrate(2150)).toBe("2.15 Mbit/s");
  expect(resolution(1920, 1080)).toBe("1080p");
  expect(resolution(720, 1280)).toBe("720p");
  expect(resolution(100, 90)).toBe("100×90");
  expect(rate(29.97003)).toBe("29.97");
  expect(codecName("avs3")).toBe("AVS3");
});

test("the same name has the same colours, another name others", () => {
  expect(huesOf("live/demo")).toEqual(huesOf("live/demo"));
  expect(huesOf("live/demo")).not.toEqual(huesOf("live/demo2"));
});

test("a page's address speaks to the player, the rest goes with the media", () => {
  expect(readPlayerQuery("?protocol=hls&key=a%26b&muted&latency=low&t=1")).toEqual({
    protocol: "hls",
    latency: "low",
    muted: true,
    autoplay: true,
    controls: true, recording: null, start: null, cuts: false,
    media: "?key=a%26b&t=1",
  });
  expect(readPlayerQuery("?protocol=rtmp&muted=0&autoplay=0&controls=false")).toMatchObject({
    protocol: null,
    latency: null,
    muted: false,
    autoplay: false,
    controls: false,
    media: "",
  });
  expect(readPlayerQuery("")).toMatchObject({ muted: null, autoplay: true });
});
