//! The weir player: plays one live stream into one video element, and keeps at it. This entry has no
//! styles, no texts and no elements; `@weir/player/element` has.

export { fetchLive, fetchRtmp, type LiveList } from "./api";
export { ClockOffset } from "./clock";
export { bitrate, codecName, duration, PROTOCOL_NAME, seconds } from "./names";
export * from "./pacing";
export { Player, type PlayerOptions } from "./player";
export { Replay, type ReplayOptions, type ReplayStart } from "./replay";
export { parseStart, parseTime, type Start } from "./start";
export { TimeShift, type TimeShiftOptions } from "./time-shift";
export * from "./types";
export * from "./urls";
