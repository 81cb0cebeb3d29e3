// Prints what bench/run.sh measured as Markdown: node summary.mjs FOLDER
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const results = {};
for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
  try {
    results[file.slice(0, -".json".length)] = JSON.parse(readFileSync(join(folder, file), "utf8"));
  } catch {
    console.error(`${file} holds no result`);
  }
}

const number = (value, digits = 2) => (typeof value === "number" ? value.toFixed(digits) : "–");
const ms = (spread, key = "p99") => (spread ? `${number(spread[key], 1)} ms` : "–");
const mib = (bytes) => (typeof bytes === "number" ? `${number(bytes / 1048576, 1)} MiB` : "–");
const row = (...cells) => console.log(`| ${cells.join(" | ")} |`);
const table = (...heads) => {
  console.log();
  row(...heads);
  row(...heads.map(() => "---"));
};

const fanouts = Object.keys(results)
  .map((name) => /^fanout-(flv|rtmp)-(\d+)-(\d+)$/.exec(name))
  .filter(Boolean)
  .map(([name, protocol, flush, viewers]) => ({ name, protocol, flush: Number(flush), viewers: Number(viewers) }))
  .sort((a, b) => a.viewers - b.viewers || a.flush - b.flush || a.protocol.localeCompare(b.protocol));

if (fanouts.length > 0) {
  console.log("## Fan-out of one stream");
  table("viewers", "flush", "protocol", "CPU-s/GB", "floor", "ratio", "latency p50", "latency p99", "stalls", "gaps");
  for (const { name, protocol, flush, viewers } of fanouts) {
    const ours = results[name];
    const floor = results[`fanout-floor-${flush}-${viewers}`];
    const ratio = floor && ours.server_cpu_s_per_gb / floor.server_cpu_s_per_gb;
    row(
      viewers,
      `${flush} ms`,
      protocol === "flv" ? "HTTP-FLV" : "RTMP",
      number(ours.server_cpu_s_per_gb),
      number(floor?.server_cpu_s_per_gb),
      number(ratio),
      ms(ours.latency_ms, "p50"),
      ms(ours.latency_ms),
      ours.stalls,
      ours.gaps + ours.backward,
    );
  }
}

const lines = [];
const line = (name, value) => lines.push([name, value]);
const { start, check, stalled } = results;
if (start) {
  line("start until the ports answer", `${start.start_ms} ms`);
  line("memory without streams", mib(start.rss_bytes));
}
if (check) line("cross-check: drain.c, readers alive and rate", `${check.alive} of ${check.readers}, ${number((check.bytes * 8) / check.seconds / check.readers / 1e6)} Mbit/s each`);
if (results["nginx-rtmp"] && results["nginx-weir"]) {
  const [theirs, ours] = [results["nginx-rtmp"], results["nginx-weir"]];
  line("RTMP, 300 viewers: nginx-rtmp", `${number(theirs.server_cpu_s_per_gb)} CPU-s/GB, latency p99 ${ms(theirs.latency_ms)}`);
  line("RTMP, 300 viewers: weir at its default", `${number(ours.server_cpu_s_per_gb)} CPU-s/GB, latency p99 ${ms(ours.latency_ms)}`);
}
if (results["memory-flv"]) line("memory per viewer (HTTP-FLV, 2000 viewers)", `${number(results["memory-flv"].server_rss_per_viewer / 1024)} KiB`);
for (const [name, result] of Object.entries(results).filter(([name]) => name.startsWith("publishers-"))) {
  line(`${name.split("-")[1]} publishers without viewers`, `${number(result.server_core_share * 100, 1)} % of a core`);
}
if (results.slsp) {
  const { publishers, seconds, rtmp_cpu_s, slsp_cpu_s } = results.slsp;
  const share = (cpu_s) => `${number((cpu_s / seconds / publishers) * 100, 2)} %`;
  line(`a publisher over RTMP, over SLSP (of a core, ${publishers} of them), ratio`, `${share(rtmp_cpu_s)}, ${share(slsp_cpu_s)}, ${number(slsp_cpu_s / rtmp_cpu_s)}`);
}
if (results.browser) {
  const { latency_ms, join_ms, pictures, publisher } = results.browser;
  line("browser to browser over WS-FLV: age of a picture when shown (p50/p99)", `${ms(latency_ms, "p50")} / ${ms(latency_ms)} (${pictures} pictures, ${publisher})`);
  line("a browser joins: first painted picture (p50/p99)", `${ms(join_ms, "p50")} / ${ms(join_ms)}`);
}
for (const protocol of ["flv", "rtmp"]) {
  const join = results[`join-${protocol}`];
  if (join) line(`join over ${protocol === "flv" ? "HTTP-FLV" : "RTMP"}: first byte, first keyframe (p50/p99)`, `${ms(join.first_byte_ms, "p50")} / ${ms(join.first_byte_ms)}, ${ms(join.first_keyframe_ms, "p50")} / ${ms(join.first_keyframe_ms)}`);
}
if (stalled) {
  line(`${stalled.viewers} viewers, ${stalled.stalled} of them stalled: gaps, stalls, lost viewers`, `${stalled.gaps + stalled.backward}, ${stalled.stalls}, ${stalled.opened - stalled.alive}`);
  line("memory before and at the end of it", `${mib(stalled.server_rss_before)}, ${mib(stalled.server_rss_after)}`);
}
for (const server of ["weir", "nginx"]) {
  const hls = results[`hls-${server}`];
  if (hls) line(`HLS requests per CPU-second, ${server}`, `${number(hls.requests_per_server_cpu_s, 0)} (${number(hls.requests_per_s, 0)} a second, ${number(hls.bytes / hls.requests / 1024, 0)} KiB each)`);
}
if (lines.length > 0) {
  console.log("\n## Everything else");
  table("figure", "value");
  lines.forEach((cells) => row(...cells));
}
