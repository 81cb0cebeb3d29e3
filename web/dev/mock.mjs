//! A stand-in for the server, for work on the pages alone: serves web/dist with the real content
//! policy, a list with one stream, and that stream made by ffmpeg (HTTP-FLV, WS-FLV, HLS in fMP4
//! and TS; no low-latency parts). Not for tests of weir: those use weir.
//!
//! node dev/mock.mjs [--port 8090] [--empty] [--down] [--vp9] [--many]

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const flag = (name) => process.argv.includes(`--${name}`);
const port = Number(process.argv[process.argv.indexOf("--port") + 1]) || 8090;
const dist = fileURLToPath(new URL("../dist", import.meta.url));
const hlsDir = mkdtempSync(join(tmpdir(), "weir-mock-"));
const startedAt_ms = Date.now();
const viewers = new Set();
/** Whether live/demo is live: POST /mock/live or /mock/gone changes it. */
let live = !flag("empty");

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".m3u8": "application/vnd.apple.mpegurl",
  ".ts": "video/mp2t",
  ".m4s": "video/iso.segment",
  ".mp4": "video/mp4",
};
const POLICY =
  "default-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; connect-src *; " +
  "img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'";

const source = "-hide_banner -loglevel error -re -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000";
const encode = "-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 30 -b:v 1500k -c:a aac -ac 2 -b:a 96k";
const ffmpeg = (output) => {
  const child = spawn("ffmpeg", `${source} ${encode} ${output}`.split(" "), { stdio: ["ignore", "pipe", "inherit"] });
  viewers.add(child);
  child.on("exit", () => viewers.delete(child));
  return child;
};

if (live) startHls();
function startHls() {
  const common = "-f hls -hls_time 1 -hls_list_size 6 -hls_flags delete_segments+program_date_time+independent_segments";
  ffmpeg(`${common} -hls_segment_type fmp4 ${hlsDir}/demo.m3u8`);
  ffmpeg(`${common} ${hlsDir}/ts.m3u8`);
}

function liveList() {
  const demo = {
    app: "live",
    stream: "demo",
    vhost: "",
    video: flag("vp9")
      ? { codec: "vp9", rfc6381: "vp09.00.31.08", width: 1280, height: 720, fps: 30 }
      : { codec: "h264", rfc6381: "avc1.42c01f", width: 1280, height: 720, fps: 30 },
    audio: { codec: "aac", rfc6381: "mp4a.40.2", sample_rate: 48000, channels: 2 },
    bitrate_kbps: 1612.4,
    viewers: viewers.size,
    uptime_ms: Date.now() - startedAt_ms,
  };
  const more = [
    { app: "live", stream: "concert-hall", viewers: 18234, uptime_ms: 7_384_000, video: { codec: "hevc", rfc6381: "hvc1.1.6.L120.90", width: 1920, height: 1080, fps: 60 } },
    { app: "sport/city/cup", stream: "final", viewers: 942, uptime_ms: 2_384_000, video: { codec: "av1", rfc6381: "av01.0.08M.08", width: 3840, height: 2160, fps: 59.94 } },
    { app: "radio", stream: "夜间电台", viewers: 12, uptime_ms: 86_384_000, video: null, bitrate_kbps: 128 },
    { app: "live", stream: "a-very-long-stream-name-that-does-not-fit-in-a-card", viewers: 0, uptime_ms: 4000 },
  ].map((stream) => ({ ...demo, ...stream }));
  return { streams: [...(live ? [demo] : []), ...(flag("many") ? more : [])], server_time_ms: Date.now() };
}

const server = createServer((request, response) => {
  const path = decodeURIComponent(new URL(request.url, "http://mock").pathname);
  response.setHeader("content-security-policy", POLICY);
  if (path === "/mock/live" || path === "/mock/gone") {
    live = path === "/mock/live";
    for (const child of viewers) child.kill("SIGKILL");
    for (const name of readdirSync(hlsDir)) rmSync(join(hlsDir, name));
    if (live) startHls();
    return response.end("ok\n");
  }
  if (path === "/api/v1/live") {
    if (flag("down")) return request.socket.destroy();
    return json(response, 200, liveList());
  }
  if (path === "/api/v1/addresses") return json(response, 200, { rtmp: { host: null, port: 1935 }, rtmps: null });
  if (path === "/" || path.startsWith("/watch/")) return file(response, join(dist, "index.html"));
  if (path.startsWith("/assets/")) return file(response, join(dist, normalize(path)));
  if (!live || !path.startsWith("/live/")) {
    return json(response, 404, { code: 3002, name: "not_live", message: "the stream is not live", advice: "start publishing, or wait" });
  }
  if (path === "/live/demo.flv") {
    const child = ffmpeg("-f flv pipe:1");
    response.setHeader("content-type", "video/x-flv");
    child.stdout.pipe(response);
    return response.on("close", () => child.kill("SIGKILL"));
  }
  return file(response, join(hlsDir, path.replace(/^\/live\/(demo\/)?/, "")));
});

server.on("upgrade", (request, socket) => {
  if (!live) return socket.destroy();
  const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`);
  const child = ffmpeg("-f flv pipe:1");
  child.stdout.on("data", (data) => {
    const head = frameHead(data.length);
    socket.write(Buffer.concat([head, data]));
  });
  child.on("exit", () => socket.destroy());
  socket.on("close", () => child.kill("SIGKILL"));
  socket.on("error", () => child.kill("SIGKILL"));
});

/** Of a binary message, unmasked; browsers refuse a length that is longer than it must be. */
function frameHead(length) {
  if (length < 126) return Buffer.from([0x82, length]);
  const head = Buffer.alloc(length < 65536 ? 4 : 10);
  head[0] = 0x82;
  head[1] = length < 65536 ? 126 : 127;
  if (length < 65536) head.writeUInt16BE(length, 2);
  else head.writeUInt32BE(length, 6);
  return head;
}

function json(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function file(response, path) {
  if (!existsSync(path)) return json(response, 404, { code: 3001, name: "not_found", message: "no such file" });
  response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream", "cache-control": "no-cache" });
  createReadStream(path).pipe(response);
}

function stop() {
  for (const child of viewers) child.kill("SIGKILL");
  rmSync(hlsDir, { recursive: true, force: true });
  process.exit(0);
}
process.on("SIGINT", stop);
process.on("SIGTERM", stop);
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/`));
