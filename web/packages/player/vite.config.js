//! Builds the package: `weir-player.js` is the element with everything it needs at once; the engines
//! are files of their own beside it, fetched when something is played with them.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: at("."),
  base: "./",
  publicDir: false,
  build: {
    outDir: at("dist"),
    emptyOutDir: true,
    target: "es2022",
    minify: true,
    sourcemap: false,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
    lib: { entry: { "weir-player": at("src/element/index.ts"), "weir-player-core": at("src/index.ts") }, formats: ["es"] },
    rolldownOptions: { output: { entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js", minify: true } },
  },
});
