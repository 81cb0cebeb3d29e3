//! Who pulls how much from whom, and where that is drawn: owners at the left, those that pull at the
//! right by region. One line for each pair, however many streams. Pure.

import type { ClusterNode, StreamRow } from "./model";

export interface Flow {
  from: string;
  to: string;
  streams: number;
}

/** Pairs, the thickest last so that it is drawn on top. A node with a parent pulls from that one. */
export function flowsOf(streams: readonly StreamRow[], parents: ReadonlyMap<string, string> = new Map()): Flow[] {
  const pairs = new Map<string, Flow>();
  for (const { owner, carriers } of streams) {
    for (const to of carriers) {
      const from = parents.get(to) ?? owner;
      const pair = `${from}\n${to}`;
      const flow = pairs.get(pair);
      if (flow) flow.streams += 1;
      else pairs.set(pair, { from, to, streams: 1 });
    }
  }
  return [...pairs.values()].sort((a, b) => a.streams - b.streams);
}

export interface Spot {
  id: string;
  side: "left" | "right";
  x: number;
  y: number;
  width: number;
  height: number;
  /** Streams given away or pulled. */
  streams: number;
}

export interface Line extends Flow {
  d: string;
  thick: number;
  /** Which of the owners it comes from: their lines have a colour each. */
  owner: number;
}

export interface FlowPicture {
  width: number;
  height: number;
  spots: Spot[];
  labels: { region: string; x: number; y: number }[];
  lines: Line[];
}

const MAX_THICK = 9;
/** With more lines than this they are thin. */
const MANY_LINES = 60;
/** From this many at one side on rows are low. */
const MANY = 14;
const LABEL = 22;
const GAP = 5;

/** Nodes without any stream are left out unless there is no stream at all, or they are few. */
export function layFlows(nodes: readonly ClusterNode[], flows: readonly Flow[], width: number): FlowPicture {
  const known = new Map(nodes.map((node) => [node.id, node]));
  const count = (key: "from" | "to", id: string) => flows.filter((flow) => flow[key] === id).reduce((sum, flow) => sum + flow.streams, 0);
  const few = nodes.length <= MANY;
  const left = nodes.filter((node) => flows.some((flow) => flow.from === node.id) || (few && node.roles.includes("origin")));
  const right = nodes.filter((node) => flows.some((flow) => flow.to === node.id) || (few && node.roles.includes("edge")));

  const row = Math.max(left.length, right.length) > MANY ? 20 : 30;
  const side = Math.round(Math.min(210, width * 0.34));
  const spots: Spot[] = [];
  const labels: FlowPicture["labels"] = [];
  let y = 0;
  let region: string | null = null;
  for (const node of right) {
    if (node.region !== region) {
      if (region !== null) y += GAP * 2;
      labels.push({ region: node.region, x: width - side, y: y + LABEL - 8 });
      y += LABEL;
      region = node.region;
    }
    spots.push({ id: node.id, side: "right", x: width - side, y, width: side, height: row, streams: count("to", node.id) });
    y += row + GAP;
  }
  const height = Math.max(y - GAP, LABEL + left.length * (row + GAP) - GAP, row);
  left.forEach((node, at) => {
    const middle = ((at + 0.5) / left.length) * height;
    spots.push({ id: node.id, side: "left", x: 0, y: middle - row / 2, width: side, height: row, streams: count("from", node.id) });
  });
  return { width, height, spots, labels, lines: linesOf(flows.filter((flow) => known.has(flow.from) && known.has(flow.to)), spots) };
}

function linesOf(flows: readonly Flow[], spots: readonly Spot[]): Line[] {
  const most = flows.reduce((high, flow) => Math.max(high, flow.streams), 1);
  const thickest = flows.length > MANY_LINES ? MAX_THICK / 3 : MAX_THICK;
  const owners = spots.filter((spot) => spot.side === "left").map((spot) => spot.id);
  const at = new Map(spots.map((spot) => [`${spot.side} ${spot.id}`, spot]));
  return flows.flatMap((flow) => {
    const [from, to] = [at.get(`left ${flow.from}`), at.get(`right ${flow.to}`)];
    if (!from || !to) return [];
    const [x1, y1] = [from.x + from.width, from.y + from.height / 2];
    const [x2, y2] = [to.x, to.y + to.height / 2];
    const bend = (x2 - x1) * 0.45;
    const d = `M${x1} ${round(y1)}C${round(x1 + bend)} ${round(y1)} ${round(x2 - bend)} ${round(y2)} ${x2} ${round(y2)}`;
    return [{ ...flow, d, owner: owners.indexOf(flow.from), thick: round(1.2 + (flow.streams / most) * (thickest - 1.2)) }];
  });
}

const round = (n: number) => Math.round(n * 10) / 10;

/** What fits, with an ellipsis in the middle: nodes differ at their ends. */
export function shorten(text: string, chars: number): string {
  if (text.length <= chars || chars < 3) return text;
  const head = Math.ceil((chars - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (chars - 1 - head))}`;
}
