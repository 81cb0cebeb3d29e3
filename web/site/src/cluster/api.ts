//! Asks about the cluster. The operator's token stays in this tab and goes in a header, never into an address.

import { ask, Refused } from "../api";
import { readCluster, readPools, type ClusterState, type Pool } from "./model";

const KEPT = "weir.admin";

export type Answer = { kind: "cluster"; cluster: ClusterState } | { kind: "denied" } | { kind: "missing" };

/** Throws when nobody answers, or only says that something is broken. */
export async function fetchCluster(after: string): Promise<Answer> {
  try {
    return { kind: "cluster", cluster: readCluster(await ask("cluster", { query: after ? { after } : {} })) };
  } catch (error) {
    const status = error instanceof Refused ? error.status : 0;
    if (status === 401 || status === 403) return { kind: "denied" };
    if (status === 404) return { kind: "missing" };
    throw error;
  }
}

/** None where nothing scales. */
export async function fetchPools(): Promise<Pool[]> {
  try {
    return readPools(await ask("pools"));
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return [];
    throw error;
  }
}

/** From the address (`#token=…`, which leaves it at once), else as kept in this tab. */
export function takeToken(): string {
  const given = tokenIn(location.hash);
  if (given === null) return kept();
  history.replaceState(null, "", location.pathname + location.search);
  keepToken(given);
  return given;
}

export function tokenIn(hash: string): string | null {
  return new URLSearchParams(hash.replace(/^#/, "")).get("token")?.trim() || null;
}

export function keepToken(token: string | null): void {
  try {
    if (token === null) sessionStorage.removeItem(KEPT);
    else sessionStorage.setItem(KEPT, token);
  } catch {
    // No storage: it holds until the page is left.
  }
}

function kept(): string {
  try {
    return sessionStorage.getItem(KEPT) ?? "";
  } catch {
    return "";
  }
}
