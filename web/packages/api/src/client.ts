//! A thin client: an operation's name and what it takes become a request, and its answer is typed.

import { PLACES, type Operations, type Problem } from "./schema";

/** Milliseconds for an answer, where nothing else is said. */
const TIMEOUT_MS = 10_000;

/** Names of operations, as the document has them. */
export type OperationId = keyof Operations;
/** What an operation takes. */
export type Asked<Id extends OperationId> = Operations[Id]["asked"];
/** What an operation answers. */
export type Answered<Id extends OperationId> = Operations[Id]["answered"];

/** An answer, and which version of the thing it is. */
export interface Tagged<Id extends OperationId> {
  answer: Answered<Id>;
  tag: string | null;
}

/** An operation that needs nothing may be called with nothing. */
type Arguments<Id extends OperationId> = Record<never, never> extends Asked<Id> ? [asked?: Asked<Id>] : [asked: Asked<Id>];

export interface Settings {
  /** Where the server is, such as `https://live.example`; left out for the page's own. */
  origin?: string;
  /** A session's token or an API key; left out where the page's cookie says who asks. */
  token?: string;
  /** Milliseconds for an answer. */
  timeout_ms?: number;
  /** Called in place of the global `fetch`. */
  fetch?: typeof fetch;
}

/** What was refused, in the server's words. */
export class Refused extends Error {
  constructor(
    /** Of HTTP. */
    readonly status: number,
    /** What the server said of it (RFC 9457), as far as it said anything. */
    readonly problem: Partial<Problem>,
  ) {
    super([problem.detail, problem.advice].filter(Boolean).join(" ") || `HTTP ${status}`);
  }

  /** Of the table of errors; 0 where none was said. */
  get code(): number {
    return this.problem.code ?? 0;
  }

  /** Words for single fields. */
  get fields(): Record<string, string> {
    return Object.fromEntries((this.problem.errors ?? []).map(({ field, words }) => [field, words]));
  }
}

/** Calls operations of one server. */
export class Api {
  constructor(private readonly settings: Settings = {}) {}

  /**
   * Does one operation. Throws {@link Refused} for what the server refuses, and what `fetch` throws where it is not
   * reached.
   */
  async call<Id extends OperationId>(id: Id, ...asked: Arguments<Id>): Promise<Answered<Id>> {
    return (await this.tagged(id, ...asked)).answer;
  }

  /**
   * The same, with the tag of the version that was answered (`ETag`, RFC 9110 §8.8.3): for `If-Match` of a change that
   * shall not be made to another. Null where there is none.
   */
  async tagged<Id extends OperationId>(id: Id, ...[asked]: Arguments<Id>): Promise<Tagged<Id>> {
    const [method, template] = PLACES[id];
    const { path = {}, query = {}, header = {}, body } = (asked ?? {}) as { path?: Values; query?: Values; header?: Values; body?: unknown };
    const { origin = "", token, timeout_ms = TIMEOUT_MS, fetch: ask = fetch } = this.settings;
    const headers: Record<string, string> = { accept: "application/json", ...texts(header) };
    if (token) headers["authorization"] = `Bearer ${token}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    const response = await ask(`${origin}${place(template, path)}${search(query)}`, {
      method,
      headers,
      // With a token the cookie has nothing to say.
      credentials: token ? "omit" : "same-origin",
      signal: AbortSignal.timeout(timeout_ms),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Refused(response.status, ((await response.json().catch(() => ({}))) ?? {}) as Partial<Problem>);
    const isJson = response.headers.get("content-type")?.startsWith("application/json");
    return { answer: (isJson ? await response.json() : undefined) as Answered<Id>, tag: response.headers.get("etag") };
  }
}

type Values = Record<string, unknown>;

/** A parameter with a plus stands for several levels: its slashes stay. */
function place(template: string, path: Values): string {
  return template.replace(/\{(\+?)(\w+)\}/g, (_, plus: string, name: string) => {
    const value = String(path[name]);
    return plus ? value.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(value);
  });
}

function search(query: Values): string {
  const said = texts(query);
  return Object.keys(said).length > 0 ? `?${new URLSearchParams(said)}` : "";
}

/** What is said, as text. */
function texts(values: Values): Record<string, string> {
  const said = Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(said.map(([name, value]) => [name, String(value)]));
}
