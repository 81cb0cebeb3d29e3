// Thousands of connections that come and go: what they leave behind in the server's memory.
// Prints one line of JSON: the resident set at rest, at most, and after each round.
//
// node bench/churn.mjs --http HOST:PORT --rtmp HOST:PORT --pid PID [--connections 4000] [--rounds 3]

import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

const { values: args } = parseArgs({
  options: {
    http: { type: "string" },
    rtmp: { type: "string" },
    pid: { type: "string" },
    connections: { type: "string", default: "4000" },
    rounds: { type: "string", default: "3" },
  },
});
const connections = Number(args.connections);
/** Connects this many at once: the listen queue of a server is no longer. */
const BATCH = 200;
/** How long the connections are held, ms. */
const HOLD_MS = 2000;
/** How long memory is given to come back, ms. */
const REST_MS = 15000;

const request = (path, more = "") => `GET ${path} HTTP/1.1\r\nHost: bench\r\n${more}\r\n`;
const upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: d2VpciBiZW5jaCBjaHVybg==\r\n";
/** Who comes: each kind is a quarter. */
const KINDS = [
  { to: args.http, says: request("/live/bench.flv") },
  { to: args.http, says: request("/live/bench.flv", upgrade) },
  { to: args.http, says: request("/api/v1/streams") },
  // Half a handshake: C0 and C1, and no word after it.
  { to: args.rtmp, says: Buffer.concat([Buffer.from([3]), Buffer.alloc(1536)]) },
];

function rss() {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${args.pid}/status`, "utf8"));
  return Number(line[1]) * 1024;
}

function open(kind) {
  return new Promise((resolve) => {
    const [host, port] = kind.to.split(":");
    const socket = connect(Number(port), host, () => {
      socket.write(kind.says);
      resolve(socket);
    });
    socket.on("error", () => resolve(socket));
    socket.on("data", () => {});
  });
}

const result = { connections, rounds: Number(args.rounds), rest_bytes: rss(), peak_bytes: 0, after_bytes: [] };
for (let round = 0; round < result.rounds; round++) {
  const sockets = [];
  while (sockets.length < connections) {
    const batch = Array.from({ length: Math.min(BATCH, connections - sockets.length) }, (_, at) => open(KINDS[at % KINDS.length]));
    sockets.push(...(await Promise.all(batch)));
  }
  await sleep(HOLD_MS);
  result.peak_bytes = Math.max(result.peak_bytes, rss());
  for (const socket of sockets) socket.destroy();
  await sleep(REST_MS);
  result.after_bytes.push(rss());
}
console.log(JSON.stringify(result));
