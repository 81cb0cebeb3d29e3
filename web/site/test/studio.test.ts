//! The studio's pure parts: pasted addresses, presets, words, settings, scales.

import type { Health, PublisherStats } from "@weir/publisher";
import { expect, test } from "vitest";
import { readApp } from "../src/studio/api";
import { topOf } from "../src/studio/curves";
import { levelOf } from "../src/studio/level";
import { publisherOptions, takeExpert } from "../src/studio/options";
import { clock } from "../src/studio/pattern";
import { judgeUplink, videoGoal } from "../src/studio/presets";
import { readSettings, withPasted } from "../src/studio/settings";
import { whatIsMissing } from "../src/studio/useChoices";
import { authFromKey, friendlyName, keyOf, nameFault, parseAddress, publishUrl, readQuery } from "../src/studio/target";
import { healthLine, publishTrouble, rates, sourceTrouble, withKeys } from "../src/studio/words";

const here = { protocol: "https:", host: "live.example:8443", hostname: "live.example" };

test("an RTMP address gives app, stream and key", () => {
  expect(parseAddress(" rtmp://other.example/live/demo?key=s3cret ")).toEqual({ host: "other.example", app: "live", stream: "demo", auth: "key=s3cret" });
  expect(parseAddress("rtmp://127.0.0.1:1935/a/b/c")).toEqual({ host: "127.0.0.1:1935", app: "a/b", stream: "c" });
  expect(parseAddress("rtmp://h/live")).toEqual({ host: "h", app: "live" });
  expect(parseAddress("rtmps://[::1]:1936/live/x?key=k")).toEqual({ host: "[::1]:1936", app: "live", stream: "x", auth: "key=k" });
});

test("a WebSocket address keeps every signed parameter", () => {
  const signed = "e=1900000000&a=publish&k=main&n=7&ip=&s=ab12";
  expect(parseAddress(`wss://h:8443/slsp/live/x?${signed}`)).toEqual({ host: "h:8443", app: "live", stream: "x", auth: signed });
  expect(keyOf(signed)).toBeNull();
  expect(parseAddress("ws://h/live/x.flv")).toEqual({ host: "h", app: "live", stream: "x" });
});

test("the address of a studio or a watch page is understood, too", () => {
  expect(parseAddress("https://h/studio?app=a/b&stream=x&key=k%26l")).toEqual({ host: "h", app: "a/b", stream: "x", auth: "key=k%26l" });
  expect(parseAddress("http://h/watch/live/%E5%A4%9C")).toEqual({ host: "h", app: "live", stream: "夜" });
  expect(parseAddress("http://h/live/x/ts.m3u8")).toEqual({ host: "h", app: "live", stream: "x" });
});

test("what encoders call a stream key may hold the name", () => {
  expect(parseAddress("demo?key=abc")).toEqual({ stream: "demo", auth: "key=abc" });
  expect(parseAddress("key=abc")).toEqual({ auth: "key=abc" });
  expect(parseAddress("?key=abc")).toEqual({ auth: "key=abc" });
});

test("a bare key is no address", () => {
  for (const key of ["s3cret", "a=b", "x/y", "", "mailto:me", "ftp://h/a/b", "rtmp://", "http://h/%zz/x"]) {
    expect(parseAddress(key)?.auth, key).toBeUndefined();
  }
  expect(parseAddress("s3cret")).toBeNull();
});

test("a key with any characters comes back as it was typed", () => {
  for (const key of ["abc", "a&b=c?d", "密钥 1", "+%"]) expect(keyOf(authFromKey(key))).toBe(key);
  expect(authFromKey("  ")).toBe("");
  expect(keyOf("")).toBe("");
});

test("the publish address is on this server, with every level encoded", () => {
  expect(publishUrl(here, { app: "a/b c", stream: "夜", auth: "key=1" })).toBe("wss://live.example:8443/slsp/a/b%20c/%E5%A4%9C?key=1");
  expect(publishUrl({ ...here, protocol: "http:" }, { app: "live", stream: "x", auth: "" })).toBe("ws://live.example:8443/slsp/live/x");
});

test("the page's own query names the stream and keeps the rest for the server", () => {
  expect(readQuery("?app=live&stream=x&key=1&vhost=v")).toEqual({ app: "live", stream: "x", auth: "key=1&vhost=v" });
  expect(readQuery("")).toEqual({});
  const { expert, rest } = takeExpert("?stream=x&sound=0&engine=mediarecorder&recorder=video/webm;codecs=vp9,opus");
  expect(expert).toEqual({ engine: "mediarecorder", recorderType: "video/webm;codecs=vp9,opus", silent: true });
  expect(rest).toBe("stream=x");
});

test("names are judged as the server judges them", () => {
  expect(nameFault("calm-river-42", false)).toBeNull();
  expect(nameFault("a/b", true)).toBeNull();
  expect(nameFault("", false)).toBe("nameEmpty");
  expect(nameFault("a/b", false)).toBe("nameChars");
  expect(nameFault("a//b", true)).toBe("nameChars");
  for (const bad of ["a?b", "a#b", "..", "a..b", "a%b", "<a>", 'a"', "a\\b", "a\u0007"]) expect(nameFault(bad, false), bad).toBe("nameChars");
  expect(nameFault("夜".repeat(86), false)).toBe("nameLong");
});

test("a friendly name is a good name, whatever the dice say", () => {
  for (const dice of [0, 0.5, 0.999999]) expect(nameFault(friendlyName(() => dice), false)).toBeNull();
});

test("an uplink is judged with a quarter to spare", () => {
  expect(judgeUplink(6000)).toEqual({ verdict: "great", preset: "1080p" });
  expect(judgeUplink(5999).preset).toBe("720p");
  expect(judgeUplink(2100)).toEqual({ verdict: "fair", preset: "540p" });
  expect(judgeUplink(900)).toEqual({ verdict: "poor", preset: "360p" });
  expect(judgeUplink(300)).toEqual({ verdict: "bad", preset: "360p" });
});

test("automatic quality follows the uplink, a fixed one only the app's limit", () => {
  const none = { uplink_kbps: null, app_kbps: null };
  expect(videoGoal({ preset: "auto", fps: 30 }, none)).toEqual({ width: 1280, height: 720, fps: 30, kbps: 2500 });
  expect(videoGoal({ preset: "auto", fps: 30 }, { ...none, uplink_kbps: 800 })).toMatchObject({ height: 360, kbps: 600 });
  expect(videoGoal({ preset: "1080p", fps: 60 }, { ...none, uplink_kbps: 800 })).toMatchObject({ height: 1080, kbps: 6300 });
  expect(videoGoal({ preset: "720p", fps: 30 }, { ...none, app_kbps: 2000 }, 96).kbps).toBe(1904);
  expect(videoGoal({ preset: "540p", fps: 30 }, none).width).toBe(960);
});

const stats = { width: 1920, height: 1080, fps: 59.6, queue_ms: 1840 } as PublisherStats;
const health = (reason: Health["reason"], more: Partial<Health> = {}): Health => ({ level: "fair", reason, since_ms: 0, ...more });

test("the health light gives its reason with numbers", () => {
  expect(healthLine(health("uplink_fell", { from_kbps: 2100, to_kbps: 800 }), stats)).toEqual({
    tone: "fair", key: "hFell", values: { from: "2.1", to: "0.8 Mbit/s" },
  });
  expect(healthLine(health("encoder_slow"), stats).values).toEqual({ size: "1080p60" });
  expect(healthLine(health("queue"), stats).values).toEqual({ s: "1.8" });
  expect(healthLine(health("server_limit", { to_kbps: 800 }), null).values).toEqual({ to: "800 kbit/s" });
});

test("a reason without numbers is said without numbers", () => {
  for (const reason of ["uplink_fell", "uplink_recovering", "encoder_slow", "queue", "source_slow", "server_limit"] as const) {
    const line = healthLine(health(reason), null);
    expect(line.key).toMatch(/Plain$/);
    expect(line.values).toEqual({});
  }
});

test("two rates share one unit", () => {
  expect(rates(900, 450)).toEqual({ from: "900", to: "450 kbit/s" });
  expect(rates(450, 1200)).toEqual({ from: "0.5", to: "1.2 Mbit/s" });
});

test("an error of the registry has words, its code and a way out", () => {
  const wrong = publishTrouble({ code: 1004, codeName: "auth_bad_signature", message: "no", advice: "copy", retryable: false });
  expect(wrong).toMatchObject({ title: "e1004", hint: "e1004Do", way: "key", code: "1004 auth_bad_signature", detail: "no" });
  expect(publishTrouble({ code: 3004 }).way).toBe("name");
  expect(publishTrouble({ code: 4011 }).way).toBe("lower");
});

test("where a key belongs to one name, another name is no way out", () => {
  expect(withKeys(publishTrouble({ code: 3004 }))).toMatchObject({ hint: "e3004Key", way: "retry" });
  expect(withKeys(publishTrouble({ code: 2001 })).way).toBe("key");
  expect(withKeys(publishTrouble({ code: 1004 })).way).toBe("key");
});

test("an error nobody foresaw shows its own words", () => {
  expect(publishTrouble({ code: 2999, codeName: "new", message: "hm", advice: "wait", retryable: false })).toEqual({
    title: "eUnknown", code: "2999 new", detail: "hm · wait", about: "broadcast",
  });
  expect(publishTrouble(new TypeError("boom"))).toMatchObject({ title: "eUnknown", way: "retry", detail: "boom" });
});

test("a closed screen picker is no error, a refused camera is", () => {
  const refused = new DOMException("denied", "NotAllowedError");
  expect(sourceTrouble(refused, "screen")).toBeNull();
  expect(sourceTrouble(refused, "camera")).toMatchObject({ title: "dPermission", way: "pattern" });
  expect(sourceTrouble(new DOMException("", "NotReadableError"), "camera")?.title).toBe("dBusy");
  expect(sourceTrouble(new DOMException("", "NotSupportedError"), "file")?.title).toBe("dFile");
});

test("stored settings that make no sense are replaced, the others kept", () => {
  const read = readSettings('{"preset":"8k","fps":60,"source":"radio","stream":"mine","keep":"yes"}', () => 0);
  expect(read).toMatchObject({ preset: "auto", fps: 60, source: null, stream: "mine", keep: false, app: "live" });
  expect(readSettings("{{{", () => 0).stream).toBe("amber-bay-10");
  expect(readSettings("null").app).toBe("live");
});

test("an open app wants a name, another a key as well", () => {
  const target = { app: "live", stream: "x", auth: "" };
  expect(whatIsMissing(target, true)).toBeNull();
  expect(whatIsMissing(target, false)).toBe("enterKey");
  expect(whatIsMissing({ ...target, auth: "key=1" }, false)).toBeNull();
  expect(whatIsMissing({ ...target, stream: "" }, true)).toBe("nameEmpty");
});

test("what an address names wins over what was stored", () => {
  const settings = readSettings(null, () => 0);
  expect(withPasted(settings, "key=old", { stream: "x" })).toMatchObject({ settings: { app: "live", stream: "x" }, auth: "key=old" });
  expect(withPasted(settings, "key=old", { auth: "key=new" }).auth).toBe("key=new");
});

test("a server that says nothing is taken for one that wants a key", () => {
  expect(readApp("live", null)).toMatchObject({ app: "live", publish: "key", play: "open", max_kbps: null });
  expect(readApp("live", { publish: "open", play: "signed", max_kbps: 2000, encoders: [{ match: "*" }, { match: "x", prefer: "software" }] })).toMatchObject({
    publish: "open", play: "signed", max_kbps: 2000, encoders: [{ match: "x", prefer: "software" }],
  });
});

test("the publisher is told what was chosen, sound within the ceiling", () => {
  const settings = { ...readSettings(null, () => 0), keyframe_s: 1 as const, codec: "vp9" as const };
  const goal = videoGoal(settings, { uplink_kbps: null, app_kbps: null });
  const options = publisherOptions("ws://h", {} as MediaStream, settings, goal, null, { engine: "mediarecorder" });
  expect(options.video).toEqual({ codec: "vp9", max_kbps: 2596, max_height: 720, max_fps: 30, keyframe_ms: 1000 });
  expect(options.engine).toBe("mediarecorder");
  expect("encoderRules" in options).toBe(false);
});

test("scales end at a round number that holds the highest value", () => {
  const curve = (...values: number[]) => [{ colour: "", values }];
  expect(topOf(curve(2400, 10), 500)).toBe(5000);
  expect(topOf(curve(), 30)).toBe(50);
  expect(topOf(curve(1000), 500)).toBe(1000);
});

test("the meter is silent for silence and full at full scale", () => {
  expect(levelOf(new Float32Array(8))).toBe(0);
  expect(levelOf(Float32Array.of(0, -1))).toBe(1);
  expect(levelOf(Float32Array.of(0.5))).toBeCloseTo(0.89, 1);
  expect(levelOf(Float32Array.of(0.0001))).toBe(0);
});

test("the clock of the test picture has milliseconds", () => {
  expect(clock(new Date(2026, 0, 2, 3, 4, 5, 6))).toBe("03:04:05.006");
});
