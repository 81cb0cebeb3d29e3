//! The element's pure parts: what its attributes name, its words, its curve.

import { expect, test } from "vitest";
import { scaleTop } from "../src/element/curve";
import { latencyName, shortSeconds } from "../src/element/format";
import { bitrate, codecName, seconds } from "../src/names";
import { readSource, type SourceAttributes } from "../src/element/source";
import { pickLanguage, translator } from "../src/element/texts";

const none: SourceAttributes = { src: null, app: null, stream: null, origin: null, query: null };
const PAGE = "https://site.example/blog/post";

test("a name is on the server of the page", () => {
  expect(readSource({ ...none, src: "live/x" }, PAGE)).toEqual({
    name: { app: "live", stream: "x" },
    origin: { protocol: "https:", host: "site.example", hostname: "site.example" },
    query: "",
  });
});

test("a full address of any form names server, stream and query", () => {
  const wanted = {
    name: { app: "a/b", stream: "räum 1" },
    origin: { protocol: "https:", host: "tv.example:8443", hostname: "tv.example" },
    query: "?key=1&t=2",
  };
  for (const form of ["", ".flv", ".m3u8", "/ts.m3u8"]) {
    const src = `wss://tv.example:8443/a/b/r%C3%A4um%201${form}?key=1`;
    expect(readSource({ ...none, src, query: "?t=2" }, PAGE)).toEqual(wanted);
  }
});

test("app and stream with an origin say the same", () => {
  expect(readSource({ ...none, app: "live", stream: "a?b", origin: "http://10.0.0.1:8080" }, PAGE)).toMatchObject({
    name: { app: "live", stream: "a?b" },
    origin: { protocol: "http:", host: "10.0.0.1:8080" },
  });
});

test("no stream, half a name and nonsense name nothing", () => {
  for (const attributes of [{}, { src: "x" }, { app: "live" }, { src: "https://[" }, { src: "live/%E0%A4%A" }]) {
    expect(readSource({ ...none, ...attributes }, PAGE)).toBeNull();
  }
});

test("every Chinese is Chinese, the rest English", () => {
  expect(["zh", "zh-CN", "zh-Hant-TW", "ZH"].map(pickLanguage)).toEqual(["zh", "zh", "zh", "zh"]);
  expect([null, undefined, "", "en-US", "fr"].map(pickLanguage)).toEqual(["en", "en", "en", "en", "en"]);
});

test("values are filled in, what is not given stays visible", () => {
  expect(translator("en")("switched", { from: "HTTP-FLV" })).toBe("HTTP-FLV did not work here, now {to}");
  expect(translator("zh")("code", { code: 3002 })).toBe("代码 3002");
});

test("only a measured latency goes by that name alone", () => {
  const t = translator("en");
  expect(latencyName({ kind: "true", ms: 1 }, t)).toBe("Latency");
  expect(latencyName({ kind: "buffer", ms: 1 }, t)).toBe("Latency (buffer)");
});

test("numbers read well", () => {
  expect(bitrate(999)).toBe("999 kbit/s");
  expect(bitrate(2150)).toBe("2.15 Mbit/s");
  expect([seconds(1234), seconds(12_340)]).toEqual(["1.23 s", "12.3 s"]);
  expect([codecName("eac3"), codecName("new")]).toEqual(["E-AC-3", "NEW"]);
  expect([300, 2000, 4040].map(shortSeconds)).toEqual(["0.3", "2", "4"]);
});

test("the scale holds the highest point", () => {
  expect(scaleTop([])).toBe(500);
  expect(scaleTop([{ at_ms: 0, ms: 1001 }, { at_ms: 1, ms: null }])).toBe(2000);
});
