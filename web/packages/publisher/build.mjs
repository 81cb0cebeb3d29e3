//! Makes the package for the registry in dist/: ES modules, their types, and a package.json that names
//! them (`npm publish packages/publisher/dist`). Pages of this workspace import the sources.

import { execFileSync } from "node:child_process";
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");

rmSync(dist, { recursive: true, force: true });
execFileSync(process.execPath, [tsc, "-p", join(here, "tsconfig.build.json")], { stdio: "inherit" });
// Plain files that are loaded by address: a worker and a worklet.
for (const name of ["ticker.js", "worklet.js"]) copyFileSync(join(here, "src", name), join(dist, name));
// A browser asks for just the name that stands there.
for (const name of readdirSync(dist).filter((each) => /\.(js|d\.ts)$/.test(each))) {
  const path = join(dist, name);
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replace(/((?:from|import)\s*\(?\s*")(\.\/[\w-]+)(")/g, "$1$2.js$3"));
}

const { name, version, description, type, license, sideEffects } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const exports = { ".": { types: "./index.d.ts", default: "./index.js" } };
const manifest = { name, version, description, type, license, sideEffects, exports, types: "./index.d.ts" };
writeFileSync(join(dist, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
copyFileSync(join(here, "README.md"), join(dist, "README.md"));
