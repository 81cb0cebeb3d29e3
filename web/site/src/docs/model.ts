//! What the API's description (OpenAPI 3.1) says, in the shape in which the page shows it. Read with distrust: a
//! newer server may say more.

type Json = Record<string, unknown>;

/** One field of a body, with those inside it. */
export interface Field {
  name: string;
  type: string;
  required: boolean;
  words: string;
  inside: Field[];
}

export interface Parameter {
  name: string;
  /** `path`, `query` or `header`. */
  where: string;
  type: string;
  required: boolean;
  words: string;
}

export interface Answer {
  status: string;
  words: string;
  /** What the body is called; empty where there is none. */
  body: string;
  fields: Field[];
}

export interface Operation {
  id: string;
  method: string;
  path: string;
  tag: string;
  summary: string;
  words: string;
  /** Empty where anybody may. */
  right: string;
  /** Who has that right. */
  roles: string[];
  parameters: Parameter[];
  body: Field[];
  /** As JSON; empty where there is none. */
  example: string;
  answers: Answer[];
}

export interface Section {
  tag: string;
  words: string;
  operations: Operation[];
}

export interface CodeRow {
  code: number;
  name: string;
  status: number | null;
  message: string;
  advice: string;
}

export interface ApiDocument {
  version: string;
  words: string;
  sections: Section[];
  codes: CodeRow[];
}

const METHODS = ["get", "post", "put", "patch", "delete"];
/** Fields inside fields that are shown: deeper ones are named only. */
const DEPTH = 4;

const object = (value: unknown): Json => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

export function readDocument(value: unknown): ApiDocument {
  const root = object(value);
  const info = object(root["info"]);
  const operations = Object.entries(object(root["paths"])).flatMap(([path, item]) =>
    METHODS.filter((method) => method in object(item)).map((method) => readOperation(root, path, method, object(object(item)[method]))),
  );
  const named = list(root["tags"]).map((tag) => ({ tag: text(object(tag)["name"]), words: text(object(tag)["description"]) }));
  const others = operations.map((one) => one.tag).filter((tag) => !named.some((known) => known.tag === tag));
  const sections = [...named, ...[...new Set(others)].map((tag) => ({ tag, words: "" }))]
    .map((section) => ({ ...section, operations: operations.filter((one) => one.tag === section.tag) }))
    .filter((section) => section.operations.length > 0);
  return { version: text(info["version"]), words: text(info["description"]), sections, codes: readCodes(root["x-weir-codes"]) };
}

function readCodes(value: unknown): CodeRow[] {
  return list(value).map(object).filter((row) => typeof row["code"] === "number").map((row) => ({
    code: row["code"] as number,
    name: text(row["name"]),
    status: typeof row["status"] === "number" ? row["status"] : null,
    message: text(row["message"]),
    advice: text(row["advice"]),
  }));
}

function readOperation(root: Json, path: string, method: string, said: Json): Operation {
  const right = text(said["x-weir-right"]);
  const [schema, example] = content(root, said["requestBody"]);
  return {
    id: text(said["operationId"]) || `${method} ${path}`,
    method: method.toUpperCase(),
    path,
    tag: text(list(said["tags"])[0]),
    summary: text(said["summary"]),
    words: text(said["description"]),
    right,
    roles: list(object(root["x-weir-rights"])[right]).map(text),
    parameters: list(said["parameters"]).map((one) => readParameter(root, resolve(root, one))),
    body: fieldsOf(root, schema, DEPTH),
    example: example === undefined ? "" : JSON.stringify(example, null, 2),
    answers: Object.entries(object(said["responses"])).map(([status, answer]) => readAnswer(root, status, resolve(root, answer))),
  };
}

function readParameter(root: Json, said: Json): Parameter {
  return {
    name: text(said["name"]),
    where: text(said["in"]),
    type: typeOf(root, said["schema"]),
    required: said["required"] === true,
    words: text(said["description"]),
  };
}

function readAnswer(root: Json, status: string, said: Json): Answer {
  const [schema] = content(root, said);
  return {
    status,
    words: text(said["description"]),
    body: schema === undefined ? "" : typeOf(root, schema),
    fields: fieldsOf(root, schema, DEPTH),
  };
}

/** Schema and example of the first kind of body. */
function content(root: Json, said: unknown): [schema: unknown, example: unknown] {
  const [first] = Object.values(object(resolve(root, said)["content"]));
  const schema = object(first)["schema"];
  return [schema, object(first)["example"] ?? plain(root, schema)["example"]];
}

function resolve(root: Json, value: unknown): Json {
  const said = object(value);
  const path = text(said["$ref"]);
  if (!path.startsWith("#/")) return said;
  return object(path.slice(2).split("/").reduce<unknown>((at, key) => object(at)[key], root));
}

/** The schema itself: behind a reference, and of two of which one is null the other. */
function plain(root: Json, value: unknown): Json {
  const schema = resolve(root, value);
  const choices = list(schema["oneOf"]).filter((one) => object(one)["type"] !== "null");
  return choices.length === 1 ? plain(root, choices[0]) : schema;
}

function fieldsOf(root: Json, value: unknown, depth: number): Field[] {
  const schema = plain(root, value);
  if (depth === 0) return [];
  if (schema["type"] === "array") return fieldsOf(root, schema["items"], depth);
  const parts = list(schema["allOf"]).flatMap((part) => fieldsOf(root, part, depth));
  const required = list(schema["required"]);
  const own = Object.entries(object(schema["properties"])).map(([name, property]) => ({
    name,
    type: typeOf(root, property),
    required: required.includes(name),
    words: text(object(property)["description"]) || text(plain(root, property)["description"]),
    inside: fieldsOf(root, property, depth - 1),
  }));
  return [...parts, ...own];
}

function typeOf(root: Json, value: unknown): string {
  const said = object(value);
  const name = text(said["$ref"]).split("/").pop();
  const schema = plain(root, value);
  if (schema["type"] === "array") return `${typeOf(root, schema["items"])}[]`;
  const values = list(schema["enum"]).map((one) => JSON.stringify(one)).join(" | ");
  if (values) return values;
  const choices = list(said["oneOf"]);
  if (choices.length > 0) return choices.map((one) => typeOf(root, one)).join(" | ");
  if (name) return name;
  const types = [schema["type"]].flat().map(text).filter(Boolean);
  return types.join(" | ") || "any";
}

/** What has all the words in its method, path or summary. */
export function filterSections(sections: Section[], wanted: string): Section[] {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (one: Operation): boolean => {
    const all = `${one.method} ${one.path} ${one.summary} ${one.right}`.toLowerCase();
    return words.every((word) => all.includes(word));
  };
  return sections
    .map((section) => ({ ...section, operations: section.operations.filter(fits) }))
    .filter((section) => section.operations.length > 0);
}

/** How to ask by hand, at this server. */
export function curlOf(one: Operation, origin: string): string {
  const query = one.parameters.filter((parameter) => parameter.where === "query" && parameter.required).map((parameter) => `${parameter.name}=…`).join("&");
  const parts = [`curl${one.method === "GET" ? "" : ` -X ${one.method}`} '${origin}${one.path}${query && `?${query}`}'`];
  if (one.right) parts.push(`-H 'Authorization: Bearer TOKEN'`);
  if (one.example) parts.push(`-H 'Content-Type: application/json'`, `-d '${JSON.stringify(JSON.parse(one.example))}'`);
  return parts.join(" ");
}
