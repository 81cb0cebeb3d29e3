// What the section `cluster` asks its nodes, and the counting proxy it puts before an origin.
//
//   node cluster.mjs ready COUNT URL…          until each node knows so many nodes
//   node cluster.mjs owner URL KEY             the id of the node that owns a stream
//   node cluster.mjs count URL METRIC LABEL…   a counter's sum over the series that have all labels
//   node cluster.mjs redis PORT SECONDS        commands a second of a Redis, by name
//   node cluster.mjs tally PORT TARGET CONTROL a proxy that counts; `GET /` at CONTROL says what, and `/?zero` begins anew
import http from "node:http";
import net from "node:net";

const TOKEN = "bench";
const PATIENCE_MS = 20_000;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function cluster(url) {
  const answer = await fetch(`${url}/api/v1/cluster`, { headers: { authorization: `Bearer ${TOKEN}` } });
  return answer.json();
}

// Asks until there is an answer that is not undefined.
async function until(what, ask) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await ask().catch(() => undefined);
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${PATIENCE_MS} ms`);
    await sleep(100);
  }
}

async function ready([count, ...urls]) {
  const knows = async (url) => {
    const { nodes, status } = await cluster(url);
    const alive = nodes.filter((node) => node.health === "alive").length;
    return alive === Number(count) && status.nodes === Number(count) ? true : undefined;
  };
  await Promise.all(urls.map((url) => until(`${url} knows ${count} nodes`, () => knows(url))));
}

async function owner([url, key]) {
  const find = async () => (await cluster(url)).streams.find((stream) => stream.key === key)?.owner ?? undefined;
  console.log(await until(`an owner of ${key}`, find));
}

async function count([url, metric, ...labels]) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const series = text.split("\n").filter((line) => line.startsWith(`${metric}{`) && labels.every((label) => line.includes(label)));
  console.log(series.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0));
}

// What nodes send, and apart from it what scripts call inside Redis, as MONITOR shows them.
async function redis([port, seconds]) {
  const socket = net.connect({ host: "127.0.0.1", port: Number(port) });
  await new Promise((done, fail) => socket.once("connect", done).once("error", fail));
  const [sent, inside] = [{}, {}];
  let rest = "";
  socket.on("data", (bytes) => {
    const lines = (rest + bytes.toString("latin1")).split("\r\n");
    rest = lines.pop();
    for (const line of lines) {
      const [, place, name] = /^\+[\d.]+ \[\d+ ([^\]]+)\] "([^"]+)"/.exec(line) ?? [];
      if (!name) continue;
      const counts = place === "lua" ? inside : sent;
      counts[name.toLowerCase()] = (counts[name.toLowerCase()] ?? 0) + 1;
    }
  });
  socket.write("MONITOR\r\n");
  const from = performance.now();
  await sleep(Number(seconds) * 1000);
  const took = (performance.now() - from) / 1000;
  socket.destroy();
  const rates = (counts) => Object.fromEntries(Object.entries(counts).map(([name, calls]) => [name, calls / took]));
  const sum = (counts) => Object.values(counts).reduce((all, calls) => all + calls, 0) / took;
  console.log(JSON.stringify({ seconds: took, sent_per_s: sum(sent), inside_per_s: sum(inside), sent: rates(sent), inside: rates(inside) }));
}

// Passes bytes on. What goes towards the target is requests without bodies, one after the other.
function tally([port, target, control]) {
  let relayed = 0;
  let hls = 0;
  let asked = new Map();
  const [host, targetPort] = target.split(":");
  const request = (head) => {
    const [, path] = head.split(" ", 2);
    const [, node = "?"] = /authorization: weir-node ([^:]+):/i.exec(head) ?? [];
    const url = new URL(path, "http://origin");
    url.searchParams.delete("via");
    const key = `${node} ${url.pathname}${url.search}`;
    asked.set(key, (asked.get(key) ?? 0) + 1);
    return url.pathname.endsWith(".weir");
  };
  net
    .createServer({ noDelay: true }, (near) => {
      const far = net.connect({ host, port: Number(targetPort), noDelay: true });
      let head = "";
      let isRelay = false;
      near.on("data", (bytes) => {
        head += bytes.toString("latin1");
        for (let end = head.indexOf("\r\n\r\n"); end >= 0; end = head.indexOf("\r\n\r\n")) {
          isRelay = request(head.slice(0, end));
          head = head.slice(end + 4);
        }
      });
      far.on("data", (bytes) => {
        if (isRelay) relayed += bytes.length;
        else hls += bytes.length;
      });
      near.pipe(far);
      far.pipe(near);
      near.on("error", () => far.destroy());
      far.on("error", () => near.destroy());
      near.on("close", () => far.destroy());
      far.on("close", () => near.destroy());
    })
    .listen(Number(port), "127.0.0.1");
  http
    .createServer((ask, answer) => {
      answer.end(JSON.stringify({ relayed, hls, asked: Object.fromEntries(asked) }));
      if (ask.url.includes("zero")) {
        [relayed, hls] = [0, 0];
        asked = new Map();
      }
    })
    .listen(Number(control), "127.0.0.1", () => console.log("counting"));
}

const [command, ...rest] = process.argv.slice(2);
await { ready, owner, count, redis, tally }[command](rest);
