//! The chat of a watch page: somebody who is signed in, a moderator and a guest in one room, and what each of them sees.
//! Prints one line of JSON.
//!
//! node e2e/chat.mjs --base URL --token TOKEN --stream NAME [--app live] [--lang en] [--phone] [--scheme dark]
//!                   [--screenshots FOLDER] [--browser PATH]
//!
//! The stream is live. Accounts are made here; the token is that of the admin API.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { inBrowser, opened, screenshot, signedIn, streamPath } from "./kit.mjs";

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
const WATCH = `/watch/${streamPath(args)}`;
/** Each run has its own people and words: the room may know others. */
const RUN = Date.now().toString(36);
const HELLO = `hello 你好 👋 ${RUN}`;
const MORE = `another one ${RUN}`;
const ASKED = `is it so ${RUN}`;
const ANSWER = `so it is ${RUN}`;
const HEARTS = 7;
const WHY = "too loud";
/** Messages a second that the overlay is given, and for how long. */
const FLOOD = { per_s: 100, for_s: 5 };

await inBrowser(args, async (context, result) => {
  const [ann, max] = [`ann${RUN}`, `max${RUN}`];
  await account(ann);
  const { id } = await account(max);
  await api("PATCH", `accounts/${id}`, { role: "moderator" });

  const anns = await opened(context, args);
  await anns.emulateMedia({ colorScheme: args.scheme });
  await enter(anns, ann);
  await say(anns, HELLO);
  await anns.locator(".chat-log .chat-words", { hasText: HELLO }).waitFor();
  result.flew = await flying(anns);
  await shot(anns, "ann");

  const maxs = await opened(context, args);
  await maxs.emulateMedia({ colorScheme: args.scheme });
  await enter(maxs, max);
  await anns.locator(".chat-entered", { hasText: max }).waitFor();
  await maxs.locator(".chat-log .chat-words", { hasText: HELLO }).waitFor();
  await say(anns, MORE);
  // Who is answered sees that it is meant, and who gives hearts is not the only one to see them.
  await say(maxs, ASKED);
  await card(anns, ASKED);
  await anns.locator("[data-act=answer]").click();
  await anns.locator(".chat-answered", { hasText: max }).waitFor();
  await say(anns, ANSWER);
  await maxs.locator(".chat-line.for-one .chat-words", { hasText: ANSWER }).waitFor();
  await maxs.locator(".chat-answers", { hasText: max }).waitFor();
  await anns.locator(".chat-answered").waitFor({ state: "detached" });
  const before = Number(await maxs.locator("[data-likes]").getAttribute("data-likes"));
  for (let tap = 0; tap < HEARTS; tap += 1) await anns.locator(".chat-like").click();
  await maxs.locator(`[data-likes="${before + HEARTS}"]`).waitFor();
  result.axe = await axe(maxs, "answered");
  await shot(maxs, "answered");
  await openSettings(maxs);
  await maxs.locator("select[name=slow]").selectOption("30");
  result.axe += await axe(maxs, "settings");
  await shot(maxs, "settings");
  await closeDialog(maxs);

  await anns.locator("#chat-told", { hasText: "30" }).waitFor();
  await say(anns, "too soon");
  await anns.locator(".chat-write button:disabled", { hasText: /\d/ }).waitFor();
  result.kept = await anns.locator("input[name=said]").inputValue();
  await card(maxs, MORE);
  result.axe += await axe(maxs, "card");
  await shot(maxs, "card");
  await maxs.locator("[data-act=pin]").click();
  await anns.locator(".chat-pinned", { hasText: MORE }).waitFor();
  await shot(anns, "slow");
  await maxs.locator("input[name=why]").fill(WHY);
  await maxs.locator("[data-act=mute]").click();
  await anns.locator(".chat-note", { hasText: WHY }).waitFor();
  result.axe += await axe(anns, "muted");
  await shot(anns, "muted");
  await maxs.locator("[data-act=unmute]").click();
  await maxs.locator("[data-act=clear]").click();
  await closeDialog(maxs);
  await anns.locator(".chat-log .chat-words", { hasText: HELLO }).waitFor({ state: "detached" });
  await anns.locator(".chat-pinned").waitFor({ state: "detached" });
  await openSettings(maxs);
  await maxs.locator("select[name=slow]").selectOption("0");
  await closeDialog(maxs);

  await keyboard(maxs);
  await context.clearCookies();
  const guests = await opened(context, args);
  await guests.emulateMedia({ colorScheme: args.scheme });
  await guests.goto(new URL(WATCH, args.base).href);
  await guests.locator(".chat-doors a").waitFor();
  await guests.locator(".chat-online").click();
  await guests.locator(".chat-people li", { hasText: max }).waitFor();
  result.axe += await axe(guests, "people");
  await shot(guests, "guest");
  await closeDialog(guests);
  await guests.locator(".chat-doors button").click();
  await say(guests, "may I");
  await guests.locator(".chat-doors a").waitFor();

  result.flood = await flood(maxs);
  await shot(maxs, "flood");
  if (result.axe) throw new Error(`axe: ${result.axe}`);
});

async function account(name) {
  return api("POST", "accounts", { name, email: `${name}@example.net`, password: PASSWORD });
}

async function api(method, path, body) {
  const headers = { authorization: `Bearer ${args.token}`, "content-type": "application/json" };
  const answer = await fetch(new URL(`/api/v1/${path}`, args.base), { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

async function enter(page, name) {
  await signedIn(page, args, name, PASSWORD);
  await page.goto(new URL(WATCH, args.base).href);
  await page.locator('.chat[data-chat-state="open"]').waitFor();
}

async function say(page, text) {
  await page.locator("input[name=said]").fill(text);
  await page.locator("input[name=said]").press("Enter");
}

/** What flies over the picture just now. */
async function flying(page) {
  const seen = page.locator(".weir-danmaku span", { hasText: HELLO });
  await seen.first().waitFor();
  const [picture, words] = [await page.locator("weir-player").boundingBox(), await seen.first().boundingBox()];
  const isOver = words.y >= picture.y && words.y + words.height <= picture.y + picture.height;
  if (!isOver) throw new Error(`the words fly at ${JSON.stringify(words)}, the picture is at ${JSON.stringify(picture)}`);
  return seen.count();
}

async function openSettings(page) {
  await page.locator(".chat-head button").last().click();
  await page.locator(".chat-dialog select[name=slow]").waitFor();
}

async function closeDialog(page) {
  await page.keyboard.press("Escape");
  await page.locator(".chat-dialog").waitFor({ state: "detached" });
}

/** Opens the card of who said it, as a mouse does. */
async function card(page, text) {
  const line = page.locator(".chat-line", { hasText: text });
  await line.hover();
  await line.locator(".chat-more").click();
  await page.locator(".chat-dialog .chat-acts").first().waitFor();
}

/** From the log to the latest message's card and back, without a mouse. */
async function keyboard(page) {
  await say(page, `by keyboard ${RUN}`);
  await page.locator(".chat-log .chat-words", { hasText: `by keyboard ${RUN}` }).waitFor();
  await page.locator(".chat-log").focus();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await page.locator(".chat-last li", { hasText: `by keyboard ${RUN}` }).waitFor();
  await closeDialog(page);
  const isBack = await page.evaluate(() => document.activeElement?.className === "chat-more");
  if (!isBack) throw new Error("the focus is not where the card was opened");
}

/** The overlay of the SDK over the same picture: frames a second without and with a flood, and whether any two touch. */
async function flood(page) {
  await page.bringToFront();
  return page.evaluate(async ({ per_s, for_s }) => {
    const { Danmaku } = await import("/sdk/danmaku.js");
    const frames = async () => {
      let count = 0;
      const start_ms = performance.now();
      while (performance.now() - start_ms < for_s * 1000) {
        await new Promise(requestAnimationFrame);
        count += 1;
      }
      return (count * 1000) / (performance.now() - start_ms);
    };
    const bare_fps = await frames();
    const danmaku = new Danmaku({ over: document.querySelector("weir-player"), area: 1, isOn: true });
    let said = 0;
    let touching = 0;
    let most = 0;
    const speaker = setInterval(() => {
      for (let k = 0; k < per_s / 20; k += 1) danmaku.show({ id: String(said), text: "word ".repeat(1 + (said % 7)) + said++, user: null, isOwn: false });
    }, 50);
    const judge = setInterval(() => {
      const boxes = [...document.querySelectorAll(".weir-danmaku span")].filter((one) => one.style.visibility === "visible").map((one) => one.getBoundingClientRect());
      most = Math.max(most, boxes.length);
      for (const [at, a] of boxes.entries()) for (const b of boxes.slice(at + 1)) if (Math.abs(a.top - b.top) < 2 && a.left < b.right && b.left < a.right) touching += 1;
    }, 500);
    const fps = await frames();
    clearInterval(speaker);
    clearInterval(judge);
    const { leftOut } = danmaku;
    const answer = { said, leftOut, most, touching, bare_fps, fps, elements: document.querySelectorAll(".weir-danmaku span").length };
    setTimeout(() => danmaku.destroy(), 3000);
    return answer;
  }, FLOOD);
}

async function axe(page, where) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"], rules: { "target-size": { enabled: true }, "label-content-name-mismatch": { enabled: true } } }));
  return violations.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary.slice(0, 200)}`).join(" | ")}\n`).join("");
}

async function shot(page, name) {
  const file = `chat-${name}${args.phone ? "-phone" : ""}-${args.scheme}-${args.lang}.png`;
  await screenshot(page, args.screenshots && join(args.screenshots, file));
}
