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
if (results.churn) {
  const { connections, rest_bytes, peak_bytes, after_bytes } = results.churn;
  line(`memory at rest, with ${connections} connections of four kinds, after they went (${after_bytes.length} times)`, `${mib(rest_bytes)}, ${mib(peak_bytes)}, ${after_bytes.map(mib).join(", ")}`);
}
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
  const pages = results[`pages-${server}`];
  if (pages) line(`Page requests per CPU-second, ${server}`, `${number(pages.per_cpu_s, 0)} (${number(pages.answers / pages.seconds, 0)} a second, ${number(pages.bytes / pages.answers / 1024, 1)} KiB each)`);
}
for (const [size, bar] of [["720p", 100], ["1080p", 65]]) {
  const shots = results.snapshots?.[size];
  if (shots) line(`Pictures of ${size} streams per core-second (bar: ${bar}); with an FFmpeg for each`, `${number(shots.per_cpu_s, 0)}; ${number(shots.spawned_per_cpu_s, 0)} (keyframes of ${number(shots.keyframe_bytes / 1024, 0)} KiB)`);
}
for (const engine of ["sqlite", "postgres"]) {
  const tickets = results[`tickets-${engine}`];
  if (tickets) line(`${tickets.rate} leaves to watch a second, ${engine} (bar: p99 of 5 ms)`, `${tickets.p50_ms} / ${tickets.p99_ms} ms (${JSON.stringify(tickets.statuses)})`);
}
const keys = results["edge-keys"];
if (keys) line(`${number(keys.keys, 0)} stream keys at an edge: known after its start, as against none of them; memory`, `${keys.known_after_ms} ms, ${keys.alone_after_ms} ms; ${mib(keys.memory_bytes)}`);
for (const engine of ["sqlite", "postgres"]) {
  const events = results[`events-${engine}`];
  if (events) line(`${number(events.events, 0)} events, ${events.readers} readers, ${engine}: a second, late (p50/p99), CPU-seconds for ten thousand`, `${number(events.read_by_all_per_s, 0)}, ${events.late_ms_p50} / ${events.late_ms_p99} ms, ${number(events.cpu_s_per_10k, 2)}`);
}
const { review } = results;
if (review) {
  line(`A page of 20 stretches while ${review.streams} streams are live: claimed, passed`, `${ms(review.page_ms)}, ${ms(review.page_ok_ms)} (p99)`);
  line("A picture hashed, compared and put where people look", `${ms(review.picture_ms)} (p99)`);
}
const chats = [
  ["chat-12", "one message a send (bar: 1.25 × the floor)"],
  ["chat-240", "twenty a tick (bar: 0.4)"],
  ["chat-960", "eighty a tick (bar: 0.25)"],
  ["chat-one-room", "one room, a message a second"],
  ["chat-many-rooms", "the same in a thousand rooms (bar: 1.5 × one)"],
];
for (const [name, words] of chats) {
  const chat = results[name];
  if (chat) line(`Chat, ${number(chat.members, 0)} members, ${words}: CPU-seconds a million deliveries, a bare send, age (p50/p99)`, `${number(chat.server_cpu_s_per_million)}, ${number(chat.send_floor_cpu_s_per_million)}, ${`${ms(chat.age_ms, "p50")} / ${ms(chat.age_ms)}`} (${number(chat.delivered, 0)} delivered, ${chat.skipped} told of, ${chat.lost} lost)`);
}
const idle = results["chat-idle"];
if (idle) line(`${number(idle.members, 0)} members of a room who say nothing: let in within, memory each (bars: 5 s, 2 KiB)`, `${number(idle.joining_s, 1)} s, ${number(idle.server_rss_per_member / 1024)} KiB`);
for (const rate of [12, 60]) {
  const beside = ["weir", "plain", "socketio", "centrifugo", "nchan"].filter((kind) => results[`chat-${kind}-${rate}`]);
  if (beside.length > 0) line(`Chat, 5,000 members, ${rate} messages a second: CPU-seconds a million deliveries, age (p99), lost`, beside.map((kind) => {
    const chat = results[`chat-${kind}-${rate}`];
    return `${kind === "plain" ? "ws" : kind} ${number(chat.server_cpu_s_per_million)}, ${ms(chat.age_ms)}, ${chat.lost}`;
  }).join("; "));
}
const cost = results["record-cost"];
if (cost) line(`Recording of ${cost.streams} streams of 4 Mbit/s beside their packaging: of a core, each (bar: 0.1 %)`, `${number(cost.percent_of_core_each, 3)} % (${number(cost.off_cpu_s)} and ${number(cost.on_cpu_s)} CPU-seconds in ${cost.seconds} s)`);
const [off, on] = ["off", "on"].map((way) => results[`record-many-${way}`]);
if (off && on) line("p99 of 100 viewers beside very many streams: not recorded, recorded (bar: within 5 %)", `${ms(off.latency_ms)}, ${ms(on.latency_ms)}`);
const long = results["record-long"];
if (long) {
  line("List of 24 hours, packed: all of it (bars: 10 ms, 160 KB)", `${number(long.list.all_ms, 1)} ms, ${number(long.list.bytes / 1000, 0)} KB`);
  line("MP4 of six hours: first byte, the first time and later; in the midst of it (bar: 300 ms)", `${number(long.file_cold_ms, 1)} ms, ${number(long.file.first_ms, 1)} ms; ${number(long.range.first_ms, 1)} ms`);
}
const [edge, replay] = ["live", "replay"].map((what) => results[`record-edge-${what}`]);
if (edge && replay) {
  const per_gb = (load) => (load.server_cpu_s / load.bytes) * 1e9;
  line("CPU-seconds of an edge for a gigabyte: live HLS, replay (bar: 1.25 of live)", `${number(per_gb(edge))}, ${number(per_gb(replay))} (${number(per_gb(replay) / per_gb(edge))})`);
}
const crash = results["record-crash"];
if (crash) line(`Start behind a crash with ${crash.open} open blocks (${mib(crash.bytes)}), and without (bar: 10 s)`, `${number(crash.start_ms / 1000)} s, ${number(crash.alone_ms / 1000)} s`);
if (lines.length > 0) {
  console.log("\n## Everything else");
  table("figure", "value");
  lines.forEach((cells) => row(...cells));
}

// The cluster: each row with its bar.
const rows = [];
const bar = (name, value, limit, isMet) => rows.push([name, value, limit, isMet === undefined ? "" : isMet ? "met" : "MISSED"]);
const named = (pattern) => Object.entries(results).filter(([name]) => pattern.test(name)).map(([, result]) => result);
const both = (spread) => `${ms(spread, "p50")} / ${ms(spread)}`;
const flush_ms = 33;
for (const [form, words] of [["wait", "held by ?wait"], ["poll", "asking each 20 ms"]]) {
  const reach = results[`cluster-reach-${form}`];
  if (reach) bar(`publish at an edge, first picture at another region's, viewer ${words} (p50/p99 of ${reach.runs})`, both(reach.first_keyframe_ms), "300 ms", reach.first_keyframe_ms.p99 < 300);
}
const hops = [
  ["cluster-hops-pull", 1, "owner → edge"],
  ["cluster-hops-pull", 2, "owner → edge → edge below it"],
  ["cluster-hops-push", 1, "publisher's edge → owner"],
  ["cluster-hops-push", 2, "publisher's edge → owner → edge"],
];
for (const [name, count, words] of hops) {
  const added = results[name]?.from_first_ms[count - 1];
  const limit = count * (flush_ms + 5);
  if (added) bar(`added by ${count === 1 ? "a hop" : "two hops"}, ${words} (p50/p99 of ${added.count} pictures)`, both(added), `${limit} ms`, added.p99 <= limit);
}
for (const [name, words, limit] of [["cold", "cold edge: the pull begins", 100], ["hot", "hot edge", 20]]) {
  const join = results[`cluster-${name}`];
  if (join) bar(`first keyframe, ${words} (p50/p99 of ${join.joins})`, both(join.first_keyframe_ms), `${limit} ms`, join.first_keyframe_ms.p99 < limit);
}
const egress = results["cluster-egress"];
if (egress) {
  const streams = egress.origin_sent_bytes / egress.one_stream_bytes;
  bar(`origin egress, ${egress.viewers} viewers on 3 edges (HTTP-FLV, WS-FLV, RTMP), in streams`, number(streams), "3.0", streams < 3.1);
}
const objects = results["cluster-egress-hls"];
if (objects) {
  bar(`HLS of 3 edges: most requests of an edge for one segment (${objects.asked_of_edges} answered, ${objects.segment_requests} asked)`, objects.most_of_one_segment, "1", objects.most_of_one_segment === 1);
  bar("HLS of 3 edges: playlists asked of the origin by each edge", `${number(objects.list_requests / objects.lists_by_edge / objects.seconds, 1)} a second`, "");
}
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const dear = (where) => {
  const rounds = named(new RegExp(`^cluster-cpu-${where}-`));
  const all = (key) => rounds.reduce((sum, round) => sum + round[key], 0);
  return all("server_cpu_s") / (all("bytes") / 1e9);
};
if (results["cluster-cpu-edge-1"]) {
  const [edge, alone] = [dear("edge"), dear("alone")];
  bar(`fan-out to ${results["cluster-cpu-edge-1"].viewers}: edge and node alone, CPU-s/GB; ratio`, `${number(edge)}, ${number(alone)}; ${number(edge / alone)}`, "1.05", edge / alone <= 1.05);
}
const decisions = results["cluster-dispatch"];
if (decisions) bar(`decisions for each CPU-second, ${decisions.nodes} nodes, ${decisions.streams} streams`, decisions.answers_per_cpu_s, "20000", decisions.answers_per_cpu_s >= 20000);
const dispatch = results["cluster-dispatch-http"];
if (dispatch) bar("the same over HTTP, 6 nodes", number(dispatch.answers_per_cpu_s, 0), "");
const admission = results["cluster-admission"];
if (admission) {
  const rates = [admission.by_key_per_cpu_s, admission.by_signature_per_cpu_s];
  bar("admissions for each CPU-second by stream key, by signature", rates.join(", "), "200000", Math.min(...rates) >= 200000);
  bar(`a snapshot of ${admission.keys} keys: sent, read, held`, `${number(admission.sent_bytes / 1e6, 1)} MB, ${admission.read_ms} ms, ${number(admission.held_bytes / 1e6, 1)} MB`, "1000 ms, 64 MB", admission.read_ms < 1000 && admission.held_bytes < 64e6);
}
const redisAt = named(/^cluster-redis-\d+$/).length > 0 && Object.keys(results).map((name) => /^cluster-redis-(\d+)$/.exec(name)).filter(Boolean).map(([name, nodes]) => [Number(nodes), results[name]]).sort(([a], [b]) => a - b);
if (redisAt) {
  const each = redisAt.map(([nodes, { sent_per_s }]) => sent_per_s / nodes);
  bar(`Redis commands a second of ${redisAt.map(([nodes]) => nodes).join(", ")} nodes`, redisAt.map(([, { sent_per_s }]) => number(sent_per_s, 1)).join(", "), "linear", Math.max(...each) < 1.1 * Math.min(...each));
}
const [streams, watched] = [results["cluster-redis-streams"], results["cluster-redis-viewers"]];
if (streams) bar("Redis commands a second of 3 nodes with many streams", number(streams.sent_per_s, 1), "");
if (watched) bar("… and many viewers", number(watched.sent_per_s, 1), "the same", watched.sent_per_s < 1.1 * streams.sent_per_s);
for (const how of ["killed", "frozen"]) {
  const runs = named(new RegExp(`^cluster-failover-${how}-`));
  const waits = runs.map((run) => run.longest_wait_ms.max);
  if (runs.length === 0) continue;
  const lost = runs.reduce((sum, run) => sum + run.opened - run.alive, 0);
  bar(`owner ${how}: longest pause of any viewer at another edge (p50/max of ${runs.length}; ${lost} viewers lost)`, `${number(median(waits), 0)} ms / ${number(Math.max(...waits), 0)} ms`, "3000 ms", Math.max(...waits) < 3000 && lost === 0);
}
if (rows.length > 0) {
  console.log(`\n## The cluster\n\nLoad of the machine when it began: ${number(results["cluster-machine"]?.load)}`);
  table("figure", "value", "bar", "");
  rows.forEach((cells) => row(...cells));
}
