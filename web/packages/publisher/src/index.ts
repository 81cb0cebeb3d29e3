//! The weir publisher: one MediaStream goes live over one WebSocket. No pages, no styles, no texts
//! here; those belong to whoever embeds it.

export { CONTROL, RateController, type Controller, type ControlNumbers, type Decision, type Signals } from "./control";
export { PublishError } from "./errors";
export { FlvMuxer } from "./flv";
export { measureUplink, type MeasureOptions } from "./measure";
export { probe } from "./probe";
export { Publisher } from "./publisher";
export { slspTransport, type Transport, type TransportEvents, type TransportFactory } from "./transport";
export { startTicker } from "./timing";
export * from "./types";
