//! Builds the pages into web/dist, which the server carries inside its binary: index.html for every
//! page, everything else under /assets/ with a hash in its name.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** Where `npm run dev` finds a running weir. */
const server = process.env["WEIR_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "/",
  // The packages by their sources, as tsconfig.json says; `public/sdk` has them as they are published.
  resolve: { tsconfigPaths: true },
  build: {
    outDir: fileURLToPath(new URL("../dist", import.meta.url)),
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    // The pages are served with a strict content policy: nothing inline but styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // hls.js is one file of its own, loaded only when HLS is played.
    chunkSizeWarningLimit: 600,
  },
  server: {
    proxy: {
      "/api": server,
      "/slsp": { target: server, ws: true },
      "/chat": { target: server, ws: true },
      "^/(?!src/|@|node_modules/).+\\.(flv|m3u8|ts|m4s|mp4)(\\?.*)?$": { target: server, ws: true },
    },
  },
});
