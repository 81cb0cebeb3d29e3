//! A stand-in for weir's SLSP end: says ready, acknowledges, and writes what arrives into files. For
//! work on the publisher alone; it judges nothing.
//!
//! import { serve } from "./server.mjs"; const mock = await serve({ dump: DIR })

import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const ACK_MS = 200;
const RESUME_MS = 5000;
const EXTENSIONS = { flv: "flv", fmp4: "mp4", webm: "webm", ts: "ts" };

/** `sessions` lists what came; `kill()` resets all sockets; `answers` may add members to `ready`. */
export async function serve({ dump, ready = {}, refuse = null, port = 0 }) {
  const sessions = [];
  const sockets = new Set();
  const server = createServer((_, response) => response.writeHead(426).end());
  server.on("upgrade", (request, socket) => {
    const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: slsp.v1\r\n\r\n`);
    socket.setNoDelay(true);
    sockets.add(socket);
    let session = null;
    let acked = 0;
    const say = (message) => socket.write(frame(1, Buffer.from(JSON.stringify(message))));
    const acks = setInterval(() => {
      if (!session || session.bytes === acked || session.socket !== socket) return;
      acked = session.bytes;
      say({ type: "ack", bytes: acked, dts_ms: -1, at_ms: Date.now() });
    }, ACK_MS);
    const end = () => {
      clearInterval(acks);
      sockets.delete(socket);
      socket.destroy();
    };
    const container = (name) => {
      const file = dump && join(dump, `${sessions.indexOf(session)}-${session.files.length}.${EXTENSIONS[name]}`);
      session.files.push(file);
      session.out?.end();
      session.out = file ? createWriteStream(file) : null;
    };
    const control = (message) => {
      if (message.type === "hello") {
        if (refuse) {
          say({ type: "error", ...refuse });
          socket.write(frame(8, Buffer.concat([Buffer.from([4403 >> 8, 4403 & 255]), Buffer.from(`${refuse.code} ${refuse.name}`)])));
          return;
        }
        const old = sessions.find((each) => each.token === message.resume && !each.ended && Date.now() - each.last_ms < RESUME_MS);
        session = old ?? { token: `t${sessions.length}`, bytes: 0, files: [], stats: [], restarts: 0, resumes: 0, test: message.test === true, last_ms: Date.now() };
        session.socket = socket;
        if (old) old.resumes++;
        else {
          sessions.push(session);
          if (!session.test) container(message.container);
        }
        acked = session.bytes;
        say({ type: "ready", session: session.token, resume: session.token, resumed: !!old, bytes: session.bytes, ack_ms: ACK_MS, resume_ms: RESUME_MS, keyframe_ms: 2000, codecs: ["avc1", "hvc1", "av01", "vp09", "mp4a", "Opus"], ...ready });
      } else if (message.type === "restart") {
        session.restarts++;
        container(message.container);
      } else if (message.type === "stats") {
        session.stats.push(message);
      } else if (message.type === "bye" && session.socket === socket) {
        session.ended = true;
        session.out?.end();
        socket.write(frame(8, Buffer.from([1000 >> 8, 1000 & 255])));
      }
    };
    // Within a message pieces are handed on as they come: a slow link brings a keyframe in many.
    const read = reader({
      text: (data) => control(JSON.parse(data.toString())),
      media: (data) => {
        if (!session || session.socket !== socket) return;
        session.bytes += data.length;
        session.last_ms = Date.now();
        session.out?.write(data);
      },
      close: end,
    });
    socket.on("data", read);
    socket.on("close", end);
    socket.on("error", end);
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port: server.address().port,
    sessions,
    kill: () => sockets.forEach((socket) => socket.resetAndDestroy()),
    say: (message) => sockets.forEach((socket) => socket.write(frame(1, Buffer.from(JSON.stringify(message))))),
    close: () => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
    },
  };
}

function frame(opcode, payload) {
  const head = payload.length < 126 ? [payload.length] : [126, payload.length >> 8, payload.length & 255];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...head]), payload]);
}

/** Takes apart a client's frames; binary payload is given on as it arrives. */
function reader({ text, media, close }) {
  let rest = Buffer.alloc(0);
  let current = null;
  return (data) => {
    rest = rest.length > 0 ? Buffer.concat([rest, data]) : data;
    for (;;) {
      if (!current) {
        if (rest.length < 6) return;
        const short = rest[1] & 127;
        const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
        if (rest.length < 6 + extra) return;
        const size = extra === 2 ? rest.readUInt16BE(2) : extra === 8 ? Number(rest.readBigUInt64BE(2)) : short;
        current = { opcode: rest[0] & 15, left: size, mask: Buffer.from(rest.subarray(2 + extra, 6 + extra)), at: 0, parts: [] };
        rest = rest.subarray(6 + extra);
      }
      const piece = Buffer.from(rest.subarray(0, current.left));
      for (let index = 0; index < piece.length; index++) piece[index] ^= current.mask[(current.at + index) & 3];
      rest = rest.subarray(piece.length);
      current.at += piece.length;
      current.left -= piece.length;
      if (current.opcode === 2) media(piece);
      else current.parts.push(piece);
      if (current.left > 0) return;
      if (current.opcode === 1) text(Buffer.concat(current.parts));
      if (current.opcode === 8) return close();
      current = null;
    }
  };
}
