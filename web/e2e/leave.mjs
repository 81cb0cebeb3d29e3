//! Somebody opens the page of a channel that has a password, or of its stream: is asked for it, watches, and is asked again within
//! seconds when the owner chooses another; then it is for followers, and asks who they are. Prints one line of JSON; the
//! exit code is not 0 if anything failed.
//!
//! node e2e/leave.mjs --base URL --token TOKEN [--page /c/chess] [--lang en|zh] [--browser PATH]

import { parseArgs } from "node:util";
import { inBrowser, opened } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    stream: { type: "string" },
    token: { type: "string" },
    page: { type: "string", default: "/c/chess" },
    lang: { type: "string", default: "en" },
    browser: { type: "string" },
  },
});
/** Within so many a running play ends, and the page sees it a moment later. */
const ENDS_MS = 10_000;
const WORDS = { en: "This channel has a password", zh: "这个频道有密码" };

async function change(body) {
  const changed = await fetch(new URL("/api/v1/channels/chess", args.base), {
    method: "PATCH",
    headers: { authorization: `Bearer ${args.token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!changed.ok) throw new Error(await changed.text());
}

await inBrowser(args, async (context, result) => {
  const page = await opened(context, args, args.page);
  const leave = page.locator('[data-leave="password"]');
  await leave.waitFor();
  const words = await leave.locator("h2").textContent();
  if (words !== WORDS[args.lang]) throw new Error(`it says ${words}`);
  await leave.locator("input[name=password]").fill("a wrong one");
  await leave.locator("form button").click();
  await leave.locator(".ac-field.wrong").waitFor();
  await leave.locator("input[name=password]").fill("sesame");
  await leave.locator("form button").click();
  await page.waitForFunction(() => (window.weirVideo()?.currentTime ?? 0) > 2);
  result.watched = true;
  await change({ password: "another" });
  await leave.waitFor({ timeout: ENDS_MS });
  result.asked = true;
  await change({ visibility: "followers" });
  await page.reload();
  await page.locator('[data-leave="sign-in"]').waitFor();
  result.followers = true;
  // It stands in no list, whatever is live.
  await page.goto(new URL("/", args.base).href);
  for (let polled = 0; polled < 3; polled += 1) await page.waitForResponse((answer) => answer.url().endsWith("/api/v1/live"));
  await page.locator(".golive").waitFor();
  result.unlisted = (await page.locator('[data-stream="live/chess"]').count()) === 0;
});
