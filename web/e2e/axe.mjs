//! Looks at every page with axe: contrast, names, roles, in both languages, light and dark, wide and narrow.
//! Prints one line of JSON with `found`, what axe finds on which page; the exit code is not 0 if it is
//! anything.
//!
//! node e2e/axe.mjs --base URL --token TOKEN --stream NAME [--app live] [--only PART] [--screenshots FOLDER]
//!                  [--browser PATH]
//!
//! The stream is live, and the site furnished as tests/e2e/browser.rs does it. --only: pages with this in their name.

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

const USER = { id: "2", name: "eve", email: "eve@example.net", role: "viewer", state: "active", state_reason: "", created_ms: 1_700_000_000_000 };
const BAN = { id: "3", channel: null, kind: "account", subject: "2", name: "eve", stops: "both", reason: "Spam", created_ms: 1_700_000_000_000, expires_ms: null, lifted_ms: null };
const APPEAL = { id: "4", ban: "3", reason: "Spam", name: "eve", words: "It was not me.", state: "open", answer: "" };
const KEY = { id: "1", created_ms: 1_700_000_000_000, revoked_ms: null, used_ms: 1_700_000_000_000, used_address: "192.0.2.7" };
const RULES = { max_streams: 20, priority: "high", keys: [{ id: "k1", dialect: "native" }] };
const SEEN = { app: args.app, stream: args.stream, at: "2026-01-01T00:00:00Z", cause_name: "done" };
const list = (...items) => ({ items, next: null });
const RECORDING = {
  id: "019f0000-0000-7000-8000-000000000000", app: args.app, stream: args.stream, channel: args.stream, title: "Finals", published: true, held: false, state: "ready",
  started_at: "2026-01-01T00:00:00Z", ended_at: "2026-01-01T00:01:05Z", expires_at: null, duration_ms: 65_000, bytes: 45e6, stored_bytes: 0, node: "n1", url: "",
  holes: [{ at: "2026-01-01T00:00:20Z", duration_ms: 2000, cause: "slow" }], poster: null,
};
const HIDDEN = { ...RECORDING, id: "019f0000-0000-7000-8000-000000000001", title: "", published: false, state: "failed", duration_ms: 0 };
/** What the API says to an admin who is signed in. */
const STAFF = {
  "**/api/v1/me": { ...ACCOUNT["**/api/v1/me"], role: "admin" },
  "**/api/v1/streams": { streams: [LIVE()] },
  [`**/api/v1/streams/${path}`]: LIVE(),
  "**/api/v1/clients*": { clients: [{ id: "c-1", role: "viewer", protocol: "hls", stream: `${args.app}/${args.stream}`, address: "192.0.2.7:5", uptime_ms: 5000, lost_frames: 0, is_node: false }] },
  "**/api/v1/accounts": list(USER),
  "**/api/v1/accounts/2": USER,
  "**/api/v1/accounts/2/sessions": list({ id: "5", kind: "cookie", agent: "A browser", address: "192.0.2.7", used_ms: 1_700_000_000_000, current: false }),
  "**/api/v1/bans": list(BAN),
  "**/api/v1/appeals": list(APPEAL),
  "**/api/v1/channels": list({ ...CHANNEL, category: "games", viewers: 2 }),
  [`**/api/v1/channels/${args.stream}`]: { ...CHANNEL, category: "games", visibility: "public", owner: "2" },
  [`**/api/v1/channels/${args.stream}/keys`]: list(KEY),
  [`**/api/v1/channels/${args.stream}/team`]: list({ id: "2", name: "max", role: "moderator" }),
  [`**/api/v1/channels/${args.stream}/bans`]: list({ ...BAN, channel: args.stream, stops: "play" }),
  [`**/api/v1/channels/${args.stream}/appeals`]: list(APPEAL),
  "**/api/v1/apps": list({ app: "live", rules: RULES, retention_hours: 72, recording_hours: null }),
  "**/api/v1/categories": list({ name: "games", title: "Games", title_zh: "游戏", place: 1 }),
  "**/api/v1/hooks": list({ id: "6", url: "https://example.net/hook", app: "", types: ["stream.started"], dialect: "standard", state: "active" }),
  "**/api/v1/hooks/6": { id: "6", url: "https://example.net/hook", app: "", types: [], dialect: "standard", state: "active" },
  "**/api/v1/hooks/6/deliveries": list({ id: "7", type: "stream.started", stream: args.stream, state: "dead", tries: 9, next_at: null, status: 500, words: "no" }),
  "**/api/v1/broadcasts": list({ ...SEEN, id: "8", node: "n1", protocol: "rtmp", address: "192.0.2.7", started_at: SEEN.at, ended_at: null, viewers_max: 3 }),
  "**/api/v1/events?*": { events: [{ ...SEEN, id: "9", type: "stream.ended" }], next: "9" },
  "**/api/v1/audit": list({ id: "10", name: "root", action: "ban.create", object: "3", before: null, after: { reason: "Spam" }, address: "192.0.2.7", at: SEEN.at }),
  "**/api/v1/settings": { node: "n1", version: "0", items: [{ name: "http.listen", value: "0.0.0.0:8080", meaning: "Where HTTP is.", needs_restart: true, is_set: false }] },
  "**/api/v1/me/bans": list(),
  "**/api/v1/me/teams": list(),
  "**/api/v1/recordings*": list(RECORDING, HIDDEN),
};

function LIVE() {
  const track = { codec: "h264", rfc6381: "avc1.64001f", width: 1280, height: 720, fps: 25 };
  return {
    app: args.app, stream: args.stream, viewers: 1, uptime_ms: 65_000, bitrate_kbps: 900, video_kbps: 800, audio_kbps: 100, received_bytes: 1e6, sent_bytes: 2e6,
    dropped_frames: 0, skipped_frames: 0, corrections: 0, gop_ms: 2000, video: track, audio: { codec: "aac", rfc6381: "mp4a.40.2", sample_rate: 48_000, channels: 2 },
    publisher: { id: "c-2", protocol: "rtmp", address: "192.0.2.7:9" }, notes: [], left_out: [],
  };
}

const OWN_PAGE = {
  id: "11", kind: "notice", slug: "open-day", path: "/notices/open-day", title: "Open day", title_zh: "开放日", body: "Come **all**.", body_zh: "", place: 0,
  publish_ms: 1_700_000_000_000, created_ms: 1_700_000_000_000, changed_ms: 1_700_000_000_000, version: 2,
};
const VERSION = { ...OWN_PAGE, by: "2", at_ms: 1_700_000_000_000 };
/** Pages of the site's own, besides what is there for staff. */
const WRITTEN = {
  ...STAFF,
  "**/api/v1/pages": list(OWN_PAGE, { ...OWN_PAGE, id: "12", kind: "help", path: "/help/keys", publish_ms: 0 }),
  "**/api/v1/pages/11": OWN_PAGE,
  "**/api/v1/pages/11/versions": { items: [VERSION, { ...VERSION, version: 1, by: "", publish_ms: 0 }] },
  "**/api/v1/pages/preview": { html: '<article class="prose"><h1>Open day</h1><p>Come <strong>all</strong>. <a href="/help">How</a></p></article>' },
};
/** What somebody follows who is signed in. */
const FOLLOWING = { "**/api/v1/me/following*": list({ ...CHANNEL, id: "1", live: true, category: "games" }, { ...CHANNEL, id: "2", name: "b", stream: "live/b", title: "Another" }) };
const NO_LEAVE = { code: 1001, name: "auth_missing", message: "it takes a ticket", advice: "Ask for one." };
const CLOSED = {
  "**/api/v1/live": null, "**/*.flv*": NO_LEAVE, "**/*.m3u8*": NO_LEAVE, "**/*.ts*": NO_LEAVE,
  [`**/api/v1/channels/${args.stream}`]: { ...CHANNEL, visibility: "password" },
  [`**/api/v1/channels/${args.stream}/ticket`]: { code: 6012, detail: "It has a password." },
};

const row = (page) => page.locator(".co-table tbody tr, .cl-streams").first().waitFor();
/** Parts of the console, and things in them. */
const PARTS = ["", "/streams/" + path, "/users", "/users/2", "/bans", "/channels", `/channels/${args.stream}`, "/recordings", "/apps", "/apps/live", "/hooks", "/hooks/6", "/broadcasts", "/events", "/audit", "/settings"];
const SHOT = { id: "13", url: null, taken_at: "2026-01-01T00:00:00Z", width: 640, height: 360, hash: null, known_as: "a casino", folded: false, undecodable: "broken" };
const ITEM = { id: "12", kind: "live", state: "claimed", stream: `${args.app}/${args.stream}`, app: args.app, age_ms: 5000, begun_at: SHOT.taken_at, until_at: SHOT.taken_at, pictures: 2, folded: 1, reports: 2, viewers: 7, marks: ["undecodable", "known", "new"], note: null, shots: [SHOT], verdict: null };
const VERDICT = { verdict: "ban", reason: "Spam", by: "ann", at: SHOT.taken_at, ban: "3", agrees: null };
/** What the API says to somebody who reviews. */
const REVIEW = {
  ...STAFF,
  "**/api/v1/review/claims": { claim: "1", good_for_ms: 60_000, items: [ITEM, { ...ITEM, id: "14", kind: "second", marks: [] }] },
  "**/api/v1/review/claims/1": { good_for_ms: 60_000, items: ["12", "14"] },
  "**/api/v1/review/items/12": ITEM,
  "**/api/v1/review/items?*": list({ ...ITEM, state: "decided", verdict: VERDICT }),
  "**/api/v1/review/numbers": { waiting: 4, claimed: 2, escalated: 1, pictures: 9, oldest_age_ms: 130_000, alarm: "very_late", reviewers: [{ name: "ann", items: 3, pictures: 9, acted: 1, last_at: SHOT.taken_at }], second_looks: 2, disagreements: 1, tests: [{ name: "ann", shown: 9, missed: 2, wronged: 0 }], off: null },
  "**/api/v1/review/self": { apps: null, leads: true, moderates: true },
  "**/api/v1/review/wall?*": { items: [{ stream: "live/a", app: "live", viewers: 7, since_at: SHOT.taken_at, url: null, taken_at: null, age_ms: null }], next: null, live: 1, off: null },
  "**/api/v1/review/hashes*": list({ hash: "f8".repeat(32), label: "ad for a casino", added_at: SHOT.taken_at }),
  "**/api/v1/review/gold*": { ...list({ id: "15", verdict: "bad", label: "a knife", url: null, added_at: SHOT.taken_at }), one_in: 50 },
  "**/api/v1/review/people": { items: [{ id: "16", name: "eve", apps: ["school"], since_at: SHOT.taken_at }] },
};
const tile = (page) => page.locator(".rv-tile").first().waitFor();
const pressed = (key, what) => (page) => tile(page).then(() => page.keyboard.press(key)).then(() => page.locator(what).waitFor());
const CONSOLE = PARTS.map((part) => [`console${part.replaceAll("/", "-")}`, `/console${part}`, part === "/apps/live" ? (page) => page.locator("textarea").waitFor() : row, STAFF]);

/** Name, address, and what is done there before axe looks. */
const PAGES = [
  ["home", "/", (page) => page.locator(`[data-stream="${args.app}/${args.stream}"]`).waitFor()],
  ["home-empty", "/", (page) => page.locator("main .message").waitFor(), { "**/api/v1/live": { streams: [], server_time_ms: 1 } }],
  ["home-down", "/", (page) => page.locator('[role="alert"]').waitFor(), { "**/api/v1/live": null }],
  ["home-following", "/", (page) => page.locator(".following-rest").waitFor(), FOLLOWING],
  ["rendered-channel", "/c/chess", (page) => page.locator("#follow button").waitFor()],
  ["category", "/category/games", (page) => page.locator("main h1").waitFor()],
  ["language", "/language/en", (page) => page.locator("main h1").waitFor()],
  ["notices", "/notices", (page) => page.locator("main h1").waitFor()],
  ["notice", "/notices/open-day", (page) => page.locator("main h1").waitFor()],
  ["help", "/help", (page) => page.locator("main h1").waitFor()],
  ["help-page", "/help/keys", (page) => page.locator("main h1").waitFor()],
  ["search-found", "/search?q=chess", (page) => page.locator("main .channel-list").waitFor()],
  ["search", "/search?q=nothing", (page) => page.locator('main [role="status"]').waitFor()],
  ["watch", `/watch/${path}`, plays],
  ["watch-menu", `/watch/${path}`, (page) => plays(page).then(() => press(page, "[part~=quality-button]"))],
  ["watch-latency", `/watch/${path}`, (page) => plays(page).then(() => press(page, "[part~=latency-button]"))],
  ["watch-stats", `/watch/${path}`, (page) => plays(page).then(() => page.evaluate(() => document.querySelector("weir-player").toggleStats()))],
  ["watch-paused", `/watch/${path}`, (page) => plays(page).then(() => page.evaluate(() => document.querySelector("weir-player").pause()))],
  ["watch-share", `/watch/${path}`, (page) => page.locator("[data-act=share]").click().then(() => page.locator("dialog[open]").waitFor())],
  ["watch-waiting", "/watch/live/nobody", (page) => state(page, "waiting")],
  ["watch-error", `/watch/${path}`, (page) => state(page, "error"), { "**/api/v1/live*": null, "**/*.flv*": { code: 2006, name: "not_allowed", message: "the key is wrong", advice: "ask for another" } }],
  ["watch-closed", `/watch/${path}?protocol=flv`, (page) => page.locator("[data-leave=password]").waitFor(), CLOSED],
  ["watch-waiting-past", "/watch/live/nobody", (page) => page.locator("[data-replay]").first().waitFor(), { "**/api/v1/replays*": list(RECORDING, HIDDEN) }],
  ["watch-replay", `/watch/${path}?r=${await recorded()}`, plays],
  ["watch-replay-speed", `/watch/${path}?r=${await recorded()}`, (page) => plays(page).then(() => press(page, "[part~=speed-button]"))],
  ["watch-replay-share", `/watch/${path}?r=${await recorded()}`, (page) => plays(page).then(() => page.locator("[data-act=share]").click()).then(() => page.locator("dialog[open]").waitFor())],
  ["watch-shifted", `/watch/${path}`, goesBack],
  ["embed", `/embed/${path}?autoplay=1&muted=1`, plays],
  ["embed-still", `/embed/${path}?autoplay=0`, (page) => page.locator("weir-player").waitFor()],
  ["studio", `/studio?app=${args.app}&stream=axe`, (page) => page.locator('[data-action="go"]').waitFor()],
  ["studio-source", `/studio?app=${args.app}&stream=axe`, (page) => page.locator('[data-source="pattern"]').first().click().then(() => page.waitForFunction(() => document.getElementById("preview")?.videoWidth > 0))],
  ["studio-live", `/studio?app=${args.app}&stream=axe`, goesLive],
  ["studio-past", "/studio/recordings", (page) => page.locator("[data-recording]").first().waitFor(), STAFF],
  ["studio-past-name", "/studio/recordings", (page) => page.locator("[data-act=rename]").first().click().then(() => page.locator("input[name=title]").waitFor()), STAFF],
  ["studio-past-sure", "/studio/recordings", (page) => page.locator("[data-ask=remove]").first().click().then(() => page.locator("[data-act=remove]").waitFor()), STAFF],
  ["studio-past-none", "/studio/recordings", (page) => page.locator("main h1").waitFor(), { ...STAFF, "**/api/v1/recordings*": list() }],
  ...CONSOLE,
  ["console-review", "/console/review", tile, REVIEW],
  ["console-review-item", "/console/review", pressed("Enter", ".rv-strip li"), REVIEW],
  ["console-review-ban", "/console/review", pressed("b", "[data-order]"), REVIEW],
  ["console-review-keys", "/console/review", pressed("?", ".rv-keys"), REVIEW],
  ["console-review-decided", "/console/review/decided", row, REVIEW],
  ["console-review-numbers", "/console/review/numbers", row, REVIEW],
  ["console-review-wall", "/console/review/wall", (page) => page.locator("[data-wall] .rv-tile").waitFor(), REVIEW],
  ["console-review-banks", "/console/review/banks", (page) => page.locator("[data-act=matches]").click().then(() => page.locator("[data-matches] [data-row]").waitFor()), REVIEW],
  ["console-reviewer", "/console", tile, { ...REVIEW, "**/api/v1/me": { ...ACCOUNT["**/api/v1/me"], role: "viewer" } }],
  ["console-recordings-sure", "/console/recordings", (page) => page.locator("[data-ask=remove]").first().click().then(() => page.locator("[data-act=remove]").waitFor()), STAFF],
  ["console-pages", "/console/pages", row, WRITTEN],
  ["console-page", "/console/pages/11", (page) => page.locator("[data-preview] strong").waitFor(), WRITTEN],
  ["console-page-versions", "/console/pages/11", (page) => page.locator('[data-row="1"] [data-act=show]').click().then(() => page.locator("[data-shown] strong").waitFor()), WRITTEN],
  ["console-page-moderator", "/console/pages/11", (page) => page.locator("[role=note]").waitFor(), { ...WRITTEN, "**/api/v1/me": { ...ACCOUNT["**/api/v1/me"], role: "moderator" } }],
  ["console-sign-in", "/console", (page) => page.locator("details summary").last().click().then(() => page.locator("#cl-token").waitFor())],
  ["console-stranger", "/console", (page) => page.locator('section[role="alert"]').waitFor(), ACCOUNT],
  ["cluster", "/console/nodes", signsIn],
  ["cluster-node", "/console/nodes", (page) => signsIn(page).then(() => page.locator("[data-node]").first().click()).then(() => page.locator(".cl-detail").waitFor())],
  ["sign-in", "/account", (page) => page.locator("input[name=login]").first().waitFor()],
  ["sign-up", "/account/sign-up", (page) => page.locator("input[name=email]").waitFor()],
  ["sign-in-refused", "/account/sign-in", refused],
  ["account", "/account", (page) => page.locator(".ac-channel li").waitFor(), ACCOUNT],
  ["account-banned", "/account", (page) => page.locator("[data-ban]").first().waitFor(), { ...ACCOUNT, "**/api/v1/me/bans": list({ ...BAN, appeal: APPEAL }, { ...BAN, id: "5", channel: "ann", stops: "play" }) }],
  ["account-moderate", "/account", (page) => page.locator(".ac-channel li").waitFor().then(() => page.locator("[data-moderate] summary").click()).then(() => page.locator("[data-appeal]").waitFor()), { ...STAFF, ...ACCOUNT }],
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
      if (answers === FOLLOWING) await page.addInitScript(() => localStorage.setItem("weir.signed-in", "true"));
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

/** The recording of the stream that is live: it goes on. */
async function recorded() {
  const until_ms = Date.now() + TIMEOUT_MS;
  while (Date.now() < until_ms) {
    const { items } = await (await fetch(new URL(`/api/v1/replays?stream=${args.app}/${args.stream}`, args.base))).json();
    if (items[0]?.duration_ms > 0) return items[0].id;
    await sleep(250);
  }
  throw new Error("nothing is recorded");
}

async function goesBack(page) {
  await page.waitForFunction(() => document.querySelector("weir-player")?.behind_ms != null);
  await page.evaluate(() => document.querySelector("weir-player").seekBack(15));
  await page.waitForFunction(() => document.documentElement.dataset.playerKind === "shifted" && document.documentElement.dataset.playerState === "playing");
  await plays(page);
  const bar = await page.locator("weir-player [part=seek-bar]").boundingBox();
  await page.mouse.move(bar.x + bar.width / 3, bar.y + bar.height / 2);
}

function press(page, selector) {
  return page.evaluate((selector) => document.querySelector("weir-player").shadowRoot.querySelector(selector).click(), selector);
}

function state(page, wanted) {
  return page.waitForFunction((wanted) => document.documentElement.dataset.playerState === wanted, wanted);
}

async function signsIn(page) {
  await page.locator("details:has(#cl-token) > summary").click();
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
