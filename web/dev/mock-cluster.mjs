//! A stand-in for a cluster, for work on its page alone: serves web/dist with the real content policy
//! and an invented cluster whose load breathes. Any token but "wrong" is right. Not for tests of weir.
//!
//! node dev/mock-cluster.mjs [--port 8091] [--nodes 6] [--streams 12] [--pools]
//!                           [--fault store|bus|doubt|late|full|drain] [--down] [--missing]

import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: args } = parseArgs({
  options: {
    port: { type: "string", default: "8091" },
    nodes: { type: "string", default: "6" },
    streams: { type: "string", default: "12" },
    fault: { type: "string", multiple: true, default: [] },
    pools: { type: "boolean" },
    down: { type: "boolean" },
    missing: { type: "boolean" },
  },
});
const dist = fileURLToPath(new URL("../dist", import.meta.url));
const POLICY =
  "default-src 'self'; media-src 'self' blob: *; worker-src 'self' blob:; connect-src *; " +
  "img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const PAGE_SIZE = 500;
const started_ms = Date.now();
const fault = (name) => args.fault.includes(name);
const nodes = names(Number(args.nodes));
const streams = Array.from({ length: Number(args.streams) }, (_, at) => stream(at)).sort((a, b) => (a.key < b.key ? -1 : 1));

function names(count) {
  const node = (id, role, region, isp = "", roles = [role]) => ({ id, roles, region, isp });
  if (count === 1) return [node("weir", "origin", "", "", ["origin", "edge", "dispatcher"])];
  if (count <= 6) {
    return [
      node("dispatcher", "dispatcher", "eu"),
      node("origin-1", "origin", "eu"),
      node("origin-2", "origin", "ap"),
      node("edge-eu-1", "edge", "eu", "isp-a"),
      node("edge-eu-2", "edge", "eu", "isp-a"),
      node("edge-ap-1", "edge", "ap", "isp-b"),
    ].slice(0, count);
  }
  const regions = ["ap-east", "eu-west", "us-west"];
  const isps = ["telecom", "unicom", "cernet", ""];
  return Array.from({ length: count }, (_, at) => {
    const region = regions[at % 3];
    if (at < 2) return node(`dispatcher-${at + 1}`, "dispatcher", region);
    if (at < 8) return node(`origin-${region}-${Math.floor(at / 3) + 1}`, "origin", region);
    return node(`edge-${region}-${Math.floor(at / 3)}`, "edge", region, isps[at % 4]);
  });
}

function stream(at) {
  const of = (role) => nodes.filter((node) => node.roles.includes(role));
  const owners = of("origin");
  const edges = of("edge").filter((node) => !node.roles.includes("origin"));
  const carriers = edges.filter((_, edge) => edges.length <= 3 ? (at + edge) % 2 === 0 : (at * 7 + edge * 13) % 37 < 1 + (at % 5)).map((node) => node.id);
  const app = ["live", "sport/cup", "radio"][at % 3];
  return { key: `${app}/${at === 4 ? "夜间电台" : `room-${String(at + 1).padStart(3, "0")}`}`, owner: owners[(at * 5) % owners.length].id, epoch: at + 1, since_ms: started_ms - at * 61_000, carriers };
}

function cluster(after) {
  const passed_s = (Date.now() - started_ms) / 1000;
  const all = nodes.map((node, at) => {
    const wave = 0.5 + 0.3 * Math.sin(passed_s / 13 + at) + 0.12 * Math.sin(passed_s / 3.1 + at * 2);
    const edge = node.roles.includes("edge");
    const origin = node.roles.includes("origin");
    const fullness = fault("full") && at % 5 === 3 ? 900 : Math.round((edge ? 640 : origin ? 260 : 50) * wave + (at % 4) * 40);
    const owns = streams.filter((one) => one.owner === node.id).length;
    return {
      ...node,
      version: "0.1.0",
      ...(node.id === "edge-eu-2" ? { parent: "http://edge-eu-1.internal:8080" } : {}),
      draining: fault("drain") && at === nodes.length - 1,
      health: fault("late") && at === 3 ? "late" : "alive",
      addresses: [
        { protocol: "rtmp", scope: "public", url: `rtmp://${node.id}.example.net:1935` },
        { protocol: "http", scope: "public", url: `http://${node.id}.example.net:8080` },
        { protocol: "http", scope: "internal", url: `http://${node.id}.internal:8080` },
        ...(node.isp ? [{ protocol: "http", scope: "public", isp: node.isp, url: `http://${node.isp}.proxy.example.net/${node.id}` }] : []),
      ],
      capacity: { out_kbps: edge ? 1_000_000 : 400_000, cpu_permille: 1000, connections: 50_000 },
      load: {
        out_kbps: Math.round((edge ? 1_000_000 : 400_000) * fullness / 1000),
        cpu_permille: Math.round(fullness * 0.6),
        connections: Math.round(fullness * 1.4),
        publishers: edge ? Math.round(wave * 6) : owns,
        viewers: edge ? Math.round(fullness * 1.3) : 0,
      },
      fullness_permille: fullness,
      fullness_of: "bandwidth",
      owns,
      carries: streams.filter((one) => one.carriers.includes(node.id)).length,
    };
  });
  const rest = streams.filter((one) => one.key > after);
  const page = rest.slice(0, PAGE_SIZE);
  const next = rest.length > PAGE_SIZE ? { next: page.at(-1).key } : {};
  const status = { store: !fault("store"), bus: !fault("bus"), owned: 3, unconfirmed: fault("store") ? 2 : 0, nodes: all.length, doubting: fault("doubt") };
  return { me: nodes[0].id, cluster: "weir", status, nodes: all, streams: page, streams_total: streams.length, ...next };
}

const POOLS = [
  { pool: "edges-eu", min: 2, max: 8, desired: 5, current: 3, reason: "bandwidth asks for 5 at 70 %; 2 more were ordered 12 s ago" },
  { pool: "edges-ap", min: 2, max: 8, desired: 2, current: 2, reason: "the minimum" },
  { pool: "edges-us", min: 2, max: 8, desired: 3, current: 4, reason: "edge-us-7 drains: 14 viewers left" },
];

createServer((request, response) => {
  const url = new URL(request.url, "http://mock");
  response.setHeader("content-security-policy", POLICY);
  const json = (status, body) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
  if (url.pathname.startsWith("/api/")) {
    if (args.down) return request.socket.destroy();
    if (!request.headers.authorization) return json(401, { code: 1001 });
    if (request.headers.authorization === "Bearer wrong") return json(403, { code: 1004 });
    if (url.pathname === "/api/v1/cluster" && !args.missing) return json(200, cluster(url.searchParams.get("after") ?? ""));
    if (url.pathname === "/api/v1/autoscale" && args.pools) return json(200, { pools: POOLS });
    return json(404, { code: 3001 });
  }
  const path = url.pathname.startsWith("/assets/") ? join(dist, normalize(url.pathname)) : join(dist, "index.html");
  if (!existsSync(path)) return json(404, { code: 3001 });
  response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" });
  createReadStream(path).pipe(response);
}).listen(Number(args.port), "127.0.0.1", () => console.log(`http://127.0.0.1:${args.port}/cluster#token=mock`));
