//! The weir player: plays one live stream into one video element, and keeps at it. This entry has no
//! styles, no texts and no elements; `@weir/player/element` has.

export { fetchLive, fetchRtmp, type LiveList } from "./api";
export { ClockOffset } from "./clock";
export { bitrate, codecName, PROTOCOL_NAME, seconds } from "./names";
export * from "./pacing";
export { Player, type PlayerOptions } from "./player";
export * from "./types";
export * from "./urls";
