//! Somebody adds a passkey with the authenticator that Chromium has for tests, signs out, signs in by it alone, names
//! it anew and removes it. Prints one line of JSON; the exit code is not 0 if anything failed.
//!
//! node e2e/passkey.mjs --base URL [--name ann] [--lang en|zh] [--screenshots FOLDER] [--browser PATH]

import { join } from "node:path";
import { parseArgs } from "node:util";
import { inBrowser, opened, screenshot } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    name: { type: "string", default: "ann" },
    stream: { type: "string" },
    lang: { type: "string", default: "en" },
    screenshots: { type: "string" },
    browser: { type: "string" },
  },
});
const PASSWORD = "a sentence that nobody guesses";

await inBrowser(args, async (context, result) => {
  // Passkeys belong to a name, and 127.0.0.1 is none.
  const base = new URL(args.base);
  base.hostname = "localhost";
  const page = await opened(context, args);
  const devtools = await context.newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });

  await page.goto(new URL("/account/sign-up", base).href);
  await page.locator("input[name=name]").fill(args.name);
  await page.locator("input[name=email]").fill(`a${Date.now()}@example.net`);
  await page.locator("input[name=password]").fill(PASSWORD);
  await page.locator("form button.button").click();

  const card = page.locator("section:has(#ac-passkeys)");
  const form = card.locator(":scope > form");
  await form.locator("input[name=label]").fill("My phone");
  await form.locator("input[name=password]").fill(PASSWORD);
  await form.locator("button.button").click();
  await card.locator('[data-passkey="My phone"]').waitFor();
  if (args.screenshots) await screenshot(page, join(args.screenshots, `passkeys-${args.lang}.png`));
  result.added = true;

  await page.locator(".heading button.plain").click();
  await page.waitForURL(new URL("/", base).href);
  await page.goto(new URL("/account/sign-in", base).href);
  await page.locator("section.ac-card > form:nth-of-type(2) button.button").click();
  await page.locator("#ac-channels").waitFor();
  result.signed_in = await page.locator("h1").textContent();

  const one = page.locator('[data-passkey="My phone"]');
  await one.locator("summary").click();
  await one.locator("input[name=label]").fill("Old phone");
  await one.locator("form button.button").first().click();
  const renamed = page.locator('[data-passkey="Old phone"]');
  await renamed.waitFor();
  if (!(await renamed.evaluate((element) => element.open))) await renamed.locator("summary").click();
  await renamed.locator("input[name=password]").fill(PASSWORD);
  await renamed.locator("form button.button").last().click();
  await renamed.waitFor({ state: "detached" });
  result.removed = true;
});
