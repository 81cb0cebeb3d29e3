//! A stranger becomes a broadcaster: signs up, makes a channel and a stream key, sends with it from the studio, and
//! is watched and followed by another stranger on the channel's page. With --link an operator comes by the link
//! that the server printed, sets a password and signs in with it. Prints one line of JSON; the exit code is not 0
//! if anything failed.
//!
//! node e2e/account.mjs --base URL [--name ann] [--link URL] [--lang en|zh] [--phone] [--screenshots FOLDER] [--browser PATH]

import { join } from "node:path";
import { parseArgs } from "node:util";
import { endLive, inBrowser, opened, screenshot } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    name: { type: "string", default: "ann" },
    // Every driver is given one; here the channel is the stream.
    stream: { type: "string" },
    link: { type: "string" },
    lang: { type: "string", default: "en" },
    phone: { type: "boolean", default: false },
    screenshots: { type: "string" },
    browser: { type: "string" },
  },
});
/** Playback must get this far, seconds. */
const ADVANCE_S = 2;
/** A PNG of one pixel. */
const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const PASSWORD = "a sentence that nobody guesses";

const shot = (page, name) => (args.screenshots ? screenshot(page, join(args.screenshots, `${name}.png`)) : null);

async function signUp(page, name) {
  await page.locator("input[name=name]").fill(name);
  await page.locator("input[name=email]").fill(`a${Date.now()}@example.net`);
  await page.locator("input[name=password]").fill(PASSWORD);
  await shot(page, `sign-up-${args.lang}`);
  await page.locator("form button.button").click();
  await page.locator("#ac-channels").waitFor();
}

/** Picks a file, looks at it, sends it, and sees what the server made of it. */
async function setPicture(page) {
  const field = page.locator(".ac-picture.avatar");
  await field.locator("input[type=file]").setInputFiles({ name: "not.png", mimeType: "image/png", buffer: Buffer.from("<svg/>") });
  await field.locator("button.button").click();
  await field.locator(".ac-words:not(:empty)").waitFor();
  await field.locator("input[type=file]").setInputFiles({ name: "me.png", mimeType: "image/png", buffer: PIXEL });
  await field.locator("img.picture").waitFor();
  await field.locator("button.button").click();
  await field.locator("picture img").waitFor();
  await page.waitForFunction(() => document.querySelector(".ac-picture.avatar picture img")?.naturalWidth > 1);
}

/** Makes a channel and a key; gives where the studio is opened with it. */
async function makeChannel(page, name) {
  await page.locator(".ac-pair input[name=name]").fill(name);
  await page.locator(".ac-pair input[name=title]").fill("Ann plays chess");
  await page.locator("form:has(.ac-pair) button.button").click();
  const channel = page.locator(`[data-channel="${name}"]`);
  await channel.locator("[data-form=new-key] button.button").click();
  await channel.locator(".ac-fresh").waitFor();
  await shot(page, `account-${args.lang}`);
  return channel.locator(".ac-fresh a.button").getAttribute("href");
}

async function goLive(page) {
  await page.locator('[data-source="pattern"]').first().click();
  await page.waitForFunction(() => document.getElementById("preview")?.videoWidth > 0);
  // The button takes no click in the page's first moments.
  await page.waitForFunction(() => performance.now() > 1500);
  await page.locator('[data-action="go"]:not(.waits)').click();
  await page.waitForFunction(() => document.documentElement.dataset.studioState === "live");
}

async function plays(page) {
  await page.waitForFunction((enough) => (window.weirVideo()?.currentTime ?? 0) > enough, ADVANCE_S);
}

await inBrowser(args, async (context, result) => {
  if (args.link) {
    const operator = await opened(context, args, args.link);
    await operator.locator("input[name=new_password]").fill(PASSWORD);
    await shot(operator, `first-password-${args.lang}`);
    await operator.locator("form:has(input[name=new_password]) button.button").click();
    await operator.locator("section.ac-card [role=status]").first().waitFor();
    result.operator = await operator.locator("h1").textContent();
    await operator.locator(".heading button.plain").click();
    await operator.waitForURL(new URL("/", args.base).href);
    await operator.goto(new URL("/account", args.base).href);
    await operator.locator("input[name=login]").first().fill(result.operator);
    await operator.locator("input[name=password]").fill(PASSWORD);
    await operator.locator("form button.button").first().click();
    await operator.locator("#ac-channels").waitFor();
    await operator.locator(".heading button.plain").click();
    await operator.waitForURL(new URL("/", args.base).href);
  }
  const ann = await opened(context, args, "/account/sign-up");
  await signUp(ann, args.name);
  await setPicture(ann);
  result.picture = true;
  const studio = await opened(context, args, await makeChannel(ann, args.name));
  await goLive(studio);
  result.live = true;

  // Somebody else, in the same browser: Ann signs out first.
  await ann.locator(".heading button.plain").click();
  await ann.waitForURL(new URL("/", args.base).href);
  const bob = await opened(context, args, "/account/sign-up");
  await signUp(bob, `${args.name}-friend`);
  await bob.goto(new URL(`/c/${args.name}`, args.base).href);
  await plays(bob);
  await bob.locator(".heading button.button").click();
  await bob.locator('.heading [role="status"]').waitFor();
  await shot(bob, `channel-${args.lang}`);
  result.watched = true;

  // Who follows is told so when they come again.
  await bob.reload();
  await bob.locator('.heading [data-act="unfollow"]').waitFor();

  // The first page has what Bob follows: while it is live among the cards, and afterwards below them.
  await bob.goto(new URL("/", args.base).href);
  await bob.locator(`[data-followed="${args.name}"]`).waitFor();
  result.card = await bob.locator(`[data-stream="live/${args.name}"] strong a`).textContent();
  await shot(bob, `following-${args.lang}`);
  await endLive(studio);
  await bob.locator(".following-rest a").waitFor();
  result.followed = ["live", await bob.locator(`[data-followed="${args.name}"]`).count() === 0 ? "rest" : "live still"];
});
