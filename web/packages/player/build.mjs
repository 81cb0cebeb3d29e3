//! Makes dist/ a package ready for `npm publish dist`: scripts, declarations, package.json, README.

import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");

await build({ configFile: join(here, "vite.config.js"), logLevel: "warn" });
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
execFileSync(process.execPath, [tsc, "-p", join(here, "tsconfig.types.json")], { stdio: "inherit" });

const own = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const { private: _private, scripts: _scripts, dependencies: _bundled, devDependencies: _dev, ...shared } = own;
const published = {
  ...shared,
  exports: {
    ".": { types: "./types/index.d.ts", default: "./weir-player-core.js" },
    "./element": { types: "./types/element/index.d.ts", default: "./weir-player.js" },
  },
  sideEffects: ["./weir-player.js"],
};
writeFileSync(join(dist, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
copyFileSync(join(here, "README.md"), join(dist, "README.md"));
