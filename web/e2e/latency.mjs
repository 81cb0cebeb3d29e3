//! How old a picture is when it is seen: a canvas with the time in it goes live from /studio, and a
//! second tab reads the time back from what it paints. Also how long a viewer waits for its first
//! picture. Prints one line of JSON.
//!
//! node e2e/latency.mjs --base URL --stream NAME [--protocol wsflv] [--seconds 30] [--joins 10]
//!                      [--latency low] [--mute] [--screenshot FILE] [--browser PATH]
//!
//! --mute: without the fake microphone, which loses time on a busy machine, and the pictures wait
//! for the sound.

import { parseArgs } from "node:util";
import { endLive, goLive, inBrowser, percentile, screenshot, sleep, streamPath } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    app: { type: "string", default: "live" },
    stream: { type: "string", default: "latency" },
    protocol: { type: "string", default: "wsflv" },
    latency: { type: "string" },
    preset: { type: "string", default: "360p" },
    seconds: { type: "string", default: "30" },
    joins: { type: "string", default: "10" },
    mute: { type: "boolean", default: false },
    screenshot: { type: "string" },
    browser: { type: "string" },
  },
});
/** The clock in the picture: milliseconds modulo 2^20 and a check of 4 bits, a block per bit. */
const CLOCK = { bits: 20, check: 4, columns: 8, rows: 3, block: 40 };

await inBrowser(args, async (context, result) => {
  const studio = context.pages()[0] ?? (await context.newPage());
  await studio.addInitScript(clockCamera, { ...CLOCK, mute: args.mute });
  await goLive(studio, args.base, { app: args.app, stream: args.stream, settings: { preset: args.preset } });
  const url = new URL(`/embed/${streamPath(args)}`, args.base);
  url.searchParams.set("protocol", args.protocol);
  url.searchParams.set("muted", "1");
  url.searchParams.set("autoplay", "1");
  if (args.latency) url.searchParams.set("latency", args.latency);

  const viewer = await context.newPage();
  await viewer.goto(url.href, { waitUntil: "domcontentloaded" });
  await viewer.waitForFunction(() => weirVideo()?.currentTime > 0.5, null, { timeout: 30000 });
  await viewer.evaluate(readClock, CLOCK);
  // The first seconds are those of joining; how it plays comes after.
  await sleep(3000);
  await viewer.evaluate(() => void (window.weirAges.length = 0));
  await sleep(Number(args.seconds) * 1000);
  const ages = await viewer.evaluate(() => window.weirAges);
  result.misread = await viewer.evaluate(() => window.weirMisread);
  result.pictures = ages.length;
  result.latency_ms = { p50: percentile(ages, 0.5), p90: percentile(ages, 0.9), p99: percentile(ages, 0.99), max: percentile(ages, 1) };
  const { stalls, stalled_ms, target_ms, engine } = await viewer.evaluate(() => document.querySelector("weir-player").stats);
  Object.assign(result, { stalls, stalled_ms: Math.round(stalled_ms), target_ms: Math.round(target_ms), engine });
  const stats = await studio.evaluate(() => window.weirStudio.publisher.stats());
  result.publisher = `${stats.engine} ${stats.videoCodec} ${stats.width}x${stats.height} ${Math.round(stats.fps)} fps ${Math.round(stats.acked_kbps)} kbit/s`;
  await screenshot(viewer, args.screenshot);

  const joins = [];
  for (let join = 0; join < Number(args.joins); join += 1) {
    joins.push(await viewer.evaluate(joinAgain));
    await sleep(300);
  }
  result.joins_ms = joins;
  result.join_ms = { p50: percentile(joins, 0.5), p99: percentile(joins, 0.99) };
  await endLive(studio);
  if (ages.length === 0) throw new Error("no picture's age could be read");
});

/** In the studio, before it loads: a camera that films a clock. */
function clockCamera({ bits, check, columns, block, mute }) {
  const devices = navigator.mediaDevices;
  if (!devices) return;
  const real = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    const stream = wanted.audio && !mute ? await real({ audio: wanted.audio }) : new MediaStream();
    if (wanted.video) stream.addTrack(film().getVideoTracks()[0]);
    return stream;
  };
  function film() {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [640, 360];
    const context = canvas.getContext("2d", { alpha: false });
    const filmed = canvas.captureStream(0);
    const track = filmed.getVideoTracks()[0];
    let hue = 0;
    setInterval(() => {
      context.fillStyle = `hsl(${(hue += 2)} 60% 50%)`;
      context.fillRect(0, 0, 640, 360);
      context.fillStyle = "#fff";
      context.fillRect((hue * 3) % 640, 200, 60, 120);
      const now_ms = Date.now() % 2 ** bits;
      const sum = [...now_ms.toString(16)].reduce((sum, digit) => sum + parseInt(digit, 16), 0) % 2 ** check;
      const code = now_ms * 2 ** check + sum;
      for (let bit = 0; bit < bits + check; bit += 1) {
        context.fillStyle = Math.floor(code / 2 ** bit) % 2 === 1 ? "#fff" : "#000";
        context.fillRect((bit % columns) * block, Math.floor(bit / columns) * block, block, block);
      }
      track.requestFrame();
    }, 1000 / 30);
    return filmed;
  }
}

/** In the viewer: reads the clock of each picture the moment it is shown. */
function readClock({ bits, check, columns, rows, block }) {
  window.weirAges = [];
  window.weirMisread = 0;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  const video = weirVideo();
  const look = () => {
    const now_ms = Date.now() % 2 ** bits;
    const scale = video.videoWidth / 640;
    // The middle of each block becomes one pixel.
    for (let bit = 0; bit < columns * rows; bit += 1) {
      const [x, y] = [bit % columns, Math.floor(bit / columns)];
      context.drawImage(video, (x + 0.25) * block * scale, (y + 0.25) * block * scale, (block / 2) * scale, (block / 2) * scale, x, y, 1, 1);
    }
    const pixels = context.getImageData(0, 0, columns, rows).data;
    let code = 0;
    for (let bit = 0; bit < bits + check; bit += 1) if (pixels[bit * 4 + 1] > 127) code += 2 ** bit;
    const shown_ms = Math.floor(code / 2 ** check);
    const sum = [...shown_ms.toString(16)].reduce((sum, digit) => sum + parseInt(digit, 16), 0) % 2 ** check;
    if (sum === code % 2 ** check) window.weirAges.push((now_ms - shown_ms + 2 ** bits) % 2 ** bits);
    else window.weirMisread += 1;
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}

/** In the viewer: a player made anew; gives the milliseconds to its first painted picture. */
async function joinAgain() {
  const old = document.querySelector("weir-player");
  const player = document.createElement("weir-player");
  for (const { name, value } of old.attributes) player.setAttribute(name, value);
  const place = old.parentNode;
  old.remove();
  const from_ms = performance.now();
  place.append(player);
  while (!weirVideo()) await new Promise((done) => setTimeout(done));
  const video = weirVideo();
  await new Promise((done) => video.requestVideoFrameCallback(done));
  return Math.round(performance.now() - from_ms);
}
