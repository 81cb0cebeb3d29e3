//! Moderation in the browser. An operator comes by the link that the server printed, finds a user and bans them with a
//! reason; the banned one reads why and appeals; the operator answers. Then a moderator of a channel bans a viewer's
//! address there, and the play that runs ends. Prints one line of JSON; the exit code is not 0 if anything failed.
//!
//! node e2e/console.mjs --base URL --link URL --live CHANNEL [--lang en|zh] [--phone] [--screenshots FOLDER] [--browser PATH]
//!
//! CHANNEL is live and is Ann's; there are accounts ann, max (a moderator of the channel) and eve, with one password.

import { join } from "node:path";
import { parseArgs } from "node:util";
import { inBrowser, opened, screenshot, signedIn } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    stream: { type: "string" },
    link: { type: "string" },
    live: { type: "string" },
    lang: { type: "string", default: "en" },
    phone: { type: "boolean", default: false },
    screenshots: { type: "string" },
    browser: { type: "string" },
  },
});
/** From the ban to the end of a play, milliseconds. */
const ENDS_MS = 5_000;
const PASSWORD = "a sentence that nobody guesses";
const REASON = "Somebody else's film";

const shot = (page, name) => (args.screenshots ? screenshot(page, join(args.screenshots, `${name}-${args.lang}.png`)) : null);

/** In a page: whether nobody plays the stream any more. */
async function nobodyWatches(name) {
  const { streams } = await (await fetch("/api/v1/live")).json();
  return streams.some(({ stream, viewers }) => stream === name && viewers === 0);
}

async function signIn(page, name, path) {
  await signedIn(page, args, name, PASSWORD);
  if (path) await page.goto(new URL(path, args.base).href);
}

async function fill(form, values) {
  for (const [name, value] of Object.entries(values)) {
    const field = form.locator(`[name=${name}]`);
    if ((await field.evaluate((one) => one.tagName)) === "SELECT") await field.selectOption(value);
    else await field.fill(value);
  }
  await form.locator("button.button").last().click();
}

await inBrowser(args, async (context, result) => {
  const page = await opened(context, args, args.link);
  await page.locator("input[name=new_password]").fill(PASSWORD);
  await page.locator("form:has(input[name=new_password]) button.button").click();
  await page.locator("section.ac-card [role=status]").first().waitFor();
  const operator = await page.locator("h1").textContent();

  // The operator finds Eve and bans her.
  await page.goto(new URL("/console/users", args.base).href);
  await page.locator(".co-search input").fill("eve");
  await page.locator(".co-search button").click();
  await page.locator(".co-table a", { hasText: "eve" }).click();
  const ban = page.locator("form:has([name=stops])");
  await ban.waitFor();
  await shot(page, "console-user");
  await fill(ban, { reason: REASON, stops: "publish", days: "7" });
  await page.locator("section.ac-card [role=status]").first().waitFor();

  // She reads why, and appeals.
  await signIn(page, "eve");
  const told = page.locator("[data-ban]");
  await told.locator(".ac-reason").waitFor();
  result.reason = await told.locator(".ac-reason").textContent();
  await fill(told.locator("form"), { words: "The film is mine" });
  await told.locator('[role="status"]').waitFor();
  await shot(page, "banned");

  // The operator answers.
  await signIn(page, operator, "/console/bans");
  const appeal = page.locator("[data-appeal]");
  await appeal.waitFor();
  await shot(page, "console-bans");
  await fill(appeal.locator("form"), { granted: "no", answer: "Show us the papers" });
  await appeal.waitFor({ state: "detached" });
  await signIn(page, "eve");
  await told.locator(".ac-answer").waitFor();
  result.answer = await told.locator(".ac-answer").textContent();

  // Max, who helps with the channel, shuts out an address from which somebody watches.
  const viewer = await opened(context, args, `/watch/live/${args.live}?protocol=flv`);
  await viewer.waitForFunction(() => (window.weirVideo()?.currentTime ?? 0) > 1);
  await signIn(page, "max");
  await page.locator(`[data-moderate="${args.live}"] summary`).click();
  const form = page.locator(`[data-moderate="${args.live}"] form:has([name=kind])`);
  await form.waitFor();
  await shot(page, "moderate");
  await fill(form, { kind: "network", subject: "127.0.0.1", reason: "Noise" });
  await page.locator('[data-act="lift"]').waitFor();
  const began = Date.now();
  await viewer.waitForFunction(nobodyWatches, args.live, { timeout: ENDS_MS, polling: 200 });
  result.ended_ms = Date.now() - began;
  await viewer.waitForFunction(() => document.documentElement.dataset.playerState === "error");
  await page.locator('[data-act="lift"]').click();
  await page.locator('[data-act="lift"]').waitFor({ state: "detached" });
});
