//! What `GET /api/v1/cluster` and `GET /api/v1/autoscale` say, read with distrust: a newer or older
//! server may leave things out. Pure.

export interface Load {
  out_kbps: number;
  cpu_permille: number;
  connections: number;
  publishers: number;
  viewers: number;
}

export interface Address {
  protocol: string;
  scope: string;
  isp: string;
  url: string;
}

export interface ClusterNode {
  id: string;
  roles: string[];
  region: string;
  isp: string;
  version: string;
  draining: boolean;
  late: boolean;
  addresses: Address[];
  /** The node it pulls from instead of the owners: its id, or one of its addresses; empty for none. */
  parent: string;
  /** 0: not what limits it. */
  capacity: { out_kbps: number; cpu_permille: number; connections: number };
  load: Load;
  fullness_permille: number;
  /** Which of its limits is the nearest: "bandwidth", "cpu" or "connections". */
  fullness_of: string;
  owns: number;
  carries: number;
}

export interface StreamRow {
  key: string;
  owner: string;
  epoch: number;
  /** By the owner's clock. */
  since_ms: number;
  /** Nodes that pulled it. */
  carriers: string[];
}

export interface ClusterState {
  me: string;
  name: string;
  /** Whether the registry answers, and whether this node hears its own messages. */
  store: boolean;
  bus: boolean;
  doubting: boolean;
  unconfirmed: number;
  /** By region, then by what they do, then by name. */
  nodes: ClusterNode[];
  streams: StreamRow[];
  streams_total: number;
  /** Where the next page begins; empty: this is the last one. */
  next: string;
}

export interface Pool {
  name: string;
  desired: number;
  current: number;
  min: number;
  /** 0: not said. */
  max: number;
  reason: string;
  dry_run: boolean;
}

type Json = Record<string, unknown>;
const object = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);

export function readCluster(json: unknown): ClusterState {
  const all = object(json);
  const status = object(all["status"]);
  const streams = list(all["streams"]).map(readStream).filter((one) => one.key !== "");
  return {
    me: text(all["me"]),
    name: text(all["cluster"]),
    store: status["store"] !== false,
    bus: status["bus"] !== false,
    doubting: status["doubting"] === true,
    unconfirmed: number(status["unconfirmed"]),
    nodes: list(all["nodes"]).map(readNode).filter((node) => node.id !== "").sort(byPlace),
    streams,
    streams_total: Math.max(number(all["streams_total"]), streams.length),
    next: text(all["next"]),
  };
}

export function readPools(json: unknown): Pool[] {
  const pools = Array.isArray(json) ? json : list(object(json)["pools"]);
  return pools
    .map(object)
    .map((pool) => ({
      name: text(pool["name"]) || text(pool["pool"]),
      desired: number(pool["desired"]),
      current: number(pool["current"]),
      min: number(pool["min"]),
      max: number(pool["max"]),
      reason: text(pool["reason"]),
      dry_run: pool["dry_run"] === true,
    }))
    .filter((pool) => pool.name !== "");
}

function readNode(json: unknown): ClusterNode {
  const node = object(json);
  const [capacity, load] = [object(node["capacity"]), object(node["load"])];
  return {
    id: text(node["id"]),
    roles: list(node["roles"]).map(text).filter(Boolean),
    region: text(node["region"]),
    isp: text(node["isp"]),
    version: text(node["version"]),
    draining: node["draining"] === true,
    late: text(node["health"]) === "late",
    parent: text(node["parent"]),
    addresses: list(node["addresses"]).map(readAddress).filter((one) => one.url !== ""),
    capacity: {
      out_kbps: number(capacity["out_kbps"]),
      cpu_permille: number(capacity["cpu_permille"]),
      connections: number(capacity["connections"]),
    },
    load: {
      out_kbps: number(load["out_kbps"]),
      cpu_permille: number(load["cpu_permille"]),
      connections: number(load["connections"]),
      publishers: number(load["publishers"]),
      viewers: number(load["viewers"]),
    },
    fullness_permille: number(node["fullness_permille"]),
    fullness_of: text(node["fullness_of"]),
    owns: number(node["owns"]),
    carries: number(node["carries"]),
  };
}

function readAddress(json: unknown): Address {
  // Some servers say an address as its URL alone.
  if (typeof json === "string") return { protocol: json.split(":")[0] ?? "", scope: "public", isp: "", url: json };
  const one = object(json);
  return { protocol: text(one["protocol"]), scope: text(one["scope"]), isp: text(one["isp"]), url: text(one["url"]) };
}

function readStream(json: unknown): StreamRow {
  const one = object(json);
  const owner = text(one["owner"]);
  return {
    key: text(one["key"]),
    owner,
    epoch: number(one["epoch"]),
    since_ms: number(one["since_ms"]),
    carriers: [...new Set(list(one["carriers"]).map(text))].filter((id) => id !== "" && id !== owner),
  };
}

const ORDER = ["dispatcher", "api", "origin", "edge", "chat", "worker"];
const rank = (node: ClusterNode) => Math.min(...node.roles.map((role) => (ORDER.indexOf(role) + ORDER.length) % ORDER.length), ORDER.length);

function byPlace(a: ClusterNode, b: ClusterNode): number {
  const region = (a.region === "" ? 1 : 0) - (b.region === "" ? 1 : 0) || compare(a.region, b.region);
  return region || rank(a) - rank(b) || compare(a.id, b.id);
}

/** As people sort names: edge-2 before edge-10, in every language of the page alike. */
const compare = new Intl.Collator("en", { numeric: true }).compare;

/** The ids of the nodes that others have for a parent, by the child's id. */
export function parentsOf(nodes: readonly ClusterNode[]): Map<string, string> {
  const named = (parent: string) => nodes.find((one) => one.id === parent || one.addresses.some(({ url }) => bare(url) === bare(parent)));
  return new Map(nodes.flatMap((node) => {
    const parent = node.parent && named(node.parent)?.id;
    return parent && parent !== node.id ? [[node.id, parent] as const] : [];
  }));
}

const bare = (url: string): string => url.replace(/^\w+:\/\//, "").replace(/\/$/, "");

/** Nodes by region, in the order they have. */
export function regionsOf(nodes: readonly ClusterNode[]): { region: string; nodes: ClusterNode[] }[] {
  const regions = new Map<string, ClusterNode[]>();
  for (const node of nodes) regions.set(node.region, [...(regions.get(node.region) ?? []), node]);
  return [...regions].map(([region, inside]) => ({ region, nodes: inside }));
}

/** Streams that a text (and a node, if one is chosen) is about. */
export function filterStreams(streams: readonly StreamRow[], query: string, node: string | null): StreamRow[] {
  const wanted = query.trim().toLowerCase();
  return streams.filter(
    (one) =>
      (wanted === "" || one.key.toLowerCase().includes(wanted) || one.owner.toLowerCase().includes(wanted)) &&
      (node === null || one.owner === node || one.carriers.includes(node)),
  );
}

/** A page that plays the stream: of a node that has it and faces viewers, else of any that does. */
export function watchUrl(stream: StreamRow, nodes: readonly ClusterNode[]): string | null {
  // The page knows the default virtual host alone.
  if (stream.key.includes(":")) return null;
  const has = (node: ClusterNode) => node.id === stream.owner || stream.carriers.includes(node.id);
  const page = (node: ClusterNode) => node.addresses.find((one) => /^https?:/.test(one.url) && one.scope !== "internal" && one.isp === "");
  const faces = nodes.filter((node) => node.roles.includes("edge") && !node.draining && !node.late && page(node));
  const node = faces.find(has) ?? faces[0];
  const base = node && page(node)?.url.replace(/\/$/, "");
  return base ? `${base}/watch/${stream.key.split("/").map(encodeURIComponent).join("/")}` : null;
}
