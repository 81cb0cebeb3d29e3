//! The cluster's page: what it reads, draws and says.

import { expect, test } from "vitest";
import { tokenIn } from "../src/cluster/api";
import { flowsOf, layFlows, shorten } from "../src/cluster/flows";
import { curve, History, KEEP_MS, TOTAL, topOf, type Sample } from "../src/cluster/history";
import { filterStreams, parentsOf, readCluster, readPools, regionsOf, watchUrl } from "../src/cluster/model";
import { rate } from "../src/cluster/numbers";
import { limitKey, nodeTone, noticesOf, percent, toneOf } from "../src/cluster/words";

const node = (id: string, role: string, region = "eu", more: object = {}) => ({
  id, roles: [role], region, isp: null, version: "0.1.0", draining: false, health: "alive",
  addresses: [{ protocol: "http", scope: "public", url: `http://${id}:8080` }],
  capacity: {}, load: { out_kbps: 100, cpu_permille: 50, viewers: 2 }, fullness_permille: 100, fullness_of: "cpu", owns: 0, carries: 0, ...more,
});
const stream = (key: string, owner: string, ...carriers: string[]) => ({ key, owner, epoch: 1, since_ms: 0, carriers });
const cluster = (nodes: object[], streams: object[] = [], status: object = {}) =>
  readCluster({ me: "o1", cluster: "weir", status: { store: true, bus: true, owned: 0, unconfirmed: 0, nodes: 2, doubting: false, ...status }, nodes, streams, streams_total: streams.length });

test("an answer that makes no sense is a cluster of nothing", () => {
  for (const nonsense of [null, 7, [], { nodes: "x", streams: [null, 3, {}], status: null }]) {
    expect(readCluster(nonsense)).toMatchObject({ nodes: [], streams: [], store: true, bus: true });
  }
  expect(readCluster({ nodes: [{ id: "a", load: { viewers: "many" } }] }).nodes[0]).toMatchObject({ id: "a", roles: [], region: "", load: { viewers: 0 } });
});

test("nodes stand by region, then by what they do, then by number", () => {
  const read = cluster([node("e10", "edge"), node("e2", "edge"), node("x", "edge", ""), node("o1", "origin"), node("d", "dispatcher", "ap")]);
  expect(regionsOf(read.nodes).map(({ region, nodes }) => [region, ...nodes.map((one) => one.id)])).toEqual([["ap", "d"], ["eu", "o1", "e2", "e10"], ["", "x"]]);
});

test("a stream's owner is no puller of it, and nobody pulls twice", () => {
  expect(cluster([], [stream("live/a", "o1", "e1", "o1", "e1", "e2")]).streams[0]!.carriers).toEqual(["e1", "e2"]);
});

test("streams are found by their name, their owner, and by the node chosen", () => {
  const { streams } = cluster([], [stream("live/Show", "o1", "e1"), stream("live/b", "o2", "e2")]);
  const keys = (query: string, of: string | null) => filterStreams(streams, query, of).map((one) => one.key);
  expect(keys(" show", null)).toEqual(["live/Show"]);
  expect(keys("o2", null)).toEqual(["live/b"]);
  expect(keys("", "e1")).toEqual(["live/Show"]);
  expect(keys("", "o2")).toEqual(["live/b"]);
  expect(keys("b", "e1")).toEqual([]);
});

test("a stream is watched at an edge that has it, never at one that drains", () => {
  const { nodes, streams } = cluster(
    [node("o1", "origin"), node("e1", "edge"), node("e2", "edge"), node("e3", "edge", "eu", { draining: true })],
    [stream("live/夜", "o1", "e2"), stream("live/b", "o1", "e3"), stream("v:live/c", "o1", "e1")],
  );
  expect(streams.map((one) => watchUrl(one, nodes))).toEqual(["http://e2:8080/watch/live/%E5%A4%9C", "http://e1:8080/watch/live/b", null]);
  expect(watchUrl(streams[0]!, nodes.filter((one) => one.id === "o1"))).toBeNull();
});

test("streams between the same two nodes are one line", () => {
  const { streams } = cluster([], [stream("a", "o1", "e1", "e2"), stream("b", "o1", "e1"), stream("c", "o2", "e1")]);
  expect(flowsOf(streams)).toEqual([
    { from: "o1", to: "e2", streams: 1 },
    { from: "o2", to: "e1", streams: 1 },
    { from: "o1", to: "e1", streams: 2 },
  ]);
});

test("a node with a parent pulls from that one, whoever owns the stream", () => {
  const { nodes, streams } = cluster(
    [node("o1", "origin"), node("e1", "edge"), node("e2", "edge", "eu", { parent: "http://e1:8080/" }), node("e3", "edge", "eu", { parent: "http://gone:1" })],
    [stream("a", "o1", "e2", "e3")],
  );
  expect([...parentsOf(nodes)]).toEqual([["e2", "e1"]]);
  expect(flowsOf(streams, parentsOf(nodes)).map(({ from, to }) => `${from} ${to}`)).toEqual(["e1 e2", "o1 e3"]);
});

test("fifty nodes are drawn without overlap, inside the picture, each line between its two", () => {
  const nodes = [0, 1, 2].flatMap((region) => Array.from({ length: 17 }, (_, at) => node(`n${region}-${at}`, at < 2 ? "origin" : "edge", `r${region}`)));
  const streams = Array.from({ length: 500 }, (_, at) => stream(`s${at}`, `n${at % 3}-${at % 2}`, `n${(at + 1) % 3}-${2 + (at % 15)}`, `n${at % 3}-${2 + (at % 7)}`));
  const read = cluster(nodes, streams);
  const flows = flowsOf(read.streams);
  const picture = layFlows(read.nodes, flows, 900);
  expect(picture.lines).toHaveLength(flows.length);
  for (const side of ["left", "right"] as const) {
    const spots = picture.spots.filter((spot) => spot.side === side).sort((a, b) => a.y - b.y);
    spots.forEach((spot, at) => {
      expect(spot.x >= 0 && spot.x + spot.width <= 900 && spot.y >= 0 && spot.y + spot.height <= picture.height).toBe(true);
      if (at > 0) expect(spot.y).toBeGreaterThanOrEqual(spots[at - 1]!.y + spots[at - 1]!.height);
    });
  }
  const right = picture.spots.find((spot) => spot.side === "right")!;
  const line = picture.lines.find((one) => one.to === right.id)!;
  expect(line.d.endsWith(`${right.x} ${right.y + right.height / 2}`)).toBe(true);
  expect(picture.labels.map((label) => label.region)).toEqual(["r0", "r1", "r2"]);
});

test("idle nodes of a small cluster are drawn, of a large one they are not", () => {
  const ids = (nodes: object[]) => layFlows(cluster(nodes).nodes, [], 600).spots.map((spot) => spot.id);
  expect(ids([node("o1", "origin"), node("e1", "edge"), node("d", "dispatcher")])).toEqual(["e1", "o1"]);
  expect(ids(Array.from({ length: 20 }, (_, at) => node(`e${at}`, "edge")))).toEqual([]);
});

test("long names are cut in the middle", () => {
  expect(shorten("edge-1", 10)).toBe("edge-1");
  expect(shorten("edge-eu-west-17", 9)).toBe("edge…t-17");
});

test("history keeps five minutes and forgets nodes that are gone", () => {
  const history = new History();
  history.push(cluster([node("a", "edge"), node("b", "edge")]), 0);
  for (let at_ms = 1000; at_ms <= KEEP_MS + 2000; at_ms += 1000) history.push(cluster([node("a", "edge")]), at_ms);
  expect(history.of("a")).toHaveLength(KEEP_MS / 1000 + 1);
  expect(history.of("a")[0]!.at_ms).toBe(2000);
  expect(history.of("b")).toEqual([]);
  expect(history.span(KEEP_MS + 2000)).toBe(KEEP_MS);
});

test("the total adds rates and viewers, and averages the CPU", () => {
  const history = new History();
  history.push(cluster([node("a", "edge"), node("b", "edge", "eu", { load: { out_kbps: 300, cpu_permille: 150, viewers: 5 } })]), 7);
  expect(history.of(TOTAL)).toEqual([{ at_ms: 7, out_kbps: 400, cpu_permille: 100, viewers: 7 }]);
});

const samples = (...pairs: [at_s: number, viewers: number][]): Sample[] => pairs.map(([at_s, viewers]) => ({ at_ms: at_s * 1000, out_kbps: 0, cpu_permille: 0, viewers }));
const frame = { now_ms: 100_000, span_ms: 100_000, top: 10, width: 100, height: 12 };

test("a curve ends at the right and has a gap where nothing was heard", () => {
  const { line } = curve(samples([0, 0], [1, 10], [50, 5], [100, 5]), "viewers", frame);
  expect(line).toBe("M0 11L1 1M50 6L50 6M100 6L100 6");
});

test("a long curve has few points and keeps its peak and its newest value", () => {
  const many = samples(...Array.from({ length: 300 }, (_, at): [number, number] => [at / 3, at === 151 ? 10 : 1]));
  const { line } = curve(many, "viewers", { ...frame, now_ms: many.at(-1)!.at_ms });
  expect(line.split("L").length).toBeLessThan(90);
  expect(line).toContain(" 1L");
  expect(line.endsWith("L100 10")).toBe(true);
});

test("scales end at a round number and never at nothing", () => {
  expect([topOf([], 10), topOf([11], 10), topOf([420_000], 1000), topOf([1000], 1000)]).toEqual([10, 20, 500_000, 1000]);
});

const keys = (read: ReturnType<typeof cluster>) => noticesOf(read).map((notice) => notice.key);

test("a cluster that is well says so, once", () => {
  const read = cluster([node("o1", "origin"), node("e1", "edge")]);
  expect(noticesOf(read)).toEqual([{ tone: "good", key: "nGood", values: { n: 2 } }]);
  expect(keys(cluster([node("o1", "origin")]))).toEqual(["nAlone"]);
});

test("a registry that is away is named before what follows from it", () => {
  const read = cluster([node("o1", "origin"), node("e1", "edge", "eu", { health: "late" })], [], { store: false, unconfirmed: 3 });
  expect(keys(read)).toEqual(["nStore", "nLate"]);
  expect(toneOf(noticesOf(read))).toBe("poor");
  expect(keys(cluster([node("a", "edge"), node("b", "edge")], [], { unconfirmed: 3 }))).toEqual(["nUnconfirmed"]);
  expect(keys(cluster([node("a", "edge"), node("b", "edge")], [], { bus: false, doubting: true }))).toEqual(["nBus", "nDoubt"]);
});

test("one full edge is a hint, all of them an alarm", () => {
  const full = { fullness_permille: 850 };
  expect(keys(cluster([node("a", "edge", "eu", full), node("b", "edge")]))).toEqual(["nFull"]);
  expect(keys(cluster([node("a", "edge", "eu", full), node("b", "edge", "eu", { draining: true })]))).toEqual(["nAllFull", "nDraining"]);
});

test("of many names four are said, and how many more there are", () => {
  const late = noticesOf(cluster(Array.from({ length: 7 }, (_, at) => node(`n${at}`, "origin", "eu", { health: "late" }))))[0]!;
  expect(late.values).toEqual({ n: 7, names: "n0, n1, n2, n3 +3" });
});

test("a node is as bad as the worst about it", () => {
  const tone = (more: object) => nodeTone(cluster([node("a", "edge", "eu", more)]).nodes[0]!);
  expect(tone({ health: "late", draining: true })).toBe("late");
  expect(tone({ draining: true, fullness_permille: 900 })).toBe("draining");
  expect([tone({ fullness_permille: 850 }), tone({ fullness_permille: 849 })]).toEqual(["full", "alive"]);
});

test("pools are read in the server's form", () => {
  const pool = { pool: "edges", role: "edge", region: null, desired: 3, current: 2, reason: "growth", min: 1, max: 4, dry_run: true };
  expect(readPools({ pools: [pool, {}] })).toEqual([{ name: "edges", desired: 3, current: 2, min: 1, max: 4, reason: "growth", dry_run: true }]);
  expect(readPools(null)).toEqual([]);
});

test("numbers have three digits that mean something", () => {
  expect([512, 1234, 12_345, 99_960, 123_456, 1_234_567].map(rate)).toEqual(["512 kbit/s", "1.23 Mbit/s", "12.3 Mbit/s", "100 Mbit/s", "123 Mbit/s", "1.23 Gbit/s"]);
  expect(percent(425)).toBe("43 %");
  expect([limitKey("bandwidth"), limitKey("luck")]).toEqual(["byBandwidth", null]);
});

test("a token in the address is found, an empty one is none", () => {
  expect(tokenIn("#token=a%2Bb")).toBe("a+b");
  expect(tokenIn("#token=")).toBeNull();
  expect(tokenIn("#other")).toBeNull();
});
