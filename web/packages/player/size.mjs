//! Fails if what a page loads before anything is played is heavier than it may be: `player.js` and
//! what it imports at once, gzipped. The engines, loaded on demand, are shown only.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const LIMIT_BYTES = 30 * 1024;
const dist = join(dirname(fileURLToPath(import.meta.url)), "dist");

const gzip = (file) => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length;
const staticImports = (file) =>
  [...readFileSync(join(dist, file), "utf8").matchAll(/(?:^|[;}\n])\s*(?:import|export)\s*(?:[\w*{][^"';()]*?from\s*)?["']\.\/([^"']+)["']/g)].map((match) => match[1]);

const atOnce = new Set(["player.js"]);
for (const file of atOnce) for (const next of staticImports(file)) atOnce.add(next);
let total = 0;
for (const file of readdirSync(dist).filter((name) => name.endsWith(".js"))) {
  const bytes = gzip(file);
  if (atOnce.has(file)) total += bytes;
  console.log(`${String(bytes).padStart(7)}  ${file}${atOnce.has(file) ? "" : "  (on demand)"}`);
}
console.log(`${String(total).padStart(7)}  at once, of ${LIMIT_BYTES}`);
process.exitCode = total <= LIMIT_BYTES ? 0 : 1;
