//! People sign in by a provider elsewhere (`provider.mjs`): a new one, one whose name is taken, one who links an account
//! and unlinks it, one who turns back. With --away: the provider does not answer. Prints one line of JSON; the exit code
//! is not 0 if anything failed.
//!
//! node e2e/oidc.mjs --base URL [--away] [--lang en|zh] [--screenshots FOLDER] [--browser PATH]

import { join } from "node:path";
import { parseArgs } from "node:util";
import { inBrowser, opened, screenshot } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    stream: { type: "string" },
    away: { type: "boolean", default: false },
    lang: { type: "string", default: "en" },
    screenshots: { type: "string" },
    browser: { type: "string" },
  },
});
const PASSWORD = "a sentence that nobody guesses";

await inBrowser(args, async (context, result) => {
  const page = await opened(context, args);
  const at = (path) => new URL(path, args.base).href;
  const shot = async (name) => args.screenshots && screenshot(page, join(args.screenshots, `oidc-${name}-${args.lang}.png`));
  const button = page.locator('[data-form="provider-school"] button');
  const depart = async () => {
    await page.goto(at("/account/sign-in"));
    await button.click();
  };
  if (args.away) {
    await depart();
    await page.locator('[data-form="provider-school"] [role=alert]:not(:empty)').waitFor();
    result.words = await page.locator('[data-form="provider-school"] [role=alert]').textContent();
    return;
  }

  /** At the provider, which forgets who was there. */
  const atProvider = () => page.waitForURL((url) => url.hostname === "localhost");
  const come = async (login) => {
    await atProvider();
    await page.locator("input[name=login]").fill(login);
    await page.locator("input[name=password]").fill("any");
    await page.locator("button[type=submit]").click();
    await page.locator("form:has(input[name=prompt][value=consent]) button[type=submit]").click();
  };
  const signOut = async () => {
    await page.locator(".heading button.plain").click();
    await page.waitForURL(at("/"));
    await context.clearCookies({ domain: "localhost" });
  };
  const name = async () => {
    await page.locator("#ac-channels").waitFor();
    return page.locator("h1").textContent();
  };

  await depart();
  await come("ann");
  result.new = await name();
  result.address = page.url();
  result.mail = await page.locator(".ac-mail").textContent();
  await shot("account");
  await signOut();

  await depart();
  await come("ann");
  result.known = await name();
  await signOut();

  // Whose name is taken.
  await page.goto(at("/account/sign-up"));
  await page.locator("input[name=name]").fill("bob");
  await page.locator("input[name=email]").fill("bob@elsewhere.example");
  await page.locator("input[name=password]").fill(PASSWORD);
  await page.locator("form:has(input[name=email]) button.button").click();
  await page.locator("#ac-channels").waitFor();
  await signOut();
  await depart();
  await come("bob");
  const rest = page.locator('[data-form="rest"]');
  await rest.waitFor();
  await shot("name");
  await rest.locator("input[name=name]").fill("bob");
  await rest.locator("button").click();
  await rest.locator("[role=alert]:not(:empty)").waitFor();
  await rest.locator("input[name=name]").fill("bob-of-school");
  await rest.locator("button").click();
  result.renamed = await name();
  await signOut();

  // Who has an account links it, is known by that, and unlinks it.
  await page.goto(at("/account/sign-in"));
  await page.locator("input[name=login]").first().fill("bob");
  await page.locator("input[name=password]").fill(PASSWORD);
  await page.locator("form:has(input[name=password]) button.button").click();
  await page.locator("#ac-channels").waitFor();
  const link = page.locator('details[data-provider="school"]');
  await link.locator("summary").click();
  await link.locator("input[name=password]").fill(PASSWORD);
  await link.locator("button.button").click();
  await come("robert");
  await page.locator('[data-identity="school"]').waitFor();
  await signOut();
  await depart();
  await come("robert");
  result.linked = await name();
  const identity = page.locator('[data-identity="school"]');
  await identity.locator("summary").click();
  await identity.locator("input[name=password]").fill(PASSWORD);
  await identity.locator("button.button").click();
  await identity.waitFor({ state: "detached" });
  result.unlinked = true;
  await signOut();

  // Who turns back is told so.
  await depart();
  await atProvider();
  await page.locator('a[href$="/abort"]').click();
  await page.locator("[role=alert]:not(:empty)").waitFor();
  result.refused = await page.locator("[role=alert]").first().textContent();
  result.kept = new URL(page.url()).search;
});
