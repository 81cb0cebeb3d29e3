//! Words over the picture, apart from the chat: whoever shows none loads none.

export { Danmaku, type DanmakuOptions } from "./danmaku";
export type { Shout } from "./queue";
export { USUAL, type DanmakuSettings } from "./settings";
