//! Looks at every page with axe: contrast, names, roles, in both languages, light and dark, wide and narrow.
//! Prints one line of JSON with `found`, what axe finds on which page; the exit code is not 0 if it is
//! anything.
//!
//! node e2e/axe.mjs --base URL --token TOKEN --stream NAME [--app live] [--only PART] [--screenshots FOLDER]
//!                  [--browser PATH]
//!
//! The stream is live. --only: pages with this in their name.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { inBrowser, screenshot, sleep, streamPath } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    token: { type: "string" },
    app: { type: "string", default: "live" },
    stream: { type: "string", default: "a" },
    only: { type: "string", default: "" },
    screenshots: { type: "string" },
    browser: { type: "string" },
  },
});
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Beyond what axe looks for by itself: a name that a person who says what he sees can say. */
const MORE_RULES = { "label-content-name-mismatch": { enabled: true }, "target-size": { enabled: true } };
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 390, height: 844 };
const TIMEOUT_MS = 15_000;
const path = streamPath(args);

const CHANNEL = { name: args.stream, stream: path, title: "A channel", description: "What it is about.", followers: 3, live: false };
/** What the API says to somebody who is signed in. */
const ACCOUNT = {
  "**/api/v1/me": { id: "1", name: "ann", email: "ann@example.net", email_verified: false, role: "broadcaster", has_password: true },
  "**/api/v1/me/channels": { items: [CHANNEL], next: null },
  [`**/api/v1/channels/${args.stream}/keys`]: { items: [{ id: "1", label: "", created_ms: 1_700_000_000_000 }] },
};

/** Name, address, and what is done there before axe looks. */
const PAGES = [
  ["home", "/", (page) => page.locator(`[data-stream="${args.app}/${args.stream}"]`).waitFor()],
  ["home-empty", "/", (page) => page.locator("main .message").waitFor(), { "**/api/v1/live": { streams: [], server_time_ms: 1 } }],
  ["home-down", "/", (page) => page.locator('[role="alert"]').waitFor(), { "**/api/v1/live": null }],
  ["watch", `/watch/${path}`, plays],
  ["watch-menu", `/watch/${path}`, (page) => plays(page).then(() => press(page, "[part~=quality-button]"))],
  ["watch-latency", `/watch/${path}`, (page) => plays(page).then(() => press(page, "[part~=latency-button]"))],
  ["watch-stats", `/watch/${path}`, (page) => plays(page).then(() => page.evaluate(() => document.querySelector("weir-player").toggleStats()))],
  ["watch-paused", `/watch/${path}`, (page) => plays(page).then(() => page.evaluate(() => document.querySelector("weir-player").pause()))],
  ["watch-share", `/watch/${path}`, (page) => page.locator(".title .button").click().then(() => page.locator("dialog[open]").waitFor())],
  ["watch-waiting", "/watch/live/nobody", (page) => state(page, "waiting")],
  ["watch-error", `/watch/${path}`, (page) => state(page, "error"), { "**/api/v1/live": null, "**/*.flv*": { code: 2006, name: "not_allowed", message: "the key is wrong", advice: "ask for another" } }],
  ["embed", `/embed/${path}?autoplay=1&muted=1`, plays],
  ["embed-still", `/embed/${path}?autoplay=0`, (page) => page.locator("weir-player").waitFor()],
  ["studio", `/studio?app=${args.app}&stream=axe`, (page) => page.locator('[data-action="go"]').waitFor()],
  ["studio-source", `/studio?app=${args.app}&stream=axe`, (page) => page.locator('[data-source="pattern"]').first().click().then(() => page.waitForFunction(() => document.getElementById("preview")?.videoWidth > 0))],
  ["studio-live", `/studio?app=${args.app}&stream=axe`, goesLive],
  ["cluster-sign-in", "/cluster", (page) => page.locator("#cl-token").waitFor()],
  ["cluster", "/cluster", signsIn],
  ["cluster-node", "/cluster", (page) => signsIn(page).then(() => page.locator("[data-node]").first().click()).then(() => page.locator(".cl-detail").waitFor())],
  ["sign-in", "/account", (page) => page.locator("input[name=login]").first().waitFor()],
  ["sign-up", "/account/sign-up", (page) => page.locator("input[name=email]").waitFor()],
  ["sign-in-refused", "/account/sign-in", refused],
  ["account", "/account", (page) => page.locator(".ac-channel li").waitFor(), ACCOUNT],
  ["link-used", "/account/link#token=x", (page) => page.locator('[role="alert"]').waitFor()],
  ["channel", `/c/${args.stream}`, (page) => page.locator("#ac-about").waitFor(), { [`**/api/v1/channels/${args.stream}`]: CHANNEL }],
  ["channel-none", "/c/nobody-has-this", (page) => page.locator("main .message").waitFor()],
  ["docs", "/docs", (page) => page.locator(".do-entry").first().waitFor()],
  ["docs-open", "/docs#dispatch", (page) => page.locator(".do-entry[open] .do-fields").first().waitFor()],
  ["unknown", "/nothing", (page) => page.locator("h1").waitFor()],
  ["unknown-watch", "/watch/", (page) => page.locator("h1").waitFor()],
  ["unknown-stream", "/live/nobody.flv", (page) => page.locator("h1").waitFor()],
];

await inBrowser(args, async (context, result) => {
  Object.assign(result, { looked: 0, found: [] });
  for (const [name, address, prepare, answers] of PAGES.filter(([name]) => name.includes(args.only))) {
    for (const language of ["en", "zh-CN"]) {
      const page = await context.newPage();
      page.setDefaultTimeout(TIMEOUT_MS);
      const opened = new URL(address, args.base).href;
      await page.route(opened, (route) => route.continue({ headers: { ...route.request().headers(), "accept-language": language } }));
      await page.addInitScript((language) => localStorage.setItem("weir.language", language), language.slice(0, 2));
      await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
      for (const [pattern, body] of Object.entries(answers ?? {})) {
        await page.route(pattern, (route) => (body === null ? route.abort() : route.fulfill({ status: body.code ? 403 : 200, json: body })));
      }
      await page.goto(opened, { waitUntil: "domcontentloaded" });
      await prepare(page).catch((error) => {
        throw new Error(`${name}: ${error.message.split("\n")[0]}`);
      });
      const lang = await page.evaluate(() => document.documentElement.lang);
      if (lang !== language) throw new Error(`${name}: the page is ${lang}, not ${language}`);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        for (const size of [WIDE, NARROW]) {
          await page.setViewportSize(size);
          // Transitions of colours end.
          await sleep(250);
          await look(page, `${name} ${language} ${colorScheme} ${size.width}`, result);
        }
      }
      await page.close();
    }
  }
  if (result.found.length > 0) throw new Error(`axe finds ${result.found.length} things`);
});

async function refused(page) {
  await page.locator("input[name=login]").first().fill("nobody");
  await page.locator("input[name=password]").fill("not the password");
  await page.locator("form button.button").first().click();
  await page.locator(".ac-words:not(:empty)").waitFor();
}

async function look(page, name, result) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate((rules) => axe.run(document, { rules, resultTypes: ["violations"] }), MORE_RULES);
  result.looked += 1;
  for (const { id, nodes } of violations) {
    for (const node of nodes) {
      result.found.push(`${name}: ${id}: ${node.target.join(" ")}: ${node.failureSummary.split("\n").slice(1).join("; ").slice(0, 200)}`);
    }
  }
  if (args.screenshots) await screenshot(page, `${args.screenshots}/${name.replaceAll(" ", "-")}.png`);
}

async function plays(page) {
  await page.waitForFunction(() => weirVideo()?.currentTime > 0.3);
  // The bar hides by itself while nobody moves.
  await page.evaluate(() => document.querySelector("weir-player").dispatchEvent(new PointerEvent("pointermove", { bubbles: true })));
}

function press(page, selector) {
  return page.evaluate((selector) => document.querySelector("weir-player").shadowRoot.querySelector(selector).click(), selector);
}

function state(page, wanted) {
  return page.waitForFunction((wanted) => document.documentElement.dataset.playerState === wanted, wanted);
}

async function signsIn(page) {
  await page.locator("#cl-token").fill(args.token);
  await page.locator("#cl-token").press("Enter");
  await page.waitForFunction(() => document.documentElement.dataset.clusterState === "live" && Number(document.documentElement.dataset.clusterNodes) > 0);
}

async function goesLive(page) {
  await page.locator('[data-source="pattern"]').first().click();
  await page.waitForFunction(() => document.getElementById("preview")?.videoWidth > 0 && performance.now() > 1500);
  await page.locator('[data-action="go"]:not(.waits)').click();
  await page.waitForFunction(() => document.documentElement.dataset.studioState === "live");
}
