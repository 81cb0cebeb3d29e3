//! Gifts on the pages: somebody gives a row of them beside the picture, another sees it grow, the channel's owner reads what
//! it came to, and an admin gives one back. Prints one line of JSON.
//!
//! node e2e/gifts.mjs --base URL --token TOKEN [--lang en] [--phone] [--scheme dark] [--screenshots FOLDER] [--browser PATH]
//!
//! Accounts, the channel and the gifts are made here; the token is that of the admin API. Nothing needs to be live.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { inBrowser, opened, screenshot, signedIn } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    token: { type: "string" },
    app: { type: "string", default: "live" },
    stream: { type: "string", default: "a" },
    lang: { type: "string", default: "en" },
    phone: { type: "boolean", default: false },
    scheme: { type: "string", default: "light" },
    screenshots: { type: "string" },
    browser: { type: "string" },
  },
});
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PASSWORD = "a long enough password";
const RUN = Date.now().toString(36);
const [AMY, ANN, BOSS] = [`amy${RUN}`, `ann${RUN}`, `boss${RUN}`];
const ROSE = { en: "Rose", zh: "玫瑰" }[args.lang];

await inBrowser(args, async (context, result) => {
  await account(AMY);
  const { id } = await account(ANN);
  await api("PATCH", `accounts/${(await account(BOSS)).id}`, { role: "admin" });
  await api("PUT", "gifts/rose", { title: "Rose", title_zh: "玫瑰", price: 10, badge: "🌹" });
  await api("PUT", "gifts/old", { title: "Old", price: 1, open: false });
  await api("POST", `wallets/${id}/topups`, { payment: RUN, coins: 125 });

  const amys = await opened(context, args);
  await amys.emulateMedia({ colorScheme: args.scheme });
  await signedIn(amys, args, AMY, PASSWORD);
  await made(amys);
  await amys.goto(watch());
  await amys.locator('.chat[data-chat-state="open"]').waitFor();

  await context.clearCookies();
  const anns = await opened(context, args);
  await anns.emulateMedia({ colorScheme: args.scheme });
  await signedIn(anns, args, ANN, PASSWORD);
  await anns.goto(watch());
  // By keyboard: the bar, the gift, how many, and the button.
  await anns.locator(".gifts-open").focus();
  await anns.keyboard.press("Enter");
  await anns.locator(".gifts-has", { hasText: "125" }).waitFor();
  result.offers = await anns.locator(".gift-card").count();
  await anns.locator("select[name=count]").selectOption("10");
  await anns.locator(".gifts-send button").press("Enter");
  await anns.locator(".gifts-has", { hasText: /^\D*25\D*$/ }).waitFor();
  await anns.locator("select[name=count]").selectOption("1");
  await anns.locator(".gifts-send button").click();
  await anns.locator(".gifts-has", { hasText: /^\D*15\D*$/ }).waitFor();
  result.axe = await axe(anns, "bar");
  await shot(anns, "bar");
  // The row is one line that grew, for both.
  for (const page of [anns, amys]) {
    const line = page.locator(".chat-line.gift", { hasText: ROSE });
    await line.locator(".chat-combo", { hasText: /^× 11$/ }).waitFor();
    if ((await line.count()) !== 1) throw new Error(`${await line.count()} lines`);
  }
  await shot(amys, "room");
  // More than there is: told, and nothing is paid.
  await anns.locator("select[name=count]").selectOption("10");
  await anns.locator(".gifts-send button").click();
  await anns.locator(".gifts-told", { hasText: { en: "not enough", zh: "不足" }[args.lang] }).waitFor();
  await anns.locator(".gifts-top li", { hasText: ANN }).waitFor();
  await anns.locator(".gifts-top select").selectOption("week");
  await anns.locator(".gifts-top li", { hasText: ANN }).waitFor();
  await anns.close();

  await amys.goto(new URL("/studio/gifts", args.base).href);
  await context.clearCookies();
  await signedIn(amys, args, AMY, PASSWORD);
  await amys.goto(new URL("/studio/gifts", args.base).href);
  await amys.locator(`[data-channel="${AMY}"] [data-span=all]`, { hasText: "55" }).waitFor();
  await amys.locator("tr", { hasText: ANN }).first().waitFor();
  result.axe += await axe(amys, "studio");
  await shot(amys, "studio");
  await amys.close();

  await context.clearCookies();
  const boss = await opened(context, args);
  await boss.emulateMedia({ colorScheme: args.scheme });
  await signedIn(boss, args, BOSS, PASSWORD);
  await boss.goto(new URL("/console/gifts", args.base).href);
  await boss.locator("[data-row=rose]").waitFor();
  await boss.locator("input[type=search]").fill(id);
  await boss.locator("input[type=search]").press("Enter");
  await boss.locator("[data-coins]", { hasText: "15" }).waitFor();
  result.axe += await axe(boss, "console");
  await shot(boss, "console");
  // The newest gift is the single one.
  await boss.locator("[data-ask=refund]").first().click();
  await boss.locator("button", { hasText: { en: "Give the coins back", zh: "确认退还金币" }[args.lang] }).click();
  await boss.locator("[data-coins]", { hasText: "25" }).waitFor();
  if (result.axe) throw new Error(`axe: ${result.axe}`);
});

async function made(page) {
  const status = await page.evaluate(async (name) => {
    const body = JSON.stringify({ name, title: "Amy" });
    return (await fetch("/api/v1/channels", { method: "POST", headers: { "content-type": "application/json" }, body })).status;
  }, AMY);
  if (status !== 201) throw new Error(`the channel is ${status}`);
}

function watch() {
  return new URL(`/watch/live/${AMY}`, args.base).href;
}

async function account(name) {
  return api("POST", "accounts", { name, email: `${name}@example.net`, password: PASSWORD });
}

async function api(method, path, body) {
  const headers = { authorization: `Bearer ${args.token}`, "content-type": "application/json" };
  const answer = await fetch(new URL(`/api/v1/${path}`, args.base), { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

async function axe(page, where) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"], rules: { "target-size": { enabled: true } } }));
  return violations.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary.slice(0, 200)}`).join(" | ")}\n`).join("");
}

async function shot(page, name) {
  const file = `gifts-${name}${args.phone ? "-phone" : ""}-${args.scheme}-${args.lang}.png`;
  await screenshot(page, args.screenshots && join(args.screenshots, file));
}
