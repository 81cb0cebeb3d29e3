//! The API's page: what it reads of the description, and how it is found.

import { expect, test } from "vitest";
import described from "../../../docs/ref/openapi.json?raw";
import { curlOf, filterSections, readDocument } from "../src/docs/model";

const api = readDocument(JSON.parse(described));
const operations = api.sections.flatMap((section) => section.operations);
const named = (id: string) => operations.find((one) => one.id === id)!;

test("every operation of this server's own description is shown", () => {
  expect(operations.length).toBeGreaterThan(15);
  for (const one of operations) {
    expect([one.summary, ...one.answers.map((answer) => answer.words)].every(Boolean), one.id).toBe(true);
  }
  expect(named("stream")).toMatchObject({ method: "GET", path: "/api/v1/streams/{name}", right: "streams.read", roles: ["moderator", "admin"] });
  expect(named("live")).toMatchObject({ right: "", parameters: [{ name: "stream" }] });
});

test("bodies are shown field by field, those inside too", () => {
  const body = named("report").body;
  expect(body.find((field) => field.name === "port")).toMatchObject({ type: "integer", required: true });
  expect(body.find((field) => field.name === "ttl_ms")).toMatchObject({ required: false });
  const places = named("dispatch").answers.find((answer) => answer.status === "200")!.fields.find((field) => field.name === "places")!;
  expect(places.type).toBe("Place[]");
  expect(places.inside.find((field) => field.name === "why")!.inside.map((field) => field.name)).toContain("full_permille");
  // What a body may be left out of, and what is made of parts.
  expect(named("drain_begin").body.map((field) => field.name)).toEqual(["boot", "by", "order"]);
  expect(named("pool").answers[0]!.fields.map((field) => field.name)).toEqual(expect.arrayContaining(["desired", "pool"]));
});

test("the table of codes is read", () => {
  const row = { code: 4001, name: "client_stopped", fault: "client", status: null, message: "The client stopped.", advice: "Nothing." };
  expect(readDocument({ "x-weir-codes": [row, { code: "x" }] }).codes).toMatchObject([{ code: 4001, status: null }]);
});

test("what has all the words is found", () => {
  const found = filterSections(api.sections, "get  DRAIN").flatMap((section) => section.operations);
  expect(found.map((one) => one.id)).toEqual(["drain_progress"]);
  expect(filterSections(api.sections, "carrier pigeon")).toEqual([]);
});

test("how to ask by hand has what cannot be left out", () => {
  expect(curlOf(named("locate"), "https://h")).toBe("curl 'https://h/api/v1/streams/locate?app=…&stream=…' -H 'Authorization: Bearer TOKEN'");
  expect(curlOf(named("dispatch"), "https://h")).toMatch(/^curl -X POST 'https:\/\/h\/api\/v1\/dispatch\/\{purpose\}' -H 'Content-Type: application\/json' -d '\{"app":"live"/);
});

test("a description that makes no sense is one of nothing", () => {
  for (const nonsense of [null, 7, [], { paths: { "/x": null, "/y": { get: 3 } }, tags: "x", "x-weir-codes": [null, {}] }]) {
    expect(readDocument(nonsense).codes).toEqual([]);
  }
  const circle = { paths: { "/x": { get: { responses: { 200: { content: { j: { schema: { $ref: "#/components/schemas/A" } } } } } } } }, components: { schemas: { A: { properties: { a: { $ref: "#/components/schemas/A" } } } } } };
  expect(readDocument(circle).sections[0]!.operations[0]!.answers[0]!.fields[0]!.name).toBe("a");
});
