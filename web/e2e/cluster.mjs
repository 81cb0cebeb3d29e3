//! Opens the cluster's page of a running weir in a real browser: signs in with the admin token, sees the
//! nodes, and the stream with its pullers if one is named. Prints one line of JSON; the exit code is not 0
//! if anything failed.
//!
//! node e2e/cluster.mjs --base URL --token TOKEN [--nodes 6] [--stream live/demo] [--pulled 1]
//!                      [--choose NODE] [--look SELECTOR] [--screenshot FILE] [--width 1440] [--height 900] [--full]
//!                      [--dark] [--language zh] [--wait_ms 0] [--state live] [--browser PATH] [--timeout_ms 20000]

import { parseArgs } from "node:util";
import { inBrowser, sleep } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    token: { type: "string" },
    nodes: { type: "string", default: "1" },
    stream: { type: "string" },
    pulled: { type: "string", default: "0" },
    choose: { type: "string" },
    look: { type: "string" },
    screenshot: { type: "string" },
    width: { type: "string", default: "1440" },
    height: { type: "string", default: "900" },
    full: { type: "boolean" },
    dark: { type: "boolean" },
    language: { type: "string", default: "en" },
    wait_ms: { type: "string", default: "0" },
    /** Of the page, to wait for: live, down, missing, signin. */
    state: { type: "string", default: "live" },
    browser: { type: "string" },
    timeout_ms: { type: "string", default: "20000" },
  },
});

await inBrowser(args, async (context, result) => {
  if (!args.base) throw new Error("usage: --base URL --token TOKEN");
  const page = await context.newPage();
  const timeout = Number(args.timeout_ms);
  await page.setViewportSize({ width: Number(args.width), height: Number(args.height) });
  if (args.dark) await page.emulateMedia({ colorScheme: "dark" });
  await page.addInitScript((language) => localStorage.setItem("weir.language", language), args.language);
  await page.goto(new URL("/console/nodes", args.base).href, { waitUntil: "domcontentloaded" });
  try {
    if (args.token) await signIn(page, args.token, timeout);
    await page.waitForFunction((state) => document.documentElement.dataset.clusterState === state, args.state, { timeout });
    if (args.state === "live") await check(page, result, timeout);
    await sleep(Number(args.wait_ms));
    if (args.look) await page.locator(args.look).first().scrollIntoViewIfNeeded({ timeout });
    if (args.look) await sleep(500);
  } finally {
    result.state = await page.evaluate(() => document.documentElement.dataset.clusterState);
    if (args.screenshot) await page.screenshot({ path: args.screenshot, fullPage: args.full ?? false });
  }
});

async function signIn(page, token, timeout) {
  await page.locator("details:has(#cl-token) > summary").click({ timeout });
  await page.locator("#cl-token").fill(token, { timeout });
  await page.locator("#cl-token").press("Enter");
}

async function check(page, result, timeout) {
  const nodes = () => page.locator("[data-node]").count();
  await page.waitForFunction((wanted) => Number(document.documentElement.dataset.clusterNodes) >= wanted, Number(args.nodes), { timeout }).catch(async () => {
    throw new Error(`${await nodes()} nodes, not ${args.nodes}`);
  });
  result.nodes = await nodes();
  if (args.stream) {
    const row = page.locator(`[data-stream="${args.stream}"]`);
    await row.waitFor({ timeout }).catch(() => {
      throw new Error(`no row for ${args.stream}`);
    });
    await page.locator(`[data-stream="${args.stream}"]:not(${[...Array(Number(args.pulled)).keys()].map((n) => `[data-pulled="${n}"]`).join(",") || ".never"})`).waitFor({ timeout }).catch(async () => {
      throw new Error(`${args.stream} is pulled by ${await row.getAttribute("data-pulled")} nodes, not ${args.pulled}`);
    });
    result.pulled = Number(await row.getAttribute("data-pulled"));
  }
  if (args.choose) {
    await page.locator(`[data-node="${args.choose}"]`).click({ timeout });
    await page.locator(".cl-detail").waitFor({ timeout });
  }
}
