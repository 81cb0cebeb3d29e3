//! Rules, codecs, sizes, types.
//! Shows R52.

import { expect, test } from "vitest";
import { codecOrder, codecStrings, containerOf, encodedSize, globMatches, kindOrder, recorderTypeFor, recorderTypes, ruleFor } from "../src/choose";

test("a glob fits the whole text, in any case", () => {
  expect(globMatches("*Adreno*6??*", "ANGLE (Qualcomm, adreno (TM) 640, OpenGL)")).toBe(true);
  expect(globMatches("SM-G99?B", "sm-g991b")).toBe(true);
  expect(globMatches("SM-G99?B", "sm-g991bx")).toBe(false);
  expect(globMatches("*", "")).toBe(true);
  expect(globMatches("", "x")).toBe(false);
  expect(globMatches("a*b*c", "a--b--b--c")).toBe(true);
  expect(globMatches("[x]", "x")).toBe(false);
});

test("a hostile glob does not take for ever", () => {
  expect(globMatches("*a".repeat(200) + "b", "a".repeat(5000))).toBe(false);
});

test("the first rule that fits any name counts", () => {
  const rules = [
    { match: "*pixel 4*", prefer: "software" as const },
    { match: "*android*", prefer: "hardware" as const, avoid: ["hevc"] },
  ];
  expect(ruleFor(rules, ["Mozilla Android", "Pixel 4a"])).toBe(rules[0]);
  expect(ruleFor(rules, ["Mozilla Android", "SM-1"])).toBe(rules[1]);
  expect(ruleFor(rules, ["Mozilla X11"])).toBeNull();
});

test("the page's wish for an encoder wins over the rule's", () => {
  const rule = { match: "*", prefer: "software" as const };
  expect(kindOrder("auto", null)).toEqual(["hardware", "software"]);
  expect(kindOrder("auto", rule)).toEqual(["software", "hardware"]);
  expect(kindOrder("hardware", rule)).toEqual(["hardware", "software"]);
});

test("h.264 comes first unless another is asked for, avoided or not carried", () => {
  expect(codecOrder("auto", null, null)).toEqual(["h264", "vp9", "av1"]);
  expect(codecOrder("hevc", null, ["avc1", "hvc1"])).toEqual(["hevc", "h264"]);
  expect(codecOrder("auto", { match: "*", prefer: "auto", avoid: ["H264"] }, null)).toEqual(["vp9", "av1"]);
  expect(codecOrder("av1", { match: "*", prefer: "auto", avoid: ["av01"] }, null)).toEqual(["h264", "vp9"]);
});

test("the level fits size and rate", () => {
  expect(codecStrings("h264", { width: 1280, height: 720 }, 30)[0]).toBe("avc1.64001f");
  expect(codecStrings("h264", { width: 1920, height: 1080 }, 60)[0]).toBe("avc1.64002a");
  expect(codecStrings("h264", { width: 9999, height: 9999 }, 60)[0]).toBe("avc1.640034");
  expect(codecStrings("av1", { width: 640, height: 360 }, 30)).toEqual(["av01.0.04M.08"]);
});

test("sizes are even, limited by the shorter side, and never enlarged", () => {
  expect(encodedSize({ width: 1920, height: 1080 }, 720, 1)).toEqual({ width: 1280, height: 720 });
  expect(encodedSize({ width: 1080, height: 1920 }, 720, 1)).toEqual({ width: 720, height: 1280 });
  expect(encodedSize({ width: 640, height: 360 }, 1080, 1)).toEqual({ width: 640, height: 360 });
  expect(encodedSize({ width: 641, height: 361 }, undefined, 0.375)).toEqual({ width: 240, height: 136 });
});

test("recorders never get VP8", () => {
  expect(recorderTypes(() => true).some((type) => /vp8/.test(type))).toBe(false);
  expect(containerOf("video/webm;codecs=vp8,opus")).toBeNull();
  expect(containerOf('video/webm;codecs="vp08.00.10.08"')).toBeNull();
  expect(containerOf("video/mp4;codecs=avc1.42e01f,opus")).toBe("fmp4");
  expect(containerOf("video/x-matroska;codecs=avc1,opus")).toBe("webm");
  expect(containerOf("video/ogg")).toBeNull();
});

test("a recorder is not asked for tracks that are not there", () => {
  expect(recorderTypeFor("video/mp4;codecs=avc1.42e01f,mp4a.40.2", true, false)).toBe("video/mp4;codecs=avc1.42e01f");
  expect(recorderTypeFor("video/webm;codecs=h264,opus", false, true)).toBe("audio/webm;codecs=opus");
  expect(recorderTypeFor("video/webm", true, true)).toBe("video/webm");
});
