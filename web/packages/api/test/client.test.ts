import { expect, test } from "vitest";
import document from "../../../../docs/ref/openapi.json?raw";
import { render } from "../../../dev/client.mjs";
import readme from "../README.md?raw";
import { Api, Refused } from "../src";
import { PLACES } from "../src/schema";
import written from "../src/schema.ts?raw";

interface Sent {
  url: string;
  method: string | undefined;
  body: unknown;
  headers: Headers;
}

/** A server that gives one answer and keeps what it was asked. */
function server(status: number, body: unknown, kind = "application/json") {
  const asked: Sent[] = [];
  const fetch = (async (url: string, init: RequestInit) => {
    asked.push({ url, method: init.method, body: init.body, headers: new Headers(init.headers) });
    const text = body === undefined ? null : JSON.stringify(body);
    return new Response(text, { status, headers: { "content-type": kind, etag: '"v1"' } });
  }) as typeof globalThis.fetch;
  return { asked, fetch };
}

test("the types are those of the document: else run node dev/client.mjs", () => {
  expect(written).toBe(render(JSON.parse(document)));
});

test("a path, a query and a body go where the document says", async () => {
  const { asked, fetch } = server(200, { items: [], next: null });
  const api = new Api({ origin: "https://live.example", token: "wk_a", fetch });
  await api.call("key_list", { path: { name: "a/b ü" } });
  await api.call("channel_create", { body: { name: "chess", title: "Chess" } });
  await api.call("session_end", { query: { which: "others" } });
  expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
    "GET https://live.example/api/v1/channels/a%2Fb%20%C3%BC/keys",
    "POST https://live.example/api/v1/channels",
    "DELETE https://live.example/api/v1/sessions?which=others",
  ]);
  expect(asked[1]?.body).toBe('{"name":"chess","title":"Chess"}');
  expect(asked[1]?.headers.get("authorization")).toBe("Bearer wk_a");
  expect(asked[0]?.headers.get("content-type")).toBeNull();
});

test("levels of a name stay levels, and a change names the version that it is meant for", async () => {
  const { asked, fetch } = server(200, { id: "1" });
  const api = new Api({ fetch });
  await api.call("stream", { path: { name: "live/班级 a?/b" } });
  const { answer, tag } = await api.tagged("page", { path: { id: "1" } });
  await api.call("page_edit", { path: { id: "1" }, header: { "If-Match": tag }, body: { title: "A" } });
  await api.call("page_edit", { path: { id: "1" }, header: { "If-Match": null }, body: { title: "A" } });
  expect(asked[0]?.url).toBe("/api/v1/streams/live/%E7%8F%AD%E7%BA%A7%20a%3F/b");
  expect([answer, tag]).toEqual([{ id: "1" }, '"v1"']);
  expect(asked.map(({ headers }) => headers.get("if-match"))).toEqual([null, null, '"v1"', null]);
});

test("a refusal is thrown with the server's words, and an answer without JSON is nothing", async () => {
  const problem = { code: 6004, detail: "port: not a port", advice: "Mend it.", errors: [{ field: "port", words: "not a port" }] };
  const refusing = server(422, problem, "application/problem+json");
  const error = await new Api({ fetch: refusing.fetch }).call("me").catch((error: unknown) => error);
  if (!(error instanceof Refused)) throw error;
  expect([error.status, error.code, error.message, error.fields]).toEqual([422, 6004, "port: not a port Mend it.", { port: "not a port" }]);
  const { fetch } = server(204, undefined, "");
  expect(await new Api({ fetch }).call("session_end")).toBeUndefined();
});

test("the readme's examples name operations that there are, and its first one runs", async () => {
  for (const [, id] of readme.matchAll(/\.call\("(\w+)"/g)) expect(Object.keys(PLACES)).toContain(id);
  const example = readme.match(/```ts\n([\s\S]*?)```/)?.[1] ?? "";
  const lines = example.split("\n").filter((line) => !line.startsWith("import "));
  const { asked, fetch } = server(200, { items: [{ name: "chess", live: true }], next: null });
  class Here extends Api {
    constructor(settings: object) {
      super({ ...settings, fetch });
    }
  }
  const said: unknown[][] = [];
  const run = new Function("Api", "Refused", "console", `return (async () => {${lines.join("\n")}})()`);
  await run(Here, Refused, { log: (...words: unknown[]) => said.push(words) });
  expect(said).toEqual([["chess", true]]);
  expect(asked.map(({ url }) => url)).toEqual(["https://your.server/api/v1/me/channels", "https://your.server/api/v1/channels"]);
});
