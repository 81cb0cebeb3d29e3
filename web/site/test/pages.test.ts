//! Texts, numbers and the curve's scale.

import { expect, test } from "vitest";
import { bitrate, codecName, duration, huesOf, rate, resolution, seconds } from "../src/format";
import { fill, pickLanguage } from "../src/i18n";
import { scaleTop } from "../src/watch/curve";

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
  expect(seconds(1234)).toBe("1.23 s");
  expect(codecName("avs3")).toBe("AVS3");
});

test("the same name has the same colours, another name others", () => {
  expect(huesOf("live/demo")).toEqual(huesOf("live/demo"));
  expect(huesOf("live/demo")).not.toEqual(huesOf("live/demo2"));
});

test("the scale holds the highest point", () => {
  expect(scaleTop([])).toBe(500);
  expect(scaleTop([{ at_ms: 0, ms: 1001 }, { at_ms: 1, ms: null }])).toBe(2000);
});
