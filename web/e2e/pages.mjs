//! The site's own pages, written in the console: an operator begins a notice, sees how it will look, keeps it as a draft
//! in both languages, publishes it, is told when somebody else changed it meanwhile, puts an old version back, has it
//! shown later, and takes it away. A moderator writes drafts and leaves what is published. Prints one line of JSON; the
//! exit code is not 0 if anything failed.
//!
//! node e2e/pages.mjs --base URL --link URL [--lang en|zh] [--phone] [--screenshots FOLDER] [--browser PATH]
//!
//! LINK signs the operator in; there is a moderator max.

import { join } from "node:path";
import { parseArgs } from "node:util";
import { inBrowser, opened, screenshot, signedIn } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    stream: { type: "string" },
    link: { type: "string" },
    lang: { type: "string", default: "en" },
    phone: { type: "boolean", default: false },
    screenshots: { type: "string" },
    browser: { type: "string" },
  },
});
const PASSWORD = "a sentence that nobody guesses";
const DAY_MS = 86_400_000;

const shot = (page, name) => (args.screenshots ? screenshot(page, join(args.screenshots, `${name}-${args.lang}.png`)) : null);
const at = (path) => new URL(path, args.base).href;

async function keep(page) {
  await page.locator("[data-form=page] > button.button").click();
}

/** Keeps what is written, and waits until the server has it. */
async function kept(page) {
  await keep(page);
  await page.locator(".co-said:not(:empty)").waitFor();
}

/** The page as the public sees it; its status, and whether it shows what the editor said it would. */
function asShown(page, path) {
  return page.evaluate(async (path) => {
    const answer = await fetch(path);
    const main = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    return { status: answer.status, same: main?.innerHTML === document.querySelector(".co-preview .rendered").innerHTML };
  }, path);
}

async function until(what, look) {
  for (const end_ms = Date.now() + 10_000; Date.now() < end_ms; await new Promise((done) => setTimeout(done, 100))) if (await look()) return;
  throw new Error(`${what} does not come`);
}

const preview = (page, tongue) => page.locator(`[data-form=page] [data-preview=${tongue}] strong`);

await inBrowser(args, async (context, result) => {
  const page = await opened(context, args, args.link);
  // What is not kept asks before it is left.
  page.on("dialog", (dialog) => void dialog.accept());
  await page.locator("input[name=new_password]").fill(PASSWORD);
  await page.locator("form:has(input[name=new_password]) button.button").click();
  await page.locator("section.ac-card [role=status]").first().waitFor();
  const operator = await page.locator("h1").textContent();

  await page.goto(at("/console/pages"));
  const begin = page.locator("[data-form=new-page]");
  await begin.locator("[name=title]").fill("Open day");
  await begin.locator("[name=slug]").fill("open-day");
  await begin.locator("button.button").click();
  await page.locator("[data-form=page]").waitFor();
  const editor = page.url();
  await page.locator("[name=body]").fill("Come **all**. <script>alert(1)</script>");
  await preview(page, "en").filter({ hasText: "all" }).waitFor();
  await page.locator("[data-tongue=zh]").click();
  await page.locator("[name=title_zh]").fill("开放日");
  await page.locator("[name=body_zh]").fill("欢迎**大家**。");
  await preview(page, "zh").filter({ hasText: "大家" }).waitFor();
  await shot(page, "pages-editor");
  await kept(page);
  result.draft = (await asShown(page, "/notices/open-day")).status;

  await page.locator("[name=standing]").selectOption("shown");
  await kept(page);
  await until("the page", async () => (await asShown(page, "/notices/open-day?lang=zh")).same);
  await page.locator("[data-tongue=en]").click();
  await until("the page in English", async () => (await asShown(page, "/notices/open-day?lang=en")).same);
  result.same = true;

  // Somebody else changes it meanwhile.
  const other = await opened(context, args, editor);
  await other.locator("[data-form=page]").waitFor();
  await page.locator("[name=title]").fill("Mine");
  await kept(page);
  await other.locator("[name=title]").fill("Theirs");
  await keep(other);
  await other.locator("[data-conflict]").waitFor();
  await shot(other, "pages-conflict");
  result.told = await other.locator("[data-conflict] b").textContent();
  await other.locator("[data-act=theirs]").click();
  await other.locator("[data-conflict]").waitFor({ state: "detached" });
  result.theirs = await other.locator("[name=title]").inputValue();
  await other.locator("[name=title]").fill("Over it");
  await kept(other);
  await page.locator("[name=title]").fill("Mine again");
  await keep(page);
  await page.locator("[data-act=mine]").click();
  await page.locator(".co-said:not(:empty)").waitFor();
  await other.close();
  await page.reload();
  result.mine = await page.locator("[name=title]").inputValue();

  // What it was.
  const second = page.locator('[data-row="2"]');
  await second.locator("[data-act=show]").click();
  await page.locator('[data-shown="2"] strong').waitFor();
  await shot(page, "pages-versions");
  await second.locator("[data-act=restore]").click();
  result.restored = await page.locator("[name=title]").inputValue();
  await kept(page);

  // Shown from tomorrow on: nobody sees it today.
  await page.locator("[name=standing]").selectOption("later");
  await page.locator("[name=at]").fill(new Date(Date.now() + DAY_MS).toISOString().slice(0, 16));
  await kept(page);
  await page.locator('h1 + .ac-role [data-standing="later"]').waitFor();
  await until("its end", async () => (await asShown(page, "/notices/open-day")).status === 404);
  result.later = true;

  // A moderator leaves what is published, and publishes nothing.
  await signedIn(page, args, "max", PASSWORD);
  await page.goto(editor);
  await page.locator("[role=note]").waitFor();
  result.left = (await page.locator("[data-form=page] > button.button").count()) === 0 && (await page.locator("[name=title]").getAttribute("readonly")) !== null;
  await page.goto(at("/console/pages"));
  await begin.locator("[name=kind]").selectOption("help");
  await begin.locator("[name=title]").fill("Keys");
  await begin.locator("[name=slug]").fill("keys");
  await begin.locator("button.button").click();
  await page.locator("[name=body]").fill("Keep them *secret*.");
  result.publishes = await page.locator("[name=standing]").count();
  await kept(page);

  await signedIn(page, args, operator, PASSWORD);
  await page.goto(at("/console/pages"));
  await page.locator('[data-standing="later"]').waitFor();
  await page.locator(".co-filter select").selectOption("help");
  await page.locator('[data-standing="later"]').waitFor({ state: "detached" });
  await page.locator('[data-standing="draft"]').waitFor();
  await shot(page, "pages-list");
  result.listed = await page.locator(".co-table tbody tr").count();
  await page.goto(editor);
  await page.locator("details:has([data-act=remove]) summary").click();
  await page.locator("[data-act=remove]").click();
  await page.waitForURL(at("/console/pages"));
  await page.locator(".co-table tbody tr").first().waitFor();
  result.remain = await page.locator(".co-table tbody tr").count();
});
