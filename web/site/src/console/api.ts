//! What the console asks of the API: by the browser's cookie, or by the operator's token where a node has no accounts.

import type { Problem } from "@weir/api";
import { Refused } from "../account/api";
import { keepToken, takeToken } from "../cluster/api";

/** Milliseconds for an answer. */
const TIMEOUT_MS = 10_000;

let token = "";

/** From the address or this tab; empty for the cookie. */
export function begin(): string {
  token = takeToken();
  return token;
}

export function setToken(next: string): void {
  token = next;
  keepToken(next || null);
}

export async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const request: RequestInit = { method, signal: AbortSignal.timeout(TIMEOUT_MS), cache: "no-store" };
  const headers: Record<string, string> = {};
  if (token) headers["authorization"] = `Bearer ${token}`;
  // With a token the browser shall not ask for a password in a window of its own.
  request.credentials = token ? "omit" : "same-origin";
  if (body !== undefined) {
    headers["content-type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  request.headers = headers;
  const response = await fetch(`/api/v1${path}`, request);
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
  throw new Refused(response.status, (await response.json().catch(() => ({}))) as Partial<Problem>);
}

export interface Paged<T> {
  items: T[];
  next: string | null;
}

export const enc = encodeURIComponent;

/** Each level of a name on its own. */
export const levels = (name: string) => name.split("/").map(enc).join("/");

export interface User {
  id: string;
  name: string;
  email: string;
  role: string;
  state: string;
  state_reason: string;
  created_ms: number;
}

export interface Session {
  id: string;
  kind: string;
  agent: string;
  address: string;
  used_ms: number;
  current: boolean;
}

export interface Ban {
  id: string;
  channel: string | null;
  kind: string;
  subject: string;
  name: string | null;
  stops: string;
  reason: string;
  created_ms: number;
  expires_ms: number | null;
  lifted_ms: number | null;
  appeal?: Appeal;
}

export interface Appeal {
  id: string;
  ban: string;
  reason: string | null;
  name: string | null;
  words: string;
  state: string;
  answer: string;
}

export interface Stream {
  app: string;
  stream: string;
  viewers: number;
  uptime_ms: number;
  bitrate_kbps: number;
  video_kbps: number;
  audio_kbps: number;
  received_bytes: number;
  sent_bytes: number;
  dropped_frames: number;
  skipped_frames: number;
  corrections: number;
  gop_ms: number;
  video: { codec: string; rfc6381: string; width: number; height: number; fps: number } | null;
  audio: { codec: string; rfc6381: string; sample_rate: number; channels: number } | null;
  publisher: { id: string; protocol: string; address: string } | null;
  notes: string[];
}

export interface Client {
  id: string;
  role: string;
  protocol: string;
  stream: string;
  address: string;
  uptime_ms: number;
  lost_frames: number;
  is_node: boolean;
}

export interface Hook {
  id: string;
  url: string;
  app: string;
  types: string[];
  dialect: string;
  state: string;
}

export interface Delivery {
  id: string;
  type: string;
  stream: string;
  state: string;
  tries: number;
  next_at: string | null;
  status: number | null;
  words: string;
}

export interface LogEvent {
  id: string;
  type: string;
  app: string;
  stream: string;
  at: string;
  cause_name: string | null;
}

export interface Broadcast {
  id: string;
  app: string;
  stream: string;
  node: string;
  protocol: string;
  address: string;
  started_at: string;
  ended_at: string | null;
  cause_name: string | null;
  viewers_max: number;
}

export interface Act {
  id: string;
  name: string;
  action: string;
  object: string;
  before: unknown;
  after: unknown;
  address: string;
  at: string;
}

export interface App {
  app: string;
  rules: Record<string, unknown>;
  retention_hours: number | null;
  recording_hours: number | null;
}

export interface Category {
  name: string;
  title: string;
  title_zh: string;
  place: number;
}

export interface Setting {
  name: string;
  value: unknown;
  meaning: string;
  needs_restart: boolean;
  is_set: boolean;
}
