//! A browser on a link that the driver shapes: what `narrow.mjs` and `shaped.mjs` share. The link is either the
//! caller's, reached at --via: orders are printed as lines that begin with "link ", and answers to "stats" are read from
//! standard input; or a program of its own, --link (`cargo run -p weir-testkit --example link` builds it).

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { inBrowser } from "./kit.mjs";

/** Options of every such driver. */
export const LINK_OPTIONS = {
  base: { type: "string" },
  via: { type: "string" },
  link: { type: "string" },
  app: { type: "string", default: "live" },
  protocol: { type: "string", default: "wsflv" },
  screenshot: { type: "string" },
  browser: { type: "string" },
  samples: { type: "boolean", default: false },
};
/** Time between two looks, ms. */
export const SAMPLE_MS = 100;

/** Runs `work(link, context, result)` in a browser, as `inBrowser` does, with the link open as long. */
export function overLink(args, work, more = []) {
  return inBrowser(
    args,
    async (context, result) => {
      const link = await openLink(args);
      try {
        await work(link, context, result);
      } finally {
        link.close();
      }
    },
    more,
  );
}

/** The caller's link over standard input and output, reached at `--via`, or one of our own, of the program `--link`. */
async function openLink(args) {
  let [input, output, prefix, base, child] = [process.stdin, process.stdout, "link ", args.via, null];
  if (args.link) {
    child = spawn(args.link, ["127.0.0.1:0", new URL(args.base).host], { stdio: ["pipe", "pipe", "inherit"] });
    [input, output, prefix] = [child.stdout, child.stdin, ""];
  } else if (!base) throw new Error("usage: --via URL or --link PROGRAM");
  const lines = createInterface({ input })[Symbol.asyncIterator]();
  if (child) base = `http://127.0.0.1:${(await lines.next()).value}`;
  const say = (order) => output.write(`${prefix}${order}\n`);
  return {
    base,
    say,
    async stats() {
      say("stats");
      return JSON.parse((await lines.next()).value);
    },
    close() {
      if (child) child.stdin.end();
      else process.stdin.destroy();
    },
  };
}
