//! Fails if the chat, or the words over the picture, is heavier than it may be, gzipped.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const LIMITS_BYTES = { "chat.js": 15 * 1024, "danmaku.js": 6 * 1024 };

for (const [file, most] of Object.entries(LIMITS_BYTES)) {
  const script = readFileSync(fileURLToPath(new URL(`dist/${file}`, import.meta.url)));
  // Else what it imports would have to be weighed, too.
  if (/(?:^|[;}\n])\s*import\s*[\w*{"']/.test(script.toString())) throw new Error(`${file} imports another file`);
  const bytes = gzipSync(script, { level: 9 }).length;
  console.log(`${String(bytes).padStart(7)}  ${file}, of ${most}`);
  if (bytes > most) process.exitCode = 1;
}
