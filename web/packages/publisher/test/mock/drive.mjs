//! Publishes from a real Chromium to the mock (or to `--url`), by a script of steps, and prints what
//! was said. `node packages/publisher/test/mock/drive.mjs --seconds 5 --dump /tmp/x --options '{…}'`
//! Steps: `--at '3:kill,6:rate 1000'` (rate, cut, restore, delay: of `--link PATH`, weir-testkit's
//! example `link`; kill, hint N, switch KIND: here).

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { createServer } from "vite";
import { serve } from "./server.mjs";

const { values: args } = parseArgs({
  options: {
    url: { type: "string" },
    link: { type: "string" },
    dump: { type: "string" },
    seconds: { type: "string", default: "5" },
    source: { type: "string", default: "noise" },
    size: { type: "string", default: "640x360x30" },
    options: { type: "string", default: "{}" },
    at: { type: "string", default: "" },
    ready: { type: "string", default: "{}" },
    refuse: { type: "string" },
    eval: { type: "string" },
    init: { type: "string" },
  },
});

const root = fileURLToPath(new URL("../..", import.meta.url));
if (args.dump) mkdirSync(args.dump, { recursive: true });
const mock = await serve({ dump: args.dump, ready: JSON.parse(args.ready), refuse: args.refuse ? JSON.parse(args.refuse) : null });
const link = args.link ? await startLink(args.link, args.url ? new URL(args.url).host : `127.0.0.1:${mock.port}`) : null;
const vite = await createServer({ configFile: false, root, logLevel: "error", server: { port: 0, host: "127.0.0.1", hmr: false } });
await vite.listen();
const page_url = `http://127.0.0.1:${vite.httpServer.address().port}/test/mock/page.html`;
const profile = mkdtempSync(join(tmpdir(), "weir-publisher-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required"],
});
const result = { events: [] };
try {
  const page = await context.newPage();
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && result.events.push({ name: "console", value: message.text() }));
  page.on("pageerror", (error) => result.events.push({ name: "pageerror", value: error.message }));
  if (args.init) await page.addInitScript(args.init);
  await page.goto(page_url);
  await page.waitForFunction(() => "weirMock" in window);
  if (args.eval) {
    const base = `ws://127.0.0.1:${link?.port ?? mock.port}/slsp/live/x`;
    result.value = await page.evaluate(([code, url]) => new Function("mock", "url", `return (async () => ${code})()`)(window.weirMock, url), [args.eval, base]);
  } else {
    await publish(page);
  }
} catch (error) {
  result.error = String(error.message).split("\n")[0];
} finally {
  await context.close();
  await vite.close();
  link?.child.kill();
  mock.close();
  rmSync(profile, { recursive: true, force: true });
}
result.sessions = mock.sessions.map(({ bytes, files, restarts, resumes, ended, stats }) => ({ bytes, files, restarts, resumes, ended, lastStats: stats.at(-1) }));
for (const event of result.events.sort((one, other) => (one.at_ms ?? 0) - (other.at_ms ?? 0))) console.log(line(event));
delete result.events;
console.log(JSON.stringify(result));
process.exit(0);

async function publish(page) {
  const [width, height, fps] = args.size.split("x").map(Number);
  let url = args.url ?? `ws://127.0.0.1:${mock.port}/slsp/live/x?key=k`;
  if (link) url = url.replace(new URL(url).host, `127.0.0.1:${link.port}`);
  const options = { url, ...JSON.parse(args.options) };
  const started = page.evaluate(([options, source]) => window.weirMock.start(options, source), [options, { kind: args.source, width, height, fps }]);
  await started.catch((error) => (result.startError = error.message.split("\n")[0]));
  const began_ms = Date.now();
  const steps = args.at.split(",").filter(Boolean).map((step) => ({ at_s: Number(step.split(":")[0]), words: step.split(":")[1].split(" ") }));
  for (const { at_s, words } of [...steps, { at_s: Number(args.seconds), words: ["end"] }]) {
    await page.waitForTimeout(Math.max(0, at_s * 1000 - (Date.now() - began_ms)));
    if (words[0] === "kill") link ? link.child.stdin.write("kill\n") : mock.kill();
    else if (words[0] === "hint") mock.say({ type: "hint", max_kbps: Number(words[1]) });
    else if (words[0] === "redirect") mock.say({ type: "redirect", url: `ws://127.0.0.1:${mock.port}/slsp/live/x` });
    else if (words[0] === "switch") await page.evaluate(([kind, w, h, f]) => window.weirMock.change(kind, w, h, f), [words[1], width, height, fps]);
    else if (words[0] !== "end") link?.child.stdin.write(`${words.join(" ")}\n`);
    result.events.push({ name: "step", value: words.join(" "), at_ms: await page.evaluate(() => Math.round(performance.now())) });
  }
  result.events.push(...(await page.evaluate(() => window.weirMock.events)));
  await page.evaluate(() => window.weirMock.stop());
  await page.waitForTimeout(300);
  result.last = await page.evaluate(() => window.weirMock.state.publisher?.stats());
}

function line({ at_ms, name, value }) {
  if (name !== "stats") return `${at_ms ?? "-"} ${name} ${JSON.stringify(value)}`;
  const { state, width, height, fps, target_kbps, sent_kbps, acked_kbps, queue_ms, rtt_ms, captured, encoded, keyframes, reconnects } = value;
  const { droppedBeforeEncoding: before, droppedAfterEncoding: after, encoder, videoCodec, audioCodec, ceiling_kbps } = value;
  return `${at_ms} ${state} ${width}x${height}@${fps} target ${target_kbps}/${ceiling_kbps} sent ${sent_kbps} acked ${acked_kbps} queue ${queue_ms} rtt ${rtt_ms} pictures ${captured}/${encoded} key ${keyframes} dropped ${before}+${after} again ${reconnects} ${encoder} ${videoCodec} ${audioCodec}`;
}

async function startLink(path, target) {
  const child = spawn(path, ["127.0.0.1:0", target], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const first = await new Promise((resolve) => lines.once("line", resolve));
  return { child, port: Number(/(\d+)\s*$/.exec(first)?.[1]) };
}
