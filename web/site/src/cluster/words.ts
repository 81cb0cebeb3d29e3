//! What is the matter, in keys of texts with their values. Pure.

import type { ClusterNode, ClusterState } from "./model";
import type { ClusterKey } from "./strings";

export type Tone = "good" | "fair" | "poor";

export interface Notice {
  tone: Tone;
  key: ClusterKey;
  hint?: ClusterKey;
  values: Record<string, string | number>;
}

/** At which a node is full for new clients, and free again; as the dispatcher has them. */
export const FULL_PERMILLE = 850;
export const FREE_PERMILLE = 700;
/** Names said one by one. */
const MAX_NAMES = 4;

export function noticesOf(cluster: ClusterState): Notice[] {
  const notices: Notice[] = [];
  const say = (tone: Tone, key: ClusterKey, hint: ClusterKey | undefined, values: Notice["values"] = {}) =>
    notices.push({ tone, key, values, ...(hint ? { hint } : {}) });
  const about = (nodes: ClusterNode[]) => ({ n: nodes.length, names: names(nodes) });
  const late = cluster.nodes.filter((node) => node.late);
  const draining = cluster.nodes.filter((node) => node.draining);
  const edges = cluster.nodes.filter((node) => node.roles.includes("edge") && !node.draining && !node.late);
  const full = edges.filter((node) => node.fullness_permille >= FULL_PERMILLE);

  if (!cluster.store) say("poor", "nStore", "nStoreHint");
  if (!cluster.bus) say("poor", "nBus", "nBusHint");
  if (cluster.doubting) say("fair", "nDoubt", "nDoubtHint");
  if (cluster.store && cluster.unconfirmed > 0) say("fair", "nUnconfirmed", "nUnconfirmedHint", { n: cluster.unconfirmed });
  if (late.length > 0) say("fair", "nLate", "nLateHint", about(late));
  if (full.length > 0 && full.length === edges.length) say("poor", "nAllFull", "nAllFullHint");
  else if (full.length > 0) say("fair", "nFull", "nFullHint", about(full));
  if (draining.length > 0) say("fair", "nDraining", "nDrainingHint", about(draining));
  if (cluster.nodes.length === 1) say("good", "nAlone", "nAloneHint");
  if (notices.length === 0) say("good", "nGood", undefined, { n: cluster.nodes.length });
  return notices;
}

/** The worst of them. */
export function toneOf(notices: readonly Notice[]): Tone {
  const order: Tone[] = ["poor", "fair", "good"];
  return order.find((tone) => notices.some((notice) => notice.tone === tone)) ?? "good";
}

/** "a, b, c, d +3" */
function names(nodes: readonly ClusterNode[]): string {
  const some = nodes.slice(0, MAX_NAMES).map((node) => node.id).join(", ");
  return nodes.length > MAX_NAMES ? `${some} +${nodes.length - MAX_NAMES}` : some;
}

/** How a node is: what is worst about it. */
export type NodeTone = "alive" | "late" | "draining" | "full";

export function nodeTone(node: ClusterNode): NodeTone {
  if (node.late) return "late";
  if (node.draining) return "draining";
  return node.fullness_permille >= FULL_PERMILLE ? "full" : "alive";
}

/** 42 % */
export const percent = (permille: number): string => `${Math.round(permille / 10)} %`;

const LIMITS: Record<string, ClusterKey> = { bandwidth: "byBandwidth", cpu: "byCpu", connections: "byConnections" };

/** The nearest limit, in words. */
export const limitKey = (fullness_of: string): ClusterKey | null => LIMITS[fullness_of] ?? null;

const ROLES: Record<string, ClusterKey> = {
  origin: "origin", edge: "edge", dispatcher: "dispatcher", chat: "chat", worker: "worker", api: "api",
};

export const roleKey = (role: string): ClusterKey | null => ROLES[role] ?? null;
