//! Texts of the pages in English and Chinese. A key missing in one language does not compile.

import { store } from "./store";

const en = {
  tagline: "Publish once, watch everywhere.",
  home: "weir, to the list of live streams",
  language: "Language",
  skip: "Skip to content",
  account: "Account",

  liveNow: "Live now",
  live: "LIVE",
  liveCount: "{n} live",
  loadingStreams: "Looking for live streams…",
  watching: "{n} watching",
  audioOnly: "audio only",
  following: "Following",
  followingNone: "You follow nobody yet. A channel’s page has a button for it.",
  followingIdle: "Nobody you follow is live right now.",
  followingRest: "Not live",
  followingAll: "All {n}",
  everything: "Everything that is live",
  noStreams: "Nothing is live right now",
  noStreamsHint: "Streams appear here by themselves as soon as somebody goes live.",
  goLive: "Go live",
  goLiveHere: "Go live from this browser",
  goLiveHereHint: "With your camera, your screen or a test picture: nothing to install.",
  goLiveIntro: "Or send RTMP from any encoder. weir prints your stream key when it starts; on a shared server, its operator has it.",
  server: "Server",
  streamKey: "Stream key",
  yourStreamKey: "your stream key",
  withObs: "With OBS Studio",
  obs1: "Settings → Stream → Service: Custom…",
  obs2: "Put the server and your stream key from above in their fields.",
  obs3: "Settings → Output: keyframe interval 2 s; tune “zerolatency” for the least delay.",
  obs4: "Start Streaming. It is listed here within seconds.",
  withFfmpeg: "With ffmpeg",
  ffmpegHint: "Loops a file as a live stream; put your stream key at the end.",
  apiDown: "Can’t reach the server",
  apiDownHint: "The list of streams could not be read. Trying again by itself.",
  apiStale: "Connection lost. This list may be out of date.",
  retry: "Try again",

  copy: "Copy",
  copied: "Copied",
  close: "Close",
  back: "All streams",
  notFound: "There is no such page",
  notFoundHint: "A stream’s page is /watch/{app}/{stream}.",

  mute: "Mute",
  share: "Share and links",
  report: "Report",
  reportWhy: "What is wrong with it?",
  reportHeard: "Thank you. Somebody will look at it.",
  report_sexual: "Sexual content",
  report_violence: "Violence",
  report_hate: "Hate",
  report_self_harm: "Self-harm",
  report_copyright: "Somebody else’s work",
  report_spam: "Spam or fraud",
  report_other: "Something else",
  soundLeftOut: "Without sound: the publisher sends {what}, which is not carried here.",
  pictureLeftOut: "Without pictures: the publisher sends {what}, which is not carried here.",
  shortcuts: "Keys: space or k plays and pauses, ← → five seconds, j l ten, 0–9 parts of it, Home, End (live), < > speed, m mutes, f fullscreen, p picture in picture, i statistics, ↑ ↓ volume",

  thisPage: "This page",
  embed: "Embed",
  embedIntro: "Put the player into a page of yours.",
  linksIntro: "Open the same stream in any player.",
};

export type Key = keyof typeof en;
type Texts = Record<Key, string>;

const zh: Texts = {
  tagline: "一次推流，处处可看。",
  home: "weir，返回直播列表",
  language: "语言",
  skip: "跳到正文",
  account: "账号",

  liveNow: "正在直播",
  live: "直播",
  liveCount: "{n} 路直播",
  loadingStreams: "正在查找直播…",
  watching: "{n} 人在看",
  audioOnly: "纯音频",
  following: "我的关注",
  followingNone: "你还没有关注任何频道。在频道页面点“关注”即可。",
  followingIdle: "你关注的频道现在都没有直播。",
  followingRest: "未开播",
  followingAll: "全部 {n} 个",
  everything: "全部直播",
  noStreams: "现在没有直播",
  noStreamsHint: "有人开播后，会自动出现在这里。",
  goLive: "我要开播",
  goLiveHere: "用浏览器开播",
  goLiveHereHint: "摄像头、屏幕或测试画面，无需安装任何软件。",
  goLiveIntro: "也可用任意编码器推送 RTMP。weir 启动时会打印推流密钥；公共服务器请向管理员索取。",
  server: "服务器",
  streamKey: "推流密钥",
  yourStreamKey: "你的推流密钥",
  withObs: "使用 OBS Studio",
  obs1: "设置 → 直播 → 服务：自定义…",
  obs2: "填入上面的服务器地址和你的推流密钥。",
  obs3: "设置 → 输出：关键帧间隔 2 秒；想要最低延迟，微调选 “zerolatency”。",
  obs4: "点击“开始直播”，几秒内就会出现在这里。",
  withFfmpeg: "使用 ffmpeg",
  ffmpegHint: "把文件循环推成直播；末尾换成你的推流密钥。",
  apiDown: "无法连接服务器",
  apiDownHint: "读取直播列表失败，正在自动重试。",
  apiStale: "连接已断开，列表可能不是最新的。",
  retry: "重试",

  copy: "复制",
  copied: "已复制",
  close: "关闭",
  back: "全部直播",
  notFound: "没有这个页面",
  notFoundHint: "直播页面的地址是 /watch/{app}/{stream}。",

  mute: "静音",
  share: "分享与链接",
  report: "举报",
  reportWhy: "有什么问题？",
  reportHeard: "谢谢，会有人查看。",
  report_sexual: "色情内容",
  report_violence: "暴力",
  report_hate: "仇恨言论",
  report_self_harm: "自残",
  report_copyright: "侵犯他人版权",
  report_spam: "垃圾信息或诈骗",
  report_other: "其他",
  soundLeftOut: "没有声音：主播端发送的是 {what}，这里不支持。",
  pictureLeftOut: "没有画面：主播端发送的是 {what}，这里不支持。",
  shortcuts: "快捷键：空格或 k 播放/暂停，← → 5 秒，j l 10 秒，0–9 跳到相应位置，Home 开头，End 最新，< > 倍速，m 静音，f 全屏，p 画中画，i 统计信息，↑ ↓ 音量",

  thisPage: "本页面",
  embed: "嵌入代码",
  embedIntro: "把播放器放进你自己的网页。",
  linksIntro: "用任意播放器打开同一路直播。",
};

const texts = { en, zh };
export type Language = keyof typeof texts;

/** The stored choice, else the first of the browser's languages that we have. */
export function pickLanguage(stored: string | null, wanted: readonly string[]): Language {
  if (stored === "en" || stored === "zh") return stored;
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split("-")[0];
    if (primary === "en" || primary === "zh") return primary;
  }
  return "en";
}

/** `{name}` is replaced by `values.name`; an unknown one stays as it is. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

let current: Language = "en";
const listeners = new Set<(language: Language) => void>();

export const language = (): Language => current;

/** BCP 47 tag for `lang` and Intl. */
export const locale = (): string => (current === "zh" ? "zh-CN" : "en");

export function setLanguage(next: Language, keep: boolean): void {
  current = next;
  document.documentElement.lang = locale();
  if (keep) store.setLanguage(next);
  for (const listener of listeners) listener(next);
}

/** Returns what ends the listening. */
export function onLanguage(listener: (language: Language) => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export function t(key: Key, values: Record<string, string | number> = {}): string {
  return fill(texts[current][key], values);
}

/** A page that came with its words is in one language, and so is what is added to it. */
const written = (): string | null => {
  const { dataset, lang } = document.documentElement;
  return dataset["rendered"] === undefined ? null : (lang.split("-")[0] ?? null);
};

if (typeof document !== "undefined") setLanguage(pickLanguage(written() ?? store.language(), navigator.languages ?? []), false);
