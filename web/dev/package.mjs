//! Builds one package of this workspace for other people's pages, in its folder: `dist/` gets the scripts
//! that its `exports` name, bundled with what they need, the declarations, and the licences.
//!
//! `exports` is the only list: `./dist/types/A.d.ts` is the declaration of `src/A.ts`, and that the source
//! of the script beside it. Pages of this workspace import the sources (`paths` in tsconfig.json).

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const here = process.cwd();
const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = join(here, "dist");
const own = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const name = own.name.replace(/^.*\//, "");
/** Scripts that are loaded by address, a worker and a worklet: files of their own beside the others. */
const byAddress = existsSync(join(here, "src")) ? readdirSync(join(here, "src")).filter((file) => file.endsWith(".js")) : [];

await bundle();
for (const file of byAddress) copyFileSync(join(here, "src", file), join(dist, file));
declare();
license();

async function bundle() {
  const entry = Object.fromEntries(
    Object.values(own.exports)
      .filter((each) => each.types)
      .map(({ types, default: script }) => [basename(script, ".js"), join(here, types.replace("/dist/types/", "/src/").replace(/\.d\.ts$/, ".ts"))]),
  );
  await build({
    configFile: false,
    root: here,
    base: "./",
    publicDir: false,
    logLevel: "warn",
    plugins: [leaveAddresses()],
    build: {
      outDir: dist,
      emptyOutDir: true,
      target: "es2022",
      minify: true,
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 600,
      lib: { entry, formats: ["es"] },
      rolldownOptions: { output: { entryFileNames: "[name].js", chunkFileNames: `${name}-[name]-[hash].js`, minify: true } },
    },
  });
}

/** Vite would put what is loaded by address into the script as a data: address, which few content policies allow. */
function leaveAddresses() {
  return {
    name: "weir:leave-addresses",
    enforce: "pre",
    transform(code, id) {
      if (!id.endsWith(".ts") || !code.includes("import.meta.url")) return null;
      return code.replace(/new URL\((?="\.\/[\w-]+\.js", import\.meta\.url\))/g, "new URL(/* @vite-ignore */ ");
    },
    // Whoever bundles the package is to see those addresses, and take the files along.
    generateBundle(_options, files) {
      for (const chunk of Object.values(files)) {
        if (chunk.type === "chunk") chunk.code = chunk.code.replace(/new URL\(\s*\/\* @vite-ignore \*\/\s*`([^`$]+)`/g, 'new URL("$1"');
      }
    },
  };
}

/** Declarations, with imports by the file's whole name, as Node's way to resolve them wants. */
function declare() {
  const tsc = join(createRequire(import.meta.url).resolve("typescript/package.json"), "../bin/tsc");
  execFileSync(process.execPath, [tsc, "-p", join(here, "tsconfig.json")], { stdio: "inherit" });
  const types = join(dist, "types");
  for (const file of readdirSync(types, { recursive: true }).filter((each) => each.endsWith(".d.ts"))) {
    const text = readFileSync(join(types, file), "utf8");
    writeFileSync(join(types, file), text.replace(/((?:from|import)\s*\(?\s*")(\.{1,2}\/[\w./-]+)(?<!\.js)(")/g, "$1$2.js$3"));
  }
}

/** Our licences, and those of what is in the bundle. */
function license() {
  for (const file of ["LICENSE-MIT", "LICENSE-APACHE"]) copyFileSync(join(root, file), join(dist, file));
  const require = createRequire(join(here, "package.json"));
  const notices = Object.keys(own.devDependencies ?? {}).map((dependency) => {
    const manifest = require.resolve(`${dependency}/package.json`);
    const { version, license } = JSON.parse(readFileSync(manifest, "utf8"));
    const text = readFileSync(join(manifest, "../LICENSE"), "utf8").trim();
    return `${dependency} ${version} (${license})\n\n${text}\n`;
  });
  if (notices.length > 0) writeFileSync(join(dist, "NOTICES.txt"), notices.join("\n----\n\n"));
}
