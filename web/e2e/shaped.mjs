//! A browser publishes through a link that follows a plan, and a second tab watches past the link.
//! Prints one line of JSON: per phase how much of the link was used, how long the sender's queue
//! was, and how often the viewer stalled.
//!
//! node e2e/shaped.mjs --base URL --stream NAME --plan "delay 50,rate 3000:10;rate 1000:10;cut:3"
//!                     [--via URL | --link PROGRAM] [--camera-file MJPEG] [--preset 360p]
//!                     [--max_kbps 4500] [--protocol wsflv] [--screenshot FILE] [--browser PATH] [--samples]
//!
//! A phase is orders, then seconds. The link is that of link.mjs.

import { parseArgs } from "node:util";
import { endLive, goLive, screenshot, sleep, streamPath } from "./kit.mjs";
import { LINK_OPTIONS, overLink, SAMPLE_MS } from "./link.mjs";

const { values: args } = parseArgs({
  options: {
    ...LINK_OPTIONS,
    stream: { type: "string", default: "shaped" },
    plan: { type: "string", default: "delay 50,rate 3000:10;rate 1000:10;rate 400:10;rate 3000:10" },
    "camera-file": { type: "string" },
    preset: { type: "string", default: "360p" },
    max_kbps: { type: "string", default: "4500" },
  },
});
/** The viewer stalls when its time stands still for longer than this, ms. */
const STALL_MS = 300;
/** A queue counts as gone below this, ms. */
const QUEUE_MS = 1000;

const phases = args.plan.split(";").map((text) => {
  const at = text.lastIndexOf(":");
  return { orders: text.slice(0, at).split(",").map((order) => order.trim()), seconds: Number(text.slice(at + 1)) };
});
const camera = args["camera-file"] ? [`--use-file-for-fake-video-capture=${args["camera-file"]}`] : [];
await overLink(args, run, camera);

async function run(link, context, result) {
  const studio = context.pages()[0] ?? (await context.newPage());
  for (const order of phases[0].orders) link.say(order);
  await goLive(studio, link.base, { app: args.app, stream: args.stream, settings: { preset: args.preset } });
  await studio.evaluate((max_kbps) => window.weirStudio.publisher.setLimits({ max_kbps }), Number(args.max_kbps));
  const viewer = await context.newPage();
  // Two seconds to catch up with: a viewer right at the edge would show each change of the delay.
  await viewer.goto(new URL(`/watch/${streamPath(args)}?protocol=${args.protocol}&latency=normal`, args.base).href, { waitUntil: "domcontentloaded" });
  await viewer.evaluate(watchTime, STALL_MS);
  await viewer.waitForFunction(() => window.weirSeen.at_s > 2, null, { timeout: 30000 });
  await studio.evaluate(recordStats, SAMPLE_MS);
  await follow(link);
  const samples = await studio.evaluate(() => window.weirSamples);
  const seen = await viewer.evaluate(() => window.weirSeen);
  summarise(result, samples, seen);
  await screenshot(studio, args.screenshot);
  await endLive(studio);
}

/** Gives the link its orders in time, and notes what passed. */
async function follow(link) {
  for (const [at, phase] of phases.entries()) {
    if (at > 0) for (const order of phase.orders) link.say(order);
    phase.from_ms = Date.now();
    const before = await link.stats();
    while (Date.now() - phase.from_ms < phase.seconds * 1000 - SAMPLE_MS) {
      await sleep(SAMPLE_MS);
      const { up_queued } = await link.stats();
      phase.link_queued_bytes = Math.max(phase.link_queued_bytes ?? 0, up_queued);
    }
    await sleep(Math.max(0, phase.from_ms + phase.seconds * 1000 - Date.now()));
    const after = await link.stats();
    phase.to_ms = Date.now();
    phase.up_bytes = after.up_bytes - before.up_bytes;
  }
}

function summarise(result, samples, seen) {
  let [carried_bits, capacity_bits, rate_kbps] = [0, 0, null];
  result.phases = phases.map((phase) => {
    for (const order of phase.orders) {
      const rate = /^rate (?:up )?(\d+|off)$/.exec(order);
      if (rate) rate_kbps = rate[1] === "off" ? null : Number(rate[1]);
    }
    const inside = samples.filter((sample) => sample.at_ms >= phase.from_ms && sample.at_ms < phase.to_ms);
    const late = inside.filter((sample) => sample.queue_ms >= QUEUE_MS);
    const seconds = (phase.to_ms - phase.from_ms) / 1000;
    const isCut = phase.orders.includes("cut");
    if (rate_kbps && !isCut) {
      carried_bits += phase.up_bytes * 8;
      capacity_bits += rate_kbps * 1000 * seconds;
    }
    const stalls = seen.stalls.filter((stall) => stall.from_ms >= phase.from_ms && stall.from_ms < phase.to_ms);
    return {
      orders: phase.orders.join(", "),
      seconds: round(seconds),
      up_kbps: Math.round((phase.up_bytes * 8) / seconds / 1000),
      use: rate_kbps && !isCut ? round((phase.up_bytes * 8) / (rate_kbps * 1000 * seconds)) : null,
      queue_max_ms: Math.round(Math.max(0, ...inside.map((sample) => sample.queue_ms))),
      queue_back_s: round(backAfter_s(inside, phase.from_ms)),
      /** The part of the phase with a queue of a second or more: also where it came back. */
      queue_long: round(late.length / Math.max(1, inside.length)),
      link_queued_bytes: phase.link_queued_bytes,
      stalls: stalls.length,
      stalled_ms: Math.round(stalls.reduce((sum, stall) => sum + stall.ms, 0)),
      target_kbps: [...new Set(inside.filter((_, at) => at % 10 === 0).map((sample) => Math.round(sample.target_kbps)))],
      states: [...new Set(inside.map((sample) => sample.state))],
      samples: args.samples ? inside : undefined,
    };
  });
  const last = samples.at(-1);
  result.use = capacity_bits > 0 ? round(carried_bits / capacity_bits) : null;
  result.stalls = result.phases.reduce((sum, phase) => sum + phase.stalls, 0);
  result.reconnects = last.reconnects;
  result.state = last.state;
  result.engine = `${last.engine} ${last.videoCodec} ${last.width}x${last.height}`;
  result.viewer = { advanced_s: round(seen.advanced_s), stalls: seen.stalls, backward: seen.backward, jumps: seen.jumps };
  if (args.samples) result.viewer.samples = seen.samples;
}

/** Seconds until a queue that grew after `from_ms` was short again, and stayed so for a second. */
function backAfter_s(samples, from_ms) {
  const first = samples.findIndex((sample) => sample.queue_ms >= QUEUE_MS);
  if (first < 0) return 0;
  const calm = Math.round(1000 / SAMPLE_MS);
  for (let at = first; at < samples.length; at += 1) {
    const next = samples.slice(at, at + calm);
    if (next.every((sample) => sample.queue_ms < QUEUE_MS)) return (samples[at].at_ms - from_ms) / 1000;
  }
  return (samples.at(-1).at_ms - from_ms) / 1000;
}

/** In the studio: notes the publisher's numbers. */
function recordStats(every_ms) {
  window.weirSamples = [];
  setInterval(() => {
    const stats = window.weirStudio?.publisher?.stats();
    if (stats) window.weirSamples.push({ at_ms: Date.now(), ...stats });
  }, every_ms);
}

/** In the viewer: follows the picture's time. */
function watchTime(stall_ms) {
  const seen = { at_s: 0, advanced_s: 0, samples: [], stalls: [], backward: 0, jumps: 0 };
  window.weirSeen = seen;
  let [last_s, moved_ms] = [null, 0];
  setInterval(() => {
    const video = weirVideo();
    if (!video || video.readyState === 0) return;
    const [now_s, now_ms] = [video.currentTime, Date.now()];
    const step_s = last_s === null ? 0 : now_s - last_s;
    if (step_s < 0) seen.backward += 1;
    if (step_s > 1) seen.jumps += 1;
    if (step_s > 0 && step_s <= 1) seen.advanced_s += step_s;
    // A jump is a seek and no playing: a viewer that stands, jumps and stands again has stalled once.
    const plays = last_s === null || (step_s !== 0 && step_s <= 1);
    if (plays) {
      // What was played between two looks did not stand still, however late the second look came.
      const stood_ms = now_ms - moved_ms - Math.max(step_s, 0) * 1000;
      if (moved_ms && seen.advanced_s > 0 && stood_ms > stall_ms) seen.stalls.push({ from_ms: moved_ms, ms: stood_ms });
      moved_ms = now_ms;
    }
    seen.at_s = seen.advanced_s;
    last_s = now_s;
    const { buffer_ms, target_ms } = document.querySelector("weir-player")?.stats ?? {};
    seen.samples.push({ at_ms: now_ms, now_s, rate: video.playbackRate, ready: video.readyState, buffer_ms, target_ms });
  }, 50);
}

function round(number) {
  return Math.round(number * 1000) / 1000;
}
