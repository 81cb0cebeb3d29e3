//! Bytes as they arrive, over HTTP or a WebSocket.

export interface SourceEvents {
  onBytes: (bytes: Uint8Array) => void;
  /** Closed in good order, or by the server with a word of its registry. */
  onEnd: () => void;
  onFail: (message: string) => void;
}

/** Returns what stops it. */
export function openSource(url: string, events: SourceEvents): () => void {
  return url.startsWith("ws") ? openSocket(url, events) : openHttp(url, events);
}

function openHttp(url: string, events: SourceEvents): () => void {
  const hangUp = new AbortController();
  const run = async () => {
    const response = await fetch(url, { cache: "no-store", signal: hangUp.signal });
    if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`);
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return events.onEnd();
      events.onBytes(value);
    }
  };
  run().catch((error: unknown) => {
    if (!hangUp.signal.aborted) events.onFail(String(error));
  });
  return () => hangUp.abort();
}

/** 1000 and 1001 are good order; 4000 and up are the registry's, which the player asks for itself. */
const isOrderly = (code: number): boolean => code === 1000 || code === 1001 || code >= 4000;

function openSocket(url: string, events: SourceEvents): () => void {
  const socket = new WebSocket(url);
  let stopped = false;
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => {
    if (!stopped && data instanceof ArrayBuffer) events.onBytes(new Uint8Array(data));
  };
  socket.onclose = ({ code, reason }) => {
    if (stopped) return;
    if (isOrderly(code)) events.onEnd();
    else events.onFail(`WebSocket closed: ${code} ${reason}`.trim());
  };
  return () => {
    stopped = true;
    socket.close();
  };
}
