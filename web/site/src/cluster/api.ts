//! Asks the server. The token stays in this tab and goes in a header, never into an address.

import { readCluster, readPools, type ClusterState, type Pool } from "./model";

/** Longer than this, and it is as good as no answer. */
const TIMEOUT_MS = 5000;
const KEPT = "weir.admin";

export type Answer = { kind: "cluster"; cluster: ClusterState } | { kind: "denied" } | { kind: "missing" };

/** Throws when nobody answers, or only says that something is broken. */
export async function fetchCluster(token: string, after: string): Promise<Answer> {
  const response = await ask(`/api/v1/cluster${after ? `?after=${encodeURIComponent(after)}` : ""}`, token);
  if (response.status === 401 || response.status === 403) return { kind: "denied" };
  if (response.status === 404) return { kind: "missing" };
  if (!response.ok) throw new Error(`status ${response.status}`);
  return { kind: "cluster", cluster: readCluster(await response.json()) };
}

/** None where nothing scales. */
export async function fetchPools(token: string): Promise<Pool[]> {
  const response = await ask("/api/v1/autoscale", token);
  if (response.status === 404) return [];
  if (!response.ok) throw new Error(`status ${response.status}`);
  return readPools(await response.json());
}

function ask(path: string, token: string): Promise<Response> {
  return fetch(path, {
    // The cookie of who is signed in, where there is no token.
    headers: token ? { authorization: `Bearer ${token}` } : {},
    // The browser shall not ask for a password in a window of its own.
    credentials: token ? "omit" : "same-origin",
    cache: "no-store",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
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
