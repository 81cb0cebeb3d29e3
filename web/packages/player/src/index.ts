//! The weir player: plays one live stream into one video element, and keeps at it. No pages, no
//! styles, no texts here; those belong to whoever embeds it.

export { fetchLive, type LiveList } from "./api";
export { ClockOffset } from "./clock";
export { Player, type PlayerOptions } from "./player";
export * from "./types";
export * from "./urls";
