//! Texts of the pages in English and Chinese. A key missing in one language does not compile.

import { store } from "./store";

const en = {
  tagline: "Publish once, watch everywhere.",
  home: "weir, to the list of live streams",
  language: "Language",
  skip: "Skip to content",

  liveNow: "Live now",
  live: "LIVE",
  liveCount: "{n} live",
  loadingStreams: "Looking for live streams…",
  watching: "{n} watching",
  watchStream: "Watch {name}",
  audioOnly: "audio only",
  noStreams: "Nothing is live right now",
  noStreamsHint: "Streams appear here by themselves as soon as somebody goes live.",
  goLive: "Go live",
  goLiveIntro: "Send RTMP from any encoder. weir prints your stream key when it starts; on a shared server, its operator has it.",
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

  connecting: "Connecting…",
  buffering: "Waiting for data…",
  playing: "Playing over {protocol}",
  pausedState: "Paused",
  waiting: "Not live yet",
  waitingHint: "It starts here by itself as soon as the stream does.",
  offline: "The stream has ended",
  offlineHint: "If it comes back, it goes on here by itself.",
  refused: "This stream can’t be watched",
  unreachable: "Can’t reach the stream",
  unreachableHint: "The network or the server is in the way. Trying again by itself.",
  unplayable: "This browser can’t play this stream",
  unplayableHint: "It is sent as {codecs}. Try another browser, or a player such as VLC with a link from below.",
  code: "code {code}",
  switched: "{from} did not work here, now {to}",
  tapForSound: "Tap for sound",
  tapToPlay: "Tap to play",

  play: "Play",
  pause: "Pause",
  mute: "Mute",
  unmute: "Unmute",
  volume: "Volume",
  jumpToLive: "Jump to live",
  protocol: "Protocol",
  automatic: "Automatic",
  automaticHint: "the best this browser can do",
  flvHint: "lowest delay",
  wsflvHint: "lowest delay, through WebSocket",
  hlsHint: "low delay, all devices",
  tsHint: "plain HLS, most compatible",
  notHere: "not for this stream or browser",
  statistics: "Statistics",
  share: "Share and links",
  pip: "Picture in picture",
  fullscreen: "Fullscreen",
  exitFullscreen: "Leave fullscreen",
  shortcuts: "Keys: space or k plays and pauses, m mutes, f fullscreen, p picture in picture, i statistics, ↑ ↓ volume",
  player: "Player",

  latencyTrue: "latency",
  latencyEdge: "behind live edge",
  latencyBuffer: "buffer",
  latencyTrueHint: "Latency: from the server’s clock at this frame to your screen",
  latencyEdgeHint: "Distance from the end of the playlist; the way up to there is not counted",
  latencyBufferHint: "What this browser holds ahead; the way here is not counted",
  unknown: "–",
  sVideo: "Video",
  sAudio: "Audio",
  sResolution: "Resolution",
  sFps: "Frames/s",
  sDropped: "Dropped",
  sBitrate: "Bitrate",
  sBitrateTold: "told by server",
  sBuffer: "Buffer",
  sLatency: "Latency",
  sSpeed: "Speed",
  sReconnects: "Reconnects",
  sEngine: "Engine",
  lastMinute: "last 60 s",

  thisPage: "This page",
  linksIntro: "Open the same stream in any player.",
  sound: "Sound",
};

export type Key = keyof typeof en;
type Texts = Record<Key, string>;

const zh: Texts = {
  tagline: "一次推流，处处可看。",
  home: "weir，返回直播列表",
  language: "语言",
  skip: "跳到正文",

  liveNow: "正在直播",
  live: "直播",
  liveCount: "{n} 路直播",
  loadingStreams: "正在查找直播…",
  watching: "{n} 人在看",
  watchStream: "观看 {name}",
  audioOnly: "纯音频",
  noStreams: "现在没有直播",
  noStreamsHint: "有人开播后，会自动出现在这里。",
  goLive: "我要开播",
  goLiveIntro: "用任意编码器推送 RTMP 即可。weir 启动时会打印推流密钥；公共服务器请向管理员索取。",
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

  connecting: "正在连接…",
  buffering: "等待数据…",
  playing: "正在通过 {protocol} 播放",
  pausedState: "已暂停",
  waiting: "尚未开播",
  waitingHint: "开播后会在这里自动开始。",
  offline: "直播已结束",
  offlineHint: "如果恢复直播，会在这里自动继续。",
  refused: "无法观看此直播",
  unreachable: "无法获取直播",
  unreachableHint: "网络或服务器暂时不通，正在自动重试。",
  unplayable: "此浏览器无法播放该直播",
  unplayableHint: "该直播的编码为 {codecs}。请换一个浏览器，或用下方链接在 VLC 等播放器中打开。",
  code: "代码 {code}",
  switched: "{from} 在这里不可用，已切换到 {to}",
  tapForSound: "点击开启声音",
  tapToPlay: "点击播放",

  play: "播放",
  pause: "暂停",
  mute: "静音",
  unmute: "取消静音",
  volume: "音量",
  jumpToLive: "跳到最新",
  protocol: "协议",
  automatic: "自动",
  automaticHint: "此浏览器的最佳选择",
  flvHint: "延迟最低",
  wsflvHint: "延迟最低，走 WebSocket",
  hlsHint: "低延迟，适合所有设备",
  tsHint: "普通 HLS，兼容性最好",
  notHere: "此直播或浏览器不支持",
  statistics: "统计信息",
  share: "分享与链接",
  pip: "画中画",
  fullscreen: "全屏",
  exitFullscreen: "退出全屏",
  shortcuts: "快捷键：空格或 k 播放/暂停，m 静音，f 全屏，p 画中画，i 统计信息，↑ ↓ 音量",
  player: "播放器",

  latencyTrue: "延迟",
  latencyEdge: "距直播边缘",
  latencyBuffer: "缓冲",
  latencyTrueHint: "延迟：从服务器收到此帧的时钟到你的屏幕",
  latencyEdgeHint: "距播放列表末尾的时间；此前的路程未计入",
  latencyBufferHint: "浏览器已缓冲的时长；到达这里的路程未计入",
  unknown: "–",
  sVideo: "视频",
  sAudio: "音频",
  sResolution: "分辨率",
  sFps: "帧率",
  sDropped: "丢帧",
  sBitrate: "码率",
  sBitrateTold: "服务器提供",
  sBuffer: "缓冲",
  sLatency: "延迟",
  sSpeed: "倍速",
  sReconnects: "重连次数",
  sEngine: "引擎",
  lastMinute: "最近 60 秒",

  thisPage: "本页面",
  linksIntro: "用任意播放器打开同一路直播。",
  sound: "声音",
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

if (typeof document !== "undefined") setLanguage(pickLanguage(store.language(), navigator.languages ?? []), false);
