//! Puts the built packages where the site's build takes them along: `site/public/sdk`, which the server
//! serves under `/sdk/` for pages without a bundler, and `index.json`, which names this release.
//!
//! A release is the version and a hash of all files, so that its bytes are never others.

import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = join(root, "site/public/sdk");
/** Characters of the hash that a release is called by. */
const HASH_LENGTH = 8;

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const files = new Map();
const versions = new Set();
for (const name of readdirSync(join(root, "packages"))) {
  const dist = join(root, "packages", name, "dist");
  versions.add(JSON.parse(readFileSync(join(dist, "../package.json"), "utf8")).version);
  for (const file of readdirSync(dist).filter((each) => /\.(js|txt)$/.test(each))) {
    // Each package has licences of its own to name.
    const served = file.endsWith(".txt") ? `${name}-${file}` : file;
    if (files.has(served)) throw new Error(`two packages have a file ${served}`);
    files.set(served, readFileSync(join(dist, file)));
    copyFileSync(join(dist, file), join(out, served));
  }
}
if (versions.size !== 1) throw new Error(`the packages are of different versions: ${[...versions].join(", ")}`);

const [version] = versions;
const names = [...files.keys()].sort();
const all = createHash("sha256");
for (const name of names) all.update(`${name}\0${files.get(name).length}\0`).update(files.get(name));
const release = `${version}-${all.digest("hex").slice(0, HASH_LENGTH)}`;
const integrity = (name) => `sha384-${createHash("sha384").update(files.get(name)).digest("base64")}`;
const scripts = names.filter((name) => name.endsWith(".js")).map((name) => [name, { path: `/sdk/${release}/${name}`, integrity: integrity(name) }]);
writeFileSync(join(out, "index.json"), `${JSON.stringify({ version, release, files: Object.fromEntries(scripts) }, null, 2)}\n`);
