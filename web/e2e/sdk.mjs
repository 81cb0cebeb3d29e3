//! The packages on a page of somebody else's: the examples of their READMEs, run from another origin than the
//! server's, publish, play and chat. Prints one line of JSON.
//!
//! node e2e/sdk.mjs --base URL --how tags|project [--stream a] [--screenshot FILE] [--browser PATH]
//!
//! tags: a page that loads the scripts from the server. project: an empty project into which the packed packages
//! are installed, whose sources are checked against their types and bundled; `packed` names what is in them.
//! The server lets anybody publish to live/{stream}.

import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "vite";
import { inBrowser, screenshot } from "./kit.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    how: { type: "string", default: "tags" },
    stream: { type: "string", default: "a" },
    screenshot: { type: "string" },
    browser: { type: "string" },
  },
});
const web = fileURLToPath(new URL("..", import.meta.url));
const PACKAGES = ["player", "publisher", "chat"];
const PATIENCE_MS = 30_000;
/** Each player must get this far, seconds. */
const ADVANCE_S = 2;
const TYPES = { ".html": "text/html", ".js": "text/javascript" };

const made = mkdtempSync(join(tmpdir(), "weir-sdk-"));
try {
  await inBrowser(args, async (context, result) => {
    const pages = { tags: tagged, project: bundled }[args.how];
    if (!args.base || !pages) throw new Error("usage: --base URL --how tags|project");
    const server = await serve(await pages(result));
    try {
      await publishAndPlay(context, result, `http://127.0.0.1:${server.address().port}/`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
} finally {
  rmSync(made, { recursive: true, force: true });
}

/** Opens the page, goes live by its button where it has one, and waits for every player. */
async function publishAndPlay(context, result, url) {
  const page = context.pages()[0] ?? (await context.newPage());
  await page.goto(url, { waitUntil: "domcontentloaded" });
  const button = page.locator("#go");
  if (await button.count()) await button.click();
  const until_ms = Date.now() + PATIENCE_MS;
  while (!(await isLive())) {
    if (Date.now() > until_ms) throw new Error("the page's stream is not live");
    await page.waitForTimeout(100);
  }
  const played = () => [...document.querySelectorAll("video, weir-player")].map((one) => (one.video ?? one).currentTime);
  result.players = (await page.evaluate(played)).length;
  await page.waitForFunction(
    (least_s) => [...document.querySelectorAll("video, weir-player")].every((one) => (one.video ?? one).currentTime > least_s),
    ADVANCE_S,
    { timeout: PATIENCE_MS },
  );
  result.played_s = await page.evaluate(played);
  await page.waitForFunction(() => [...document.querySelectorAll("[data-chat]")].every((one) => one.dataset.chat === "open"), null, { timeout: PATIENCE_MS });
  result.chats = await page.locator("[data-chat]").count();
  result.workers = page.workers().length;
  await screenshot(page, args.screenshot);
}

async function isLive() {
  const { streams } = await (await fetch(new URL("/api/v1/live", args.base))).json();
  return streams.some(({ app, stream }) => app === "live" && stream === args.stream);
}

/** A page of what the READMEs show in HTML. */
async function tagged() {
  const blocks = PACKAGES.flatMap((name) => examples(name, "html"));
  writeFileSync(join(made, "index.html"), `<!doctype html><meta charset="utf-8"><title>tags</title>\n${blocks.join("\n")}`);
  return made;
}

/** A project of what they show in TypeScript, with the packed packages and nothing else. */
async function bundled(result) {
  result.packed = {};
  const tarballs = PACKAGES.map((name) => {
    const told = run("npm", ["pack", "--json", "--pack-destination", made, "-w", `packages/${name}`], web);
    const [{ filename, version, files }] = JSON.parse(told);
    result.packed[name] = { version, files: files.map(({ path }) => path) };
    return `./${filename}`;
  });
  writeFileSync(join(made, "package.json"), JSON.stringify({ name: "mine", private: true, type: "module" }));
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--cache", join(made, ".npm"), ...tarballs], made);
  const sources = join(made, "src");
  mkdirSync(sources);
  const modules = PACKAGES.flatMap((name) => examples(name, "ts").map((text, at) => ({ name: `${name}-${at}`, text })));
  for (const { name, text } of modules) writeFileSync(join(sources, `${name}.ts`), `${text}\nexport {};\n`);
  writeFileSync(join(sources, "main.ts"), modules.map(({ name }) => `import "./${name}.js";`).join("\n"));
  checkTypes();
  const html = '<!doctype html><meta charset="utf-8"><title>project</title><video muted autoplay></video>';
  writeFileSync(join(made, "index.html"), `${html}<script type="module" src="/src/main.ts"></script>`);
  await build({ root: made, configFile: false, logLevel: "error", build: { outDir: "dist", target: "es2022" } });
  return join(made, "dist");
}

/** As the strictest project would have them: no declaration may need what is not there. */
function checkTypes() {
  const lib = ["ES2022", "DOM", "DOM.Iterable"];
  const compilerOptions = { module: "nodenext", target: "es2022", lib, types: [], strict: true, skipLibCheck: false, noEmit: true };
  writeFileSync(join(made, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["src"] }));
  const tsc = join(createRequire(import.meta.url).resolve("typescript/package.json"), "../bin/tsc");
  run(process.execPath, [tsc, "-p", made], made);
}

/** The examples of a README in one language, with this server and this stream in them. */
function examples(name, language) {
  const text = readFileSync(join(web, "packages", name, "README.md"), "utf8");
  const blocks = [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].filter(([, tongue]) => tongue === language);
  if (blocks.length === 0) throw new Error(`${name}/README.md has no example in ${language}`);
  const { host } = new URL(args.base);
  return blocks.map(([, , code]) =>
    code
      .replaceAll("https://your.server", `http://${host}`)
      .replaceAll("wss://your.server", `ws://${host}`)
      .replaceAll("live/demo", `live/${args.stream}`)
      .replaceAll('stream: "demo"', `stream: "${args.stream}"`)
      .replaceAll("?key=…", ""),
  );
}

/** What it says; what it complains of, when it fails. */
function run(program, words, folder) {
  try {
    return execFileSync(program, words, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    throw new Error(`${program} ${words[0]}: ${`${error.stdout}${error.stderr}`.trim().replaceAll("\n", " | ")}`);
  }
}

/** Serves a folder on an origin of its own. */
function serve(folder) {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://x").pathname));
    const file = join(folder, path === "/" ? "index.html" : path);
    try {
      const bytes = readFileSync(file);
      response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
