//! Opens a running weir in a real browser: the list shows the stream, the watch page plays it over
//! the protocol asked for. Prints one line of JSON; the exit code is not 0 if anything failed.
//!
//! node e2e/watch.mjs --base URL [--app live] [--stream demo] [--protocol flv|wsflv|hls|ts]
//!                    [--screenshot FILE] [--browser PATH] [--timeout_ms 30000]
//!                    [--measure SECONDS] [--latency auto|low|normal|smooth]
//!
//! With --measure it goes on playing so long and adds `measured`: time to the first frame painted, stalls,
//! rate changes, and the percentiles of the latency the player shows.

import { parseArgs } from "node:util";
import { inBrowser, percentile, screenshot, streamPath } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    app: { type: "string", default: "live" },
    stream: { type: "string", default: "demo" },
    protocol: { type: "string", default: "flv" },
    screenshot: { type: "string" },
    browser: { type: "string" },
    timeout_ms: { type: "string", default: "30000" },
    measure: { type: "string" },
    latency: { type: "string" },
  },
});
const PROTOCOLS = ["flv", "wsflv", "hls", "ts"];
/** Playback must get this far, seconds. */
const ADVANCE_S = 3;

await inBrowser(args, async (context, result) => {
  Object.assign(result, { protocol: args.protocol, advanced_s: 0 });
  if (!args.base || !PROTOCOLS.includes(args.protocol)) throw new Error("usage: --base URL --protocol flv|wsflv|hls|ts");
  const page = await context.newPage();
  await checkList(page);
  await checkWatch(page, result);
});

async function checkList(page) {
  await page.goto(new URL("/", args.base).href, { waitUntil: "domcontentloaded" });
  const card = page.locator(`[data-stream="${args.app}/${args.stream}"]`);
  await card.waitFor({ state: "visible", timeout: Number(args.timeout_ms) }).catch(() => {
    throw new Error(`no card for ${args.app}/${args.stream} on /`);
  });
}

async function checkWatch(page, result) {
  const url = new URL(`/watch/${streamPath(args)}?protocol=${args.protocol}`, args.base);
  if (args.latency) url.searchParams.set("latency", args.latency);
  await page.goto(url.href, { waitUntil: "domcontentloaded" });
  const opened_ms = Date.now();
  const look = () =>
    page.evaluate(() => {
      const player = document.querySelector("weir-player");
      const video = player?.video;
      const { playerState, protocol } = document.documentElement.dataset;
      return {
        at_s: video?.currentTime ?? 0,
        state: playerState,
        protocol,
        width: video?.videoWidth ?? 0,
        frames: video?.getVideoPlaybackQuality?.().totalVideoFrames ?? 0,
        dropped: video?.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0,
        live: player?.shadowRoot.querySelector("[part~=live-button]")?.textContent ?? "",
        engine: player?.stats?.engine ?? "",
      };
    });

  // Jumps (the join, catching up) are not playback: only small steps count.
  let last = await look();
  while (result.advanced_s < ADVANCE_S && Date.now() - opened_ms < Number(args.timeout_ms)) {
    await page.waitForTimeout(100);
    const now = await look();
    const step_s = now.at_s - last.at_s;
    if (step_s > 0 && step_s < 1) {
      result.first_frame_ms ??= Date.now() - opened_ms;
      result.advanced_s += step_s;
    }
    last = now;
  }
  Object.assign(result, { playing: last.protocol, state: last.state, width: last.width, frames: last.frames, dropped: last.dropped, live: last.live, engine: last.engine });
  result.advanced_s = Math.round(result.advanced_s * 1000) / 1000;
  if (args.measure) result.measured = await measure(page, Number(args.measure));
  await screenshot(page, args.screenshot);
  if (result.advanced_s < ADVANCE_S) throw new Error(`played ${result.advanced_s} s of ${ADVANCE_S} s, state ${last.state}`);
  if (last.protocol !== args.protocol) throw new Error(`plays over ${last.protocol}, not ${args.protocol}`);
}

/** What the player says of itself, ten times a second. */
async function measure(page, seconds) {
  const samples = await page.evaluate(async (until_ms) => {
    const player = document.querySelector("weir-player");
    const out = [];
    for (const end_ms = performance.now() + until_ms; performance.now() < end_ms; ) {
      out.push(player.stats);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return out;
  }, seconds * 1000);
  const latency = samples.flatMap(({ latency }) => (latency ? [latency.ms] : []));
  const at = (share) => Math.round(percentile(latency, share) ?? -1);
  const newest = samples.at(-1);
  const changes = samples.filter(({ playbackRate }, i) => i > 0 && playbackRate !== samples[i - 1].playbackRate).length;
  return {
    join_ms: newest.join_ms,
    stalls: newest.stalls,
    stalled_ms: Math.round(newest.stalled_ms),
    rate_changes: changes,
    target_ms: Math.round(newest.target_ms),
    latency_kind: newest.latency?.kind ?? "",
    latency_ms: { p50: at(0.5), p99: at(0.99) },
  };
}
