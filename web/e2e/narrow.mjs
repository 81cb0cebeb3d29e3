//! A viewer whose link gets too narrow for a while and wide again. Prints one line of JSON: how far behind
//! it was before, and how long after the link's recovery it was back there.
//!
//! node e2e/narrow.mjs --base URL --stream NAME [--via URL | --link PROGRAM] [--kbps 1200] [--seconds 12]
//!                     [--wait 15] [--protocol wsflv] [--latency auto] [--screenshot FILE] [--browser PATH]
//!                     [--samples]
//!
//! The stream is live already and wants more than --kbps. The link is that of link.mjs.

import { parseArgs } from "node:util";
import { percentile, screenshot, sleep, streamPath } from "./kit.mjs";
import { LINK_OPTIONS, overLink, SAMPLE_MS } from "./link.mjs";

const { values: args } = parseArgs({
  options: {
    ...LINK_OPTIONS,
    stream: { type: "string" },
    kbps: { type: "string", default: "1200" },
    seconds: { type: "string", default: "12" },
    wait: { type: "string", default: "15" },
    latency: { type: "string", default: "auto" },
  },
});
/** Playing before the link gets narrow, ms. */
const BEFORE_MS = 8000;
/** Back is who is no further behind than before and this, for a second, ms. */
const SLACK_MS = 400;
const CALM_MS = 1000;

await overLink(args, async (link, context, result) => {
  link.say("delay 20");
  const viewer = context.pages()[0] ?? (await context.newPage());
  const query = new URLSearchParams({ protocol: args.protocol, latency: args.latency, muted: "1", autoplay: "1" });
  await viewer.goto(new URL(`/embed/${streamPath(args)}?${query}`, link.base).href, { waitUntil: "domcontentloaded" });
  await viewer.waitForFunction(() => weirVideo()?.currentTime > 0.5, null, { timeout: 30000 });
  await viewer.evaluate(watchLatency, SAMPLE_MS);
  await sleep(BEFORE_MS);
  const narrow_ms = Date.now();
  link.say(`rate down ${args.kbps}`);
  await sleep(Number(args.seconds) * 1000);
  const wide_ms = Date.now();
  link.say("rate down off");
  await sleep(Number(args.wait) * 1000);
  const samples = await viewer.evaluate(() => window.weirSamples);
  await screenshot(viewer, args.screenshot);
  const before = samples.filter(({ at_ms }) => at_ms < narrow_ms && at_ms > narrow_ms - BEFORE_MS / 2).map(({ latency_ms }) => latency_ms);
  result.before_ms = percentile(before, 0.5);
  const after = samples.filter(({ at_ms }) => at_ms >= wide_ms);
  const isBack = ({ latency_ms }) => latency_ms !== null && latency_ms <= result.before_ms + SLACK_MS;
  const back = after.find((sample, at) => after.slice(at, at + CALM_MS / SAMPLE_MS).every(isBack));
  result.back_s = back ? (back.at_ms - wide_ms) / 1000 : null;
  result.worst_ms = Math.max(...samples.map(({ latency_ms }) => latency_ms ?? 0));
  const last = samples.at(-1);
  Object.assign(result, { stalls: last.stalls, reconnects: last.reconnects, after_ms: last.latency_ms, target_ms: last.target_ms, protocol: last.protocol });
  if (args.samples) result.samples = samples.map((sample) => ({ ...sample, at_ms: sample.at_ms - narrow_ms }));
});

/** In the viewer: notes the player's numbers. */
function watchLatency(every_ms) {
  window.weirSamples = [];
  setInterval(() => {
    const { latency, target_ms, buffer_ms, stalls, reconnects, playbackRate, protocol } = document.querySelector("weir-player")?.stats ?? {};
    window.weirSamples.push({ at_ms: Date.now(), latency_ms: latency?.ms ?? null, target_ms, buffer_ms, stalls, reconnects, playbackRate, protocol });
  }, every_ms);
}
