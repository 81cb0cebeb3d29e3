//! Who may cuts a clip of a recording on its page, by the handles and by where the picture is, and opens its link. Prints one
//! line of JSON; the exit code is not 0 if anything failed.
//!
//! node e2e/clip.mjs --base URL --user NAME --password WORDS [--stream a] [--lang en|zh] [--phone] [--screenshots FOLDER]
//!                   [--browser PATH]
//!
//! The stream has a recording of twenty seconds or more.

import { parseArgs } from "node:util";
import { inBrowser, opened, screenshot, signedIn } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    app: { type: "string", default: "live" },
    stream: { type: "string", default: "a" },
    user: { type: "string" },
    password: { type: "string" },
    lang: { type: "string", default: "en" },
    phone: { type: "boolean", default: false },
    screenshots: { type: "string" },
    browser: { type: "string" },
  },
});
/** A clip begins and ends where segments do: so much longer than asked for at each end, seconds. */
const SEGMENT_S = 5;

await inBrowser(args, async (context, result) => {
  const { items } = await (await fetch(new URL(`/api/v1/replays?stream=${args.app}/${args.stream}`, args.base))).json();
  const path = `/watch/${args.app}/${args.stream}?r=${items[0].id}`;
  const page = await opened(context, args, path);
  await plays(page);
  if (await page.locator("[data-act=cut]").count()) throw new Error("a stranger may cut");
  await signedIn(page, args, args.user, args.password);
  await page.waitForFunction(() => localStorage.getItem("weir.signed-in") === "true");
  await page.goto(new URL(`${path}&t=10s`, args.base).href);
  await plays(page);
  await page.locator("[data-act=cut]").click();
  await page.locator("[data-cutter]").waitFor();
  await page.evaluate(() => document.querySelector("weir-player").pause());
  for (const [end, at_ms] of [["from_ms", 6000], ["to_ms", 13_000]]) {
    await page.evaluate((at_ms) => document.querySelector("weir-player").seekTo(at_ms), at_ms);
    await page.locator(`[data-set=${end}]`).click();
  }
  await page.locator("[data-handle=to_ms]").press("ArrowRight");
  result.ends = await page.locator("[data-cutter] [data-end]").allTextContents();
  if (result.ends.join() !== "0:06,0:14") throw new Error(`it would be cut at ${result.ends}`);
  if (args.screenshots) await screenshot(page, `${args.screenshots}/clip-${args.lang}.png`);
  await page.locator("[data-form=clip] input[name=title]").fill("The <goal>");
  await page.locator("[data-form=clip] button").click();
  const made = page.locator("[role=status][data-clip]");
  await made.waitFor();
  result.link = (await made.locator("code").textContent()).trim();
  await page.locator(".clips [data-clip] a", { hasText: "The <goal>" }).waitFor();
  await page.goto("about:blank");
  await page.goto(result.link);
  await plays(page);
  result.clip_s = (await page.evaluate(() => document.querySelector("weir-player").seekable.to_ms)) / 1000;
  if (result.clip_s < 7.9 || result.clip_s > 8 + 2 * SEGMENT_S) throw new Error(`the clip lasts ${result.clip_s} s`);
  await page.goto(new URL(path, args.base).href);
  await page.locator("[data-act=cut]").click();
  const clip = page.locator(".clips [data-clip]").first();
  await clip.locator("[data-ask=remove-clip]").click();
  await clip.locator("[data-act=remove-clip]").click();
  await clip.waitFor({ state: "detached" });
});

function plays(page) {
  return page.waitForFunction(() => document.documentElement.dataset.playerState === "playing" && document.documentElement.dataset.playerKind === "recording");
}
