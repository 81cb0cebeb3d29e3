//! A viewer whose publisher goes away and comes back. Prints one line of JSON: how long after the server has
//! the stream again the viewer paints a new picture of it.
//!
//! node e2e/return.mjs --base URL --stream NAME --ffmpeg PATH --file FLV --again FLV --rtmp URL [--away 8]
//!                     [--protocol wsflv] [--screenshot FILE] [--browser PATH]
//!
//! What comes again has pictures of another size, so that nobody takes what was before for new.

import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { inBrowser, screenshot, sleep, streamPath } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    app: { type: "string", default: "live" },
    stream: { type: "string" },
    ffmpeg: { type: "string" },
    file: { type: "string" },
    again: { type: "string" },
    rtmp: { type: "string" },
    away: { type: "string", default: "8" },
    protocol: { type: "string", default: "wsflv" },
    screenshot: { type: "string" },
    browser: { type: "string" },
  },
});
const ASK_MS = 20;
const LIMIT_MS = 20_000;

await inBrowser(args, async (context, result) => {
  let publisher = publish(args.file);
  try {
    await until("live", isLive);
    const viewer = context.pages()[0] ?? (await context.newPage());
    const query = new URLSearchParams({ protocol: args.protocol, muted: "1", autoplay: "1" });
    await viewer.goto(new URL(`/embed/${streamPath(args)}?${query}`, args.base).href, { waitUntil: "domcontentloaded" });
    await viewer.waitForFunction(() => weirVideo()?.currentTime > 1, null, { timeout: 30000 });
    await viewer.evaluate(notePictures);
    await sleep(1000);
    publisher.kill("SIGKILL");
    await until("gone", async () => !(await isLive()));
    await sleep(Number(args.away) * 1000);
    result.state_away = await viewer.evaluate(() => document.querySelector("weir-player").status.state);
    publisher = publish(args.again);
    await until("live again", isLive);
    const from_ms = Date.now();
    const painted_ms = await viewer.evaluate(newPicture);
    result.back_ms = Math.round(painted_ms - from_ms);
    const stats = await viewer.evaluate(() => document.querySelector("weir-player").stats);
    Object.assign(result, { protocol: stats.protocol, reconnects: stats.reconnects });
    await screenshot(viewer, args.screenshot);
  } finally {
    publisher.kill("SIGKILL");
  }
});

function publish(file) {
  const input = ["-hide_banner", "-nostdin", "-v", "error", "-stream_loop", "-1", "-re", "-i", file];
  return spawn(args.ffmpeg, [...input, "-c", "copy", "-f", "flv", args.rtmp], { stdio: ["ignore", "ignore", "inherit"] });
}

async function isLive() {
  const { streams } = await (await fetch(new URL("/api/v1/live", args.base))).json();
  return streams.some(({ app, stream }) => app === args.app && stream === args.stream);
}

async function until(what, isSo) {
  const until_ms = Date.now() + LIMIT_MS;
  while (!(await isSo())) {
    if (Date.now() > until_ms) throw new Error(`the stream is not ${what}`);
    await sleep(ASK_MS);
  }
}

/** In the viewer: when a picture of another size was painted first, by whichever element the player has. */
function notePictures() {
  window.weirNewAt = 0;
  const { videoWidth } = weirVideo();
  let known = null;
  setInterval(() => {
    const video = weirVideo();
    if (!video || video === known) return;
    known = video;
    const note = (_now_ms, { width }) => {
      if (width !== videoWidth) window.weirNewAt ||= Date.now();
      else video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
  }, 10);
}

/** In the viewer: waits for it; Unix ms. */
async function newPicture() {
  while (window.weirNewAt === 0) await new Promise((done) => setTimeout(done, 10));
  return window.weirNewAt;
}
