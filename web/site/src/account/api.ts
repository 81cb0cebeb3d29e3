//! What the account pages ask of the API. The browser's cookie says who asks.

/** Milliseconds for an answer. */
const TIMEOUT_MS = 10_000;

export interface Account {
  id: string;
  name: string;
  email: string;
  email_verified: boolean;
  role: string;
  has_password: boolean;
}

export interface Channel {
  name: string;
  stream: string;
  title: string;
  description: string;
  /** public, unlisted, password, followers or private */
  visibility: string;
  followers: number;
  live: boolean;
}

export interface StreamKey {
  id: string;
  label: string;
  created_ms: number;
  revoked_ms?: number | null;
  expires_ms?: number | null;
}

/** A ban on one's own account, with what one said against it. */
export interface OwnBan {
  id: string;
  /** Null for the whole site. */
  channel: string | null;
  stops: string;
  reason: string;
  expires_ms: number | null;
  appeal?: OwnAppeal;
}

export interface OwnAppeal {
  words: string;
  state: string;
  answer: string;
}

/** What was refused, in the server's words. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: number,
    words: string,
    /** Words for one field. */
    readonly fields: Record<string, string>,
  ) {
    super(words);
  }
}

interface Problem {
  code?: number;
  detail?: string;
  advice?: string;
  errors?: { field: string; words: string }[];
}

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const request: RequestInit = { method, signal: AbortSignal.timeout(TIMEOUT_MS), credentials: "same-origin" };
  if (body !== undefined) {
    request.headers = { "content-type": "application/json" };
    request.body = JSON.stringify(body);
  }
  const response = await fetch(`/api/v1${path}`, request);
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
  const problem = (await response.json().catch(() => ({}))) as Problem;
  const words = [problem.detail, problem.advice].filter(Boolean).join(" ");
  const fields = Object.fromEntries((problem.errors ?? []).map(({ field, words }) => [field, words]));
  throw new Refused(response.status, problem.code ?? 0, words || `HTTP ${response.status}`, fields);
}

/** Who is signed in; null for nobody. */
export async function me(): Promise<Account | null> {
  try {
    return await ask<Account>("GET", "/me");
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return null;
    throw error;
  }
}

export const signUp = (name: string, email: string, password: string) =>
  ask<Account>("POST", "/accounts", { name, email, password });

export const signIn = (login: string, password: string, code: string) =>
  ask<unknown>("POST", "/sessions", { login, password, kind: "cookie", ...(code && { code }) });

export const signInByLink = (token: string) => ask<unknown>("POST", "/sessions/link", { token, kind: "cookie" });

export const signOut = () => ask<void>("DELETE", "/sessions");

export const proveAddress = (token: string) => ask<void>("POST", "/accounts/prove", { token });

export const forgotten = (login: string) => ask<void>("POST", "/accounts/reset", { login });

export const resetPassword = (token: string, password: string) =>
  ask<void>("PUT", "/accounts/reset", { token, new_password: password });

export const setPassword = (password: string, old: string) =>
  ask<void>("PUT", "/me/password", { new_password: password, ...(old && { password: old }) });

export const ownChannels = async () => (await ask<{ items: Channel[] }>("GET", "/me/channels")).items;

export const channel = (name: string) => ask<Channel>("GET", `/channels/${encodeURIComponent(name)}`);

export const makeChannel = (name: string, title: string) => ask<Channel>("POST", "/channels", { name, title });

export const streamKeys = async (name: string) =>
  (await ask<{ items: StreamKey[] }>("GET", `/channels/${encodeURIComponent(name)}/keys`)).items;

/** A new key: nobody sees it a second time. */
export const makeKey = (name: string, label: string) =>
  ask<{ key: string; stream: string }>("POST", `/channels/${encodeURIComponent(name)}/keys`, { label });

export const revokeKey = (name: string, id: string) =>
  ask<void>("DELETE", `/channels/${encodeURIComponent(name)}/keys/${encodeURIComponent(id)}`);

export const follow = (name: string) => ask<void>("PUT", `/channels/${encodeURIComponent(name)}/follow`);

/** Leave to watch a channel that is not for everybody: for `?ticket=`. */
export const ticket = async (name: string, password: string) =>
  (await ask<{ ticket: string }>("POST", `/channels/${encodeURIComponent(name)}/ticket`, password ? { password } : {})).ticket;

export const setVisibility = (name: string, visibility: string, password: string) =>
  ask<Channel>("PATCH", `/channels/${encodeURIComponent(name)}`, { visibility, ...(password && { password }) });

export const ownBans = async () => (await ask<{ items: OwnBan[] }>("GET", "/me/bans")).items;

export const appealAgainst = (ban: string, words: string) => ask<OwnAppeal>("POST", "/me/appeals", { ban, words });

/** Channels that one helps with. */
export const ownTeams = async () => (await ask<{ items: (Channel & { role: string })[] }>("GET", "/me/teams")).items;
