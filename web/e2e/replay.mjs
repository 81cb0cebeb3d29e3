//! Somebody watches what is live, goes back in it, returns, sees it end, and watches it again: by keys, by the bar, by an
//! address. Prints one line of JSON; the exit code is not 0 if anything failed.
//!
//! node e2e/replay.mjs --base URL --rtmp URL --ffmpeg PATH [--back] [--stream a] [--lang en|zh] [--phone]
//!                     [--screenshots FOLDER] [--browser PATH]
//!
//! --back: goes back while it is live, which takes a server that says what can be gone back to (`dvr` of /api/v1/live).
//! What is sent grows brighter with its time, so that the picture itself says which moment it is of.

import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { inBrowser, opened, screenshot, streamPath } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    app: { type: "string", default: "live" },
    stream: { type: "string", default: "a" },
    rtmp: { type: "string" },
    ffmpeg: { type: "string" },
    lang: { type: "string", default: "en" },
    back: { type: "boolean", default: false },
    phone: { type: "boolean", default: false },
    screenshots: { type: "string" },
    browser: { type: "string" },
  },
});
/** From black to white, seconds. */
const FADE_S = 80;
/** What is sent before anybody goes back, seconds. */
const BEFORE_S = 18;
/** A picture tells its time this well, seconds: brightness is rounded, and a picture is shown for a moment. */
const EXACT_S = 1.5;
const WORDS = { en: { behind: /behind live/, of: / of / }, zh: { behind: /比直播晚/, of: /，共/ } }[args.lang];

await inBrowser(args, async (context, result) => {
  Object.assign(result, { steps: [] });
  const publisher = publish();
  try {
    const page = await opened(context, args, `/watch/${streamPath(args)}?muted=1`);
    if (args.back) await goBack(page, result);
    else await seesSome(page);
    await endAndWatchAgain(page, result, publisher);
    await byAddress(page, result);
  } finally {
    publisher.kill("SIGKILL");
  }
});

/** Watches until as much was sent as is gone to and fro in. */
async function seesSome(page) {
  await plays(page, "live");
  while ((await shownTime(page)) < BEFORE_S) await page.evaluate(() => new Promise((done) => weirVideo().requestVideoFrameCallback(done)));
}

async function goBack(page, result) {
  await page.waitForFunction((least_ms) => {
    const span = document.querySelector("weir-player")?.seekable;
    return span && span.to_ms - span.from_ms > least_ms && document.documentElement.dataset.playerState === "playing";
  }, BEFORE_S * 1000);
  // The time of the stream passes as the clock does: what is live now follows from what was.
  const began_ms = Date.now() - (await shownTime(page)) * 1000;
  const live_s = () => (Date.now() - began_ms) / 1000;
  const behind = async (what, least_s, most_s) => {
    await plays(page, "shifted");
    const behind_s = live_s() - (await shownTime(page));
    note(result, what, { behind_s: round(behind_s) });
    if (behind_s < least_s - EXACT_S || behind_s > most_s + EXACT_S) throw new Error(`${what}: ${behind_s} s behind, and not ${least_s} to ${most_s}`);
    const said_s = (await page.evaluate(() => document.querySelector("weir-player").behind_ms)) / 1000;
    if (Math.abs(said_s - behind_s) > 2 * EXACT_S) throw new Error(`${what}: it says ${said_s} s, and is ${behind_s} s behind`);
  };
  await page.keyboard.press("j");
  await behind("j", 9, 13);
  await page.keyboard.press("ArrowLeft");
  await behind("left", 14, 18);
  await page.keyboard.press("ArrowRight");
  await behind("right", 9, 13);
  await looksRight(page, WORDS.behind);
  const half = await pointAt(page, 0.5);
  const tip = await page.locator("weir-player [part=seek-tip]").textContent();
  if (!/−\d+:\d\d.*\d+:\d\d:\d\d/.test(tip)) throw new Error(`the tip says ${tip}`);
  await screenshotOf(page, "back");
  await page.mouse.click(half.x, half.y);
  await behind("bar", 9, 30);
  await page.keyboard.press(">");
  const rate = await page.evaluate(() => weirVideo().playbackRate);
  if (rate !== 1.25) throw new Error(`> plays at ${rate}`);
  await page.keyboard.press("<");
  await page.locator("weir-player [part~=live-button]").click();
  await plays(page, "live");
  const late_s = live_s() - (await shownTime(page));
  note(result, "live", { late_s: round(late_s) });
  if (late_s > 2 + EXACT_S) throw new Error(`back at live it is ${late_s} s late`);
}

async function endAndWatchAgain(page, result, publisher) {
  publisher.kill("SIGKILL");
  const again = page.locator("weir-player [part~=again-button]");
  await again.waitFor();
  await screenshotOf(page, "over");
  await again.click();
  await plays(page, "recording");
  if (!/\?r=[0-9a-f-]{36}$/.test(page.url())) throw new Error(`the address is ${page.url()}`);
  await agrees(page, result, "again", 0, 6);
  await page.keyboard.press("5");
  await plays(page, "recording");
  const all_s = (await page.evaluate(() => document.querySelector("weir-player").seekable.to_ms)) / 1000;
  await agrees(page, result, "half", all_s / 2, all_s / 2 + 4);
  await looksRight(page, WORDS.of);
  await page.keyboard.press("Home");
  await plays(page, "recording");
  await agrees(page, result, "home", 0, 4);
  await page.locator("[data-act=share]").click();
  const link = page.locator("dialog code", { hasText: "&t=" });
  result.link = (await link.textContent()).trim();
  if (!/\?r=[0-9a-f-]{36}&t=\d+s$/.test(result.link)) throw new Error(`the link is ${result.link}`);
  await page.keyboard.press("Escape");
  await page.locator("dialog[open]").waitFor({ state: "detached" });
  await page.keyboard.press("9");
  await page.waitForFunction(() => document.documentElement.dataset.playerState === "ended");
  await screenshotOf(page, "ended");
  await page.keyboard.press("k");
  await plays(page, "recording");
  await agrees(page, result, "once more", 0, 5);
}

async function byAddress(page, result) {
  const url = new URL(result.link);
  url.searchParams.set("t", "8s");
  await page.goto("about:blank");
  await page.goto(url.href, { waitUntil: "domcontentloaded" });
  await plays(page, "recording");
  await agrees(page, result, "address", 8, 12);
  const fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  if (!fits) throw new Error("the page is wider than the screen");
  await screenshotOf(page, "address");
}

/** The picture is of the moment that the player says, and that is between these. */
async function agrees(page, result, what, least_s, most_s) {
  const shown_s = await shownTime(page);
  const said_s = (await page.evaluate(() => document.querySelector("weir-player").position_ms)) / 1000;
  note(result, what, { shown_s: round(shown_s), said_s: round(said_s) });
  if (Math.abs(shown_s - said_s) > EXACT_S) throw new Error(`${what}: it says ${said_s} s and shows ${shown_s} s`);
  if (shown_s < least_s - EXACT_S || shown_s > most_s + EXACT_S) throw new Error(`${what}: ${shown_s} s, and not ${least_s} to ${most_s}`);
}

/** The bar is a slider with a name and words, as wide as the picture allows. */
async function looksRight(page, words) {
  const bar = page.locator("weir-player [part=seek-bar]");
  const [role, name, text] = await Promise.all(["role", "aria-label", "aria-valuetext"].map((attribute) => bar.getAttribute(attribute)));
  if (role !== "slider" || !name || !words.test(text)) throw new Error(`the bar is ${role}, ${name}, ${text}`);
  const [{ width }, picture] = [await bar.boundingBox(), await page.locator("weir-player").boundingBox()];
  if (width < picture.width * 0.9) throw new Error(`the bar is ${width} of ${picture.width} wide`);
}

async function pointAt(page, part) {
  const { x, y, width, height } = await page.locator("weir-player [part=seek-bar]").boundingBox();
  const at = { x: x + width * part, y: y + height / 2 };
  await page.mouse.move(at.x, at.y);
  await page.locator("weir-player [part=seek-tip]").waitFor();
  return at;
}

/** Waits until this is what moves on screen: new pictures came since now. */
async function plays(page, kind) {
  await page.waitForFunction((kind) => {
    const { playerKind, playerState } = document.documentElement.dataset;
    return playerKind === kind && playerState === "playing" && !weirVideo().seeking;
  }, kind);
  await page.evaluate(async () => {
    for (let seen = 0; seen < 3; seen++) await new Promise((done) => weirVideo().requestVideoFrameCallback(done));
  });
}

/** Which second of what was sent is on screen, by its brightness. */
async function shownTime(page) {
  const brightness = await page.evaluate(() => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const context = canvas.getContext("2d");
    context.drawImage(weirVideo(), 0, 0, 1, 1);
    return context.getImageData(0, 0, 1, 1).data[1] / 255;
  });
  return brightness * FADE_S;
}

function publish() {
  const picture = `color=white:s=320x180:r=25,format=yuv420p,fade=t=in:st=0:d=${FADE_S}`;
  const inputs = ["-re", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=440:r=48000"];
  const codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-c:a", "aac"];
  return spawn(args.ffmpeg, ["-nostdin", "-v", "error", ...inputs, ...codecs, "-f", "flv", args.rtmp], { stdio: ["ignore", "ignore", "inherit"] });
}

async function screenshotOf(page, name) {
  if (args.screenshots) await screenshot(page, `${args.screenshots}/replay-${args.lang}-${args.phone ? "phone-" : ""}${name}.png`);
}

function note(result, what, seen) {
  result.steps.push({ what, ...seen });
}

function round(value) {
  return Math.round(value * 100) / 100;
}
