//! Which codec, which encoder, which rate: the choices, as pure functions.

import type { EncoderKind, EncoderRule, VideoCodecName } from "./types";

/** What a device says of itself, for the rules. */
export type DeviceNames = readonly string[];

/** The first rule of which `match` fits any of the names. */
export function ruleFor(rules: readonly EncoderRule[], names: DeviceNames): EncoderRule | null {
  return rules.find((rule) => names.some((name) => globMatches(rule.match, name))) ?? null;
}

/** `*` is any text, `?` any character; the whole text counts; case does not. */
export function globMatches(glob: string, text: string): boolean {
  const [pattern, subject] = [glob.toLowerCase(), text.toLowerCase()];
  let [at, star, mark] = [0, -1, 0];
  let index = 0;
  // Two cursors that go back to the last star: linear for one star, never exponential.
  while (index < subject.length) {
    if (at < pattern.length && pattern[at] !== "*" && (pattern[at] === "?" || pattern[at] === subject[index])) {
      at++;
      index++;
    } else if (pattern[at] === "*") {
      star = at++;
      mark = index;
    } else if (star >= 0) {
      at = star + 1;
      index = ++mark;
    } else {
      return false;
    }
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}

/** The kinds of encoder to try, best first. What the page asks for wins over the rule. */
export function kindOrder(asked: "auto" | EncoderKind, rule: EncoderRule | null): EncoderKind[] {
  const prefer = asked === "auto" ? (rule?.prefer ?? "auto") : asked;
  return prefer === "software" ? ["software", "hardware"] : ["hardware", "software"];
}

/** FourCCs of `ready.codecs`. */
export const FOURCC = { h264: "avc1", hevc: "hvc1", av1: "av01", vp9: "vp09", aac: "mp4a", opus: "Opus" } as const;

/** After these, what every browser plays comes first. */
const AUTO_ORDER: readonly VideoCodecName[] = ["h264", "vp9", "av1"];

/** Codecs to try, best first: what is asked for, then what plays everywhere; without what a rule avoids. */
export function codecOrder(
  asked: "auto" | VideoCodecName,
  rule: EncoderRule | null,
  serverCodecs: readonly string[] | null,
): VideoCodecName[] {
  const order = asked === "auto" ? AUTO_ORDER : [asked, ...AUTO_ORDER.filter((codec) => codec !== asked)];
  const avoided = (rule?.avoid ?? []).map((name) => name.toLowerCase());
  return order.filter((codec) => {
    const isAvoided = avoided.includes(codec) || avoided.includes(FOURCC[codec]);
    return !isAvoided && (serverCodecs === null || serverCodecs.includes(FOURCC[codec]));
  });
}

export interface PictureSize {
  width: number;
  height: number;
}

/** The strings to ask an encoder with, best first (RFC 6381), at a level that fits. */
export function codecStrings(codec: VideoCodecName, { width, height }: PictureSize, fps: number): string[] {
  const level = levelOf(width, height, fps);
  switch (codec) {
    case "h264":
      return ["6400", "4d00", "42e0"].map((profile) => `avc1.${profile}${level.h264}`);
    case "hevc":
      return [`hvc1.1.6.L${level.hevc}.B0`];
    case "av1":
      return [`av01.0.${level.av1}M.08`];
    case "vp9":
      return [`vp09.00.${level.vp9}.08`];
  }
}

/** Macroblocks a picture and a second of H.264's table A-1, with the levels of the others beside it. */
const LEVELS = [
  { picture: 1620, second: 40_500, h264: "1e", hevc: 90, av1: "04", vp9: "30" },
  { picture: 3600, second: 108_000, h264: "1f", hevc: 93, av1: "05", vp9: "31" },
  { picture: 5120, second: 216_000, h264: "20", hevc: 120, av1: "08", vp9: "40" },
  { picture: 8192, second: 245_760, h264: "28", hevc: 120, av1: "08", vp9: "40" },
  { picture: 8704, second: 522_240, h264: "2a", hevc: 123, av1: "09", vp9: "41" },
  { picture: 36_864, second: 983_040, h264: "33", hevc: 150, av1: "12", vp9: "50" },
  { picture: 36_864, second: 2_073_600, h264: "34", hevc: 153, av1: "13", vp9: "51" },
] as const;

function levelOf(width: number, height: number, fps: number): (typeof LEVELS)[number] {
  const picture = Math.ceil(width / 16) * Math.ceil(height / 16);
  return LEVELS.find((level) => picture <= level.picture && picture * fps <= level.second) ?? LEVELS[LEVELS.length - 1]!;
}

/** What is to be encoded of a source: its size with the shorter side at most `maxHeight`, scaled, even. */
export function encodedSize(source: PictureSize, maxHeight: number | undefined, scale: number): PictureSize {
  const short = Math.max(1, Math.min(source.width, source.height));
  const ratio = Math.min(1, (maxHeight ?? short) / short) * scale;
  const even = (value: number) => Math.max(16, Math.round((value * ratio) / 2) * 2);
  return { width: even(source.width), height: even(source.height) };
}

/** kbit/s of a good picture at 30 fps, by the shorter side. */
const GOOD_KBPS = [
  { height: 240, kbps: 500 },
  { height: 360, kbps: 900 },
  { height: 480, kbps: 1400 },
  { height: 540, kbps: 1800 },
  { height: 720, kbps: 2800 },
  { height: 1080, kbps: 4800 },
  { height: 1440, kbps: 9000 },
];
const LARGEST_KBPS = 16_000;

/** The ceiling where the page gives none. */
export function defaultMax_kbps({ width, height }: PictureSize, fps: number): number {
  const good = GOOD_KBPS.find((each) => Math.min(width, height) <= each.height)?.kbps ?? LARGEST_KBPS;
  return Math.round(good * (fps > 40 ? 1.5 : 1));
}

/** The picture never gets less, unless the page says otherwise. */
export const DEFAULT_MIN_KBPS = 120;

/** Types of MediaRecorder that weir takes, best first. VP8 is not among them: no container carries it. */
const RECORDER_TYPES = [
  "video/mp4;codecs=avc1.64001f,mp4a.40.2",
  "video/mp4;codecs=avc1.42e01f,mp4a.40.2",
  "video/mp4;codecs=avc1.64001f,opus",
  "video/mp4;codecs=avc1.42e01f,opus",
  "video/x-matroska;codecs=avc1.64001f,opus",
  "video/webm;codecs=h264,opus",
  "video/mp4;codecs=vp09.00.31.08,opus",
  "video/webm;codecs=vp9,opus",
  "video/mp4;codecs=av01.0.05M.08,opus",
  "video/webm;codecs=av1,opus",
] as const;

export function recorderTypes(isSupported: (type: string) => boolean): string[] {
  return RECORDER_TYPES.filter(isSupported);
}

/** SLSP's container of a recorder's type; null for what weir does not take. */
export function containerOf(type: string): "fmp4" | "webm" | null {
  const plain = type.toLowerCase();
  if (/codecs=.*\bvp0?8\b/.test(plain)) return null;
  if (/^(video|audio)\/mp4\b/.test(plain)) return "fmp4";
  return /^(video|audio)\/(webm|x-matroska|matroska)\b/.test(plain) ? "webm" : null;
}

/** The type without a codec that the source has no track for: a recorder would refuse it. */
export function recorderTypeFor(type: string, hasVideo: boolean, hasAudio: boolean): string {
  const [mime = "", codecs = ""] = type.split(/;\s*codecs=/);
  const kept = codecs
    .replace(/"/g, "")
    .split(",")
    .filter((codec) => (/^(opus|mp4a|flac|pcm)/.test(codec.trim()) ? hasAudio : hasVideo));
  const kind = hasVideo ? mime : mime.replace(/^video/, "audio");
  return kept.length > 0 && codecs !== "" ? `${kind};codecs=${kept.join(",")}` : kind;
}
