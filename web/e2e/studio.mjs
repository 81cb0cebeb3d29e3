//! Goes live from a real browser: opens /studio, chooses a source, presses the button, looks at the
//! numbers for a while, ends. With --watch a second tab must play what is sent. Prints one line of
//! JSON; the exit code is not 0 if anything failed.
//!
//! node e2e/studio.mjs --base URL [--source test|camera|screen|file] [--file FILE] [--app live] [--stream x]
//!                     [--key k] [--seconds 10] [--watch flv[,wsflv,hls,ts]] [--engine webcodecs|mediarecorder]
//!                     [--recorder-type MIME] [--preset auto|360p|540p|720p|1080p] [--silent] [--init-hook FILE]
//!                     [--announce] [--screenshot FILE] [--size 1280x800] [--lang en|zh] [--browser PATH]
//!                     [--timeout_ms 30000]
//!
//! --init-hook: a script that runs in the studio's page before its own. --announce: a line
//! {"live":true,"at_ms":…} as soon as it is live, for whoever does something to the network meanwhile.
//! --watch ts is --silent, too: a Chromium that does not encode AAC sends Opus, which no browser plays
//! out of MPEG-TS.

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { FIND_VIDEO, inBrowser, screenshot, streamPath } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    source: { type: "string", default: "test" },
    file: { type: "string" },
    app: { type: "string", default: "live" },
    stream: { type: "string", default: "studio" },
    key: { type: "string" },
    seconds: { type: "string", default: "10" },
    watch: { type: "string", default: "" },
    engine: { type: "string" },
    "recorder-type": { type: "string" },
    preset: { type: "string" },
    silent: { type: "boolean", default: false },
    "init-hook": { type: "string" },
    announce: { type: "boolean", default: false },
    screenshot: { type: "string" },
    size: { type: "string", default: "1280x800" },
    lang: { type: "string", default: "en" },
    browser: { type: "string" },
    timeout_ms: { type: "string", default: "30000" },
  },
});
const SOURCES = { test: "pattern", camera: "camera", screen: "screen", file: "file" };
const PROTOCOLS = ["flv", "wsflv", "hls", "ts"];
/** A visitor goes live with no more clicks than these. */
const MAX_CLICKS = 3;
/** Playback must get this far, seconds. */
const ADVANCE_S = 3;
const timeout = Number(args.timeout_ms);
const protocols = args.watch.split(",").filter(Boolean);

await inBrowser(args, run);

async function run(context, result) {
  if (!args.base || !SOURCES[args.source] || protocols.some((one) => !PROTOCOLS.includes(one)) || (args.source === "file" && !args.file)) {
    throw new Error("usage: --base URL --source test|camera|screen|file [--file FILE] [--watch flv,wsflv,hls,ts]");
  }
  Object.assign(result, { source: args.source, clicks: 0, state: "", live_ms: null, watch: [] });
  const page = await context.newPage();
  const [width, height] = args.size.split("x").map(Number);
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: "dark" });
  page.on("dialog", (dialog) => void dialog.accept().catch(() => {}));
  await page.addInitScript(listen);
  await page.addInitScript((lang) => localStorage.setItem("weir.language", lang), args.lang);
  if (args["init-hook"]) await page.addInitScript({ path: resolve(args["init-hook"]) });
  try {
    await goLive(page, result);
    const ends_ms = Date.now() + Number(args.seconds) * 1000;
    for (const protocol of protocols) await watch(context, protocol, result);
    while (Date.now() < ends_ms && ["live", "reconnecting"].includes(await stateOf(page))) await page.waitForTimeout(200);
    await end(page, result);
  } finally {
    await collect(page, result).catch(() => {});
  }
}

/** In the page: hears every publisher from its beginning, through the studio's own console hook. */
function listen() {
  const heard = { samples: [], health: [], states: [], log: [], error: null };
  let hook;
  Object.defineProperty(window, "weirStudio", {
    configurable: true,
    get: () => hook,
    set: (value) => {
      hook = value;
      const { publisher } = value;
      if (!publisher) return;
      const keep = (list, item) => list.length < 2000 && list.push({ at_ms: Date.now(), ...item });
      publisher.on("stats", (stats) => keep(heard.samples, stats));
      publisher.on("health", (health) => keep(heard.health, health));
      publisher.on("state", (state) => keep(heard.states, { state }));
      publisher.on("log", (text) => keep(heard.log, { text }));
      publisher.on("error", ({ code, codeName, message }) => (heard.error = { code, codeName, message }));
    },
  });
  window.weirHeard = heard;
}

async function goLive(page, result) {
  const query = new URLSearchParams({ app: args.app, stream: args.stream });
  if (args.key) query.set("key", args.key);
  if (args.silent || protocols.includes("ts")) query.set("sound", "0");
  if (args.engine) query.set("engine", args.engine);
  if (args["recorder-type"]) query.set("recorder", args["recorder-type"]);
  await page.goto(new URL(`/studio?${query}`, args.base).href, { waitUntil: "domcontentloaded" });
  if (args.preset && args.preset !== "auto") await page.locator(".st-segments label", { hasText: args.preset }).first().click({ timeout });
  const click = async (selector) => {
    await page.locator(selector).first().click({ timeout });
    result.clicks += 1;
  };
  if (args.source === "file") {
    const chooser = page.waitForEvent("filechooser", { timeout });
    await click('[data-source="file"]');
    await (await chooser).setFiles(resolve(args.file));
  } else {
    await click(`[data-source="${SOURCES[args.source]}"]`);
  }
  await page.waitForFunction(() => document.getElementById("preview")?.videoWidth > 0, null, { timeout }).catch(() => {
    throw new Error("no preview");
  });
  const pressed_ms = Date.now();
  await click('[data-action="go"]:not(.waits)');
  await page.waitForFunction(() => ["live", "failed"].includes(document.documentElement.dataset.studioState), null, { timeout }).catch(() => {});
  const state = await stateOf(page);
  if (state !== "live") throw new Error(`not live but ${state}: ${await page.locator(".st-trouble").first().innerText({ timeout: 500 }).catch(() => "")}`);
  result.live_ms = Date.now() - pressed_ms;
  if (args.announce) console.log(JSON.stringify({ live: true, at_ms: Date.now() }));
  if (result.clicks > MAX_CLICKS) throw new Error(`${result.clicks} clicks to go live`);
}

/** A second tab, as a viewer opens it. */
async function watch(context, protocol, result) {
  const page = await context.newPage();
  await page.goto(new URL(`/watch/${streamPath(args)}?protocol=${protocol}`, args.base).href, { waitUntil: "domcontentloaded" });
  const opened_ms = Date.now();
  const look = () =>
    page.evaluate(
      `(() => { const video = ${FIND_VIDEO}; return { at_s: video?.currentTime ?? 0, width: video?.videoWidth ?? 0, ...document.documentElement.dataset }; })()`,
    );
  const seen = { protocol, advanced_s: 0, first_frame_ms: null };
  result.watch.push(seen);
  // Jumps (the join, catching up) are not playback: only small steps count.
  let last = await look();
  while (seen.advanced_s < ADVANCE_S && Date.now() - opened_ms < timeout) {
    await page.waitForTimeout(100);
    const now = await look();
    const step_s = now.at_s - last.at_s;
    if (step_s > 0 && step_s < 1) {
      seen.first_frame_ms ??= Date.now() - opened_ms;
      seen.advanced_s += step_s;
    }
    last = now;
  }
  Object.assign(seen, { playing: last.protocol, state: last.playerState, width: last.width, advanced_s: Math.round(seen.advanced_s * 1000) / 1000 });
  await page.close();
  if (seen.advanced_s < ADVANCE_S) throw new Error(`watched ${seen.advanced_s} s of ${ADVANCE_S} s over ${protocol}, state ${last.playerState}`);
  if (last.protocol !== protocol) throw new Error(`plays over ${last.protocol}, not ${protocol}`);
}

/** As a person does: "End", then "End now?". */
async function end(page, result) {
  const state = await stateOf(page);
  result.state = state;
  await screenshot(page, args.screenshot);
  if (state !== "live" && state !== "reconnecting") {
    throw new Error(`did not stay live: ${state} ${await page.locator(".st-trouble").first().innerText({ timeout: 500 }).catch(() => "")}`);
  }
  await page.locator('[data-action="end"]').click({ timeout });
  await page.waitForTimeout(600);
  if ((await stateOf(page)) === "ended") throw new Error("one click ended the broadcast");
  await page.locator('[data-action="end"]').click({ timeout });
  await page.waitForFunction(() => document.documentElement.dataset.studioState === "ended", null, { timeout }).catch(() => {
    throw new Error("did not end");
  });
}

async function collect(page, result) {
  const heard = await page.evaluate(() => window.weirHeard);
  const { samples, health, states, log, error } = heard;
  Object.assign(result, { samples, health, states, log });
  if (error) result.refused = error;
  result.state ||= await stateOf(page);
}

function stateOf(page) {
  return page.evaluate(() => document.documentElement.dataset.studioState ?? "");
}
