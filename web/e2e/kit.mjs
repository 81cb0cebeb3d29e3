//! What the drivers of the studio share: a browser with fake devices, going live, finding a player's
//! picture.

import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { chromium } from "playwright-core";

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

/** Runs `work(context, result)` in a browser of its own; prints the result as one line of JSON. */
export async function inBrowser(args, work, more = []) {
  const result = { ok: false, console: [] };
  const profile = mkdtempSync(join(tmpdir(), "weir-browser-"));
  let context;
  try {
    context = await chromium.launchPersistentContext(profile, {
      executablePath: findBrowser(args.browser),
      args: [...FLAGS, ...more],
      ignoreDefaultArgs: ["--mute-audio"],
      viewport: { width: 1280, height: 800 },
      locale: "en-US",
      headless: true,
      permissions: ["camera", "microphone"],
    });
    await context.addInitScript(findVideo);
    context.on("console", (message) => ["error", "warning"].includes(message.type()) && note(result, message.text()));
    context.on("weberror", (error) => note(result, `page error: ${error.error().message}`));
    await work(context, result);
    result.ok = true;
  } catch (error) {
    result.error = String(error?.message ?? error).split("\n")[0];
  } finally {
    await context?.close().catch(() => {});
    rmSync(profile, { recursive: true, force: true });
  }
  console.log(JSON.stringify(result));
  process.exitCode = result.ok ? 0 : 1;
}

/** Opens /studio at `base` with the camera and goes live; `settings` are the studio's own. */
export async function goLive(page, base, { app = "live", stream, settings = {}, timeout_ms = 30000 }) {
  const url = new URL("/studio", base);
  url.search = new URLSearchParams({ app, stream }).toString();
  await page.goto(url.href, { waitUntil: "domcontentloaded" });
  const name = await page.evaluate(() => Object.keys(localStorage).find((key) => key.includes("studio")) ?? "");
  if (Object.keys(settings).length > 0) {
    await page.locator('[data-action="go"]').waitFor({ timeout: timeout_ms });
    const key = name || (await page.evaluate(() => Object.keys(localStorage).find((one) => one.includes("studio")) ?? ""));
    if (!key) throw new Error("the studio keeps no settings");
    await page.evaluate(([key, more]) => localStorage.setItem(key, JSON.stringify({ ...JSON.parse(localStorage.getItem(key)), ...more })), [key, settings]);
    await page.goto("about:blank");
    await page.goto(url.href, { waitUntil: "domcontentloaded" });
  }
  await page.locator('[data-source="camera"]').first().click({ timeout: timeout_ms });
  await page.waitForFunction(() => document.getElementById("preview")?.videoWidth > 0, null, { timeout: timeout_ms });
  // The button takes no click in the page's first moments: it settles after an end, too.
  await page.waitForFunction(() => performance.now() > 1500);
  await page.locator('[data-action="go"]:not(.waits)').click({ timeout: timeout_ms });
  await page.waitForFunction(() => document.documentElement.dataset.studioState === "live", null, { timeout: timeout_ms }).catch(async () => {
    const state = await page.evaluate(() => document.documentElement.dataset.studioState);
    throw new Error(`the studio is ${state}, not live`);
  });
}

/** How long a page may take for anything. */
const PAGE_TIMEOUT_MS = 30_000;

/** A page of the site in the language of the arguments, as on a telephone where they say so; at `path`, if there is one. */
export async function opened(context, args, path) {
  const page = await context.newPage();
  page.setDefaultTimeout(PAGE_TIMEOUT_MS);
  if (args.phone) await page.setViewportSize({ width: 390, height: 844 });
  await page.addInitScript((lang) => localStorage.setItem("weir.language", lang), args.lang);
  if (path) await page.goto(new URL(path, args.base).href, { waitUntil: "domcontentloaded" });
  return page;
}

/** Signs somebody else in on a page of the site. */
export async function signedIn(page, args, name, password) {
  await page.context().clearCookies();
  await page.goto(new URL("/account/sign-in", args.base).href);
  await page.locator("input[name=login]").first().fill(name);
  await page.locator("input[name=password]").fill(password);
  await page.locator("form button.button").first().click();
  await page.waitForURL(new URL("/account", args.base).href);
}

/** Ends the broadcast without the button, which wants to be held. */
export async function endLive(page) {
  await page.evaluate(() => window.weirStudio?.publisher?.stop());
}

/** The same as an expression, for `page.evaluate`. */
export const FIND_VIDEO = "window.weirVideo()";

/** In every page: `weirVideo()` is the picture of the player, in the element's shadow or not. */
function findVideo() {
  const find = (root) => root.querySelector("video") ?? [...root.querySelectorAll("*")].map((one) => one.shadowRoot && find(one.shadowRoot)).find(Boolean);
  window.weirVideo = () => find(document);
}

export async function screenshot(page, file) {
  if (!file) return;
  mkdirSync(dirname(resolve(file)), { recursive: true });
  await page.screenshot({ path: file });
}

/** `{app}/{stream}` of the arguments, each level percent-encoded. */
export function streamPath({ app, stream }) {
  return [...app.split("/"), stream].map(encodeURIComponent).join("/");
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** The value below which `share` of the sorted numbers lie. */
export function percentile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

function findBrowser(named) {
  const places = [named, process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const found = places.find((place) => place && existsSync(place));
  if (!found) throw new Error("no Chromium found: apt-get install chromium, or --browser PATH");
  return found;
}

/** The browser's complaints, a few of them, for whoever reads a failure. */
function note(result, text) {
  if (result.console.length < 8) result.console.push(text.slice(0, 300));
}
