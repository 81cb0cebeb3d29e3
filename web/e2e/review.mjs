//! A reviewer in the browser, by keys alone. Prints one line of JSON with the items that were shown; the exit code is not 0
//! if anything failed.
//!
//! node e2e/review.mjs --base URL --as NAME [--ban STREAM] [--lang en|zh] [--phone] [--screenshots FOLDER]
//!                     [--browser PATH]
//!
//! There is a moderator NAME with the tests' password, and some streams are live. With --ban: goes to that stream's tile,
//! looks at it whole, and bans its publisher. Without: passes a page and takes it back, and passes it again.

import { join } from "node:path";
import { parseArgs } from "node:util";
import { inBrowser, opened, screenshot, signedIn } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    stream: { type: "string" },
    as: { type: "string" },
    ban: { type: "string" },
    lang: { type: "string", default: "en" },
    phone: { type: "boolean", default: false },
    screenshots: { type: "string" },
    browser: { type: "string" },
  },
});
const PASSWORD = "a sentence that nobody guesses";
const shot = (page, name) => (args.screenshots ? screenshot(page, join(args.screenshots, `${name}-${args.lang}.png`)) : null);
const tiles = (page) => page.locator(".rv-grid > li").evaluateAll((all) => all.map(({ dataset }) => dataset.item));

/** Presses arrows until the tile of this stream has the focus; waits for it to come where it is not there. */
async function goTo(page, stream) {
  // It may be on the next page, or in a stretch that somebody else looks at: then it comes again.
  while ((await page.locator(`.rv-grid > li[data-stream="${stream}"]`).count()) === 0) {
    await page.keyboard.press(" ");
    await page.locator(".rv-grid > li").first().waitFor();
  }
  const focused = () => page.evaluate(() => document.activeElement?.closest("li")?.dataset.stream);
  for (let pressed = 0; pressed < 40; pressed += 1) {
    if ((await focused()) === stream) return;
    await page.keyboard.press("ArrowRight");
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  throw new Error(`no key leads to ${stream}: ${await focused()} has the focus`);
}

async function ban(page, result) {
  // A viewer reports it, on its page.
  const viewer = await opened(page.context(), args, `/watch/${args.ban}`);
  await viewer.locator("[data-act=report]").click();
  await viewer.locator("form.report button").click();
  await viewer.locator("[data-reported]").waitFor();
  await shot(viewer, "reported");
  await viewer.close();

  await goTo(page, args.ban);
  result.item = await page.evaluate(() => document.activeElement.closest("li").dataset.item);
  await page.keyboard.press("?");
  await page.locator("dialog .rv-keys").waitFor();
  await shot(page, "review-keys");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });

  await goTo(page, args.ban);
  await page.keyboard.press("Enter");
  await page.locator("dialog.rv-detail .rv-strip img").first().waitFor();
  const times = await page.locator(".rv-strip time").evaluateAll((all) => all.map((one) => one.dateTime));
  result.in_order = times.every((time, at) => at === 0 || times[at - 1] <= time);
  await page.waitForFunction(() => (window.weirVideo()?.videoWidth ?? 0) > 0);
  result.muted = await page.evaluate(() => window.weirVideo().muted);
  result.player_px = await page.evaluate(() => window.weirVideo().clientWidth);
  await shot(page, "review-detail");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });

  await goTo(page, args.ban);
  await page.keyboard.press("b");
  await page.locator("[data-order=ban] input").waitFor();
  await shot(page, "review-ban");
  const began = Date.now();
  await page.keyboard.press("Enter");
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.waitForFunction(async (name) => {
    const { streams } = await (await fetch("/api/v1/live")).json();
    return !streams.some(({ app, stream }) => `${app}/${stream}` === name);
  }, args.ban, { polling: 50 });
  result.ended_ms = Date.now() - began;
}

async function passTwice(page, result) {
  const before = await tiles(page);
  await page.keyboard.press(" ");
  await page.waitForFunction((id) => !document.querySelector(`[data-item="${id}"]`), before[0]);
  await page.locator('[data-act="undo"]:not([disabled])').waitFor();
  await page.keyboard.press("z");
  await page.locator(`[data-item="${before[0]}"]`).waitFor();
  await page.waitForFunction((ids) => ids.every((id) => document.querySelector(`[data-item="${id}"]`)), before);
  await page.keyboard.press(" ");
  await page.waitForFunction((id) => !document.querySelector(`[data-item="${id}"]`), before[0]);
  result.passed = before;
}

await inBrowser(args, async (context, result) => {
  const page = await opened(context, args, "/account/sign-in");
  await signedIn(page, args, args.as, PASSWORD);
  result.shown = [];
  await page.exposeFunction("shownItems", (ids) => ids.forEach((id) => result.shown.includes(id) || result.shown.push(id)));
  await page.addInitScript(() => {
    const tell = () => window.shownItems([...document.querySelectorAll(".rv-grid > li")].map((one) => one.dataset.item));
    new MutationObserver(tell).observe(document, { childList: true, subtree: true });
  });
  await page.goto(new URL("/console/review", args.base).href);
  await page.locator(".rv-grid img").first().waitFor();
  result.blurred = await page.locator(".rv-queue.blurred.grey").count();
  await shot(page, `review-${args.as}`);
  if (args.ban) await ban(page, result);
  else await passTwice(page, result);
});
