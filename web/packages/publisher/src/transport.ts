//! The seam between the publisher and how media reaches a server: one connection, from `hello` to its
//! end. Resuming, queues and rates are not here. SLSP over a WebSocket is the one transport so far.

import type { Container } from "./types";
import { parseServerMessage, type Ack, type Fault, type Hello, type Ready } from "./messages";

export interface TransportEvents {
  /** The server took us; media may flow. */
  ready(ready: Ready): void;
  ack(ack: Ack): void;
  hint(max_kbps: number): void;
  redirect(url: string): void;
  /** The server's last word before it closes. */
  fault(fault: Fault): void;
  /** The end of this connection, always told and told once. `reason` is that of the close frame. */
  closed(code: number, reason: string): void;
}

export interface Transport {
  /** Bytes handed over that have not left this machine, as far as that is known. */
  readonly buffered_bytes: number;
  /** Media, in order, cut anywhere. */
  send(data: Uint8Array): void;
  /** The next byte begins a new container. */
  restart(container: Container): void;
  stats(stats: ClientStats): void;
  /** The broadcast is over. */
  bye(): void;
  /** Leaves without a word, as for a resume elsewhere. `closed` is still told. */
  drop(): void;
}

/** What the server shows beside its own measurements. */
export interface ClientStats {
  fps: number;
  kbps: number;
  queue_ms: number;
  dropped: number;
  encoder: string;
}

/** Opens a connection to `url` and says `hello` as soon as it can. */
export type TransportFactory = (url: string, hello: Hello, events: TransportEvents) => Transport;

export const SUBPROTOCOL = "slsp.v1";
/** The code of a leave that is none: only 1000 and 1001 end a broadcast (slsp.md, "Ending"). */
const LEAVE_CODE = 4000;
/** How long the server may take to answer a close, ms; a dead network never does. */
const CLOSE_WAIT_MS = 1000;

/** SLSP 1 over a WebSocket. */
export const slspTransport: TransportFactory = (url, hello, events) => {
  const socket = new WebSocket(url, SUBPROTOCOL);
  socket.binaryType = "arraybuffer";
  let isClosed = false;
  const close = (code: number, reason: string) => {
    if (isClosed) return;
    isClosed = true;
    events.closed(code, reason);
  };
  const say = (message: object) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };
  const leave = (code: number) => {
    if (socket.readyState <= WebSocket.OPEN) socket.close(code);
    setTimeout(() => close(1006, ""), CLOSE_WAIT_MS);
  };

  socket.onopen = () => say({ type: "hello", ...hello });
  socket.onclose = (event) => close(event.code, event.reason);
  socket.onmessage = ({ data }) => {
    // What a dropped socket still brings belongs to the past.
    if (isClosed || typeof data !== "string") return;
    const message = parseServerMessage(data);
    switch (message?.type) {
      case "ready":
        return events.ready(message);
      case "ack":
        return events.ack(message);
      case "hint":
        return events.hint(message.max_kbps);
      case "redirect":
        return events.redirect(message.url);
      case "error":
        return events.fault(message);
    }
  };

  return {
    get buffered_bytes() {
      return socket.bufferedAmount;
    },
    send(data) {
      if (socket.readyState === WebSocket.OPEN) socket.send(data as Uint8Array<ArrayBuffer>);
    },
    restart: (container) => say({ type: "restart", container }),
    stats: (stats) => say({ type: "stats", ...stats }),
    bye() {
      say({ type: "bye" });
      leave(1000);
    },
    drop() {
      leave(LEAVE_CODE);
      close(1006, "");
    },
  };
};
