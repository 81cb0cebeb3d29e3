//! Writes `packages/api/src/schema.ts` out of `docs/ref/openapi.json`: a type for each schema, and for each operation
//! what it takes and what it answers. `node dev/client.mjs` writes it; a test compares.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const METHODS = ["get", "post", "put", "patch", "delete"];
const DOCUMENT = fileURLToPath(new URL("../../docs/ref/openapi.json", import.meta.url));
const TARGET = fileURLToPath(new URL("../packages/api/src/schema.ts", import.meta.url));

/** The document's text to the module's. */
export function render(document) {
  const names = new Set(Object.keys(document.components.schemas));
  for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g))
    if (!names.has(name)) throw new Error(`the document has no schema ${name}`);
  const schemas = Object.entries(document.components.schemas).sort(byName);
  const operations = Object.entries(document.paths)
    .flatMap(([path, methods]) => METHODS.filter((method) => methods[method]).map((method) => [methods[method].operationId, method, path, methods[method]]))
    .sort(byName);
  return [
    "//! Written by dev/client.mjs out of docs/ref/openapi.json: change the server, not this.\n",
    ...schemas.map(([name, schema]) => `${remark(schema.description)}export type ${name} = ${type(schema)};\n`),
    "/** What each operation takes and answers. */",
    "export interface Operations {",
    ...operations.map(([id, , , operation]) => `${remark(operation.summary, "  ")}  ${id}: ${shape(operation)};`),
    "}\n",
    "/** Where each operation is. */",
    "export const PLACES = {",
    ...operations.map(([id, method, path, operation]) => `  ${id}: ["${method.toUpperCase()}", "${levelled(path, operation)}"],`),
    "} as const satisfies Record<keyof Operations, readonly [string, string]>;",
    "",
  ].join("\n");
}

/** A parameter that stands for several levels of the path is `{+name}`. */
function levelled(path, { parameters = [] }) {
  const several = parameters.filter((each) => each["x-weir-levels"]).map((each) => each.name);
  return several.reduce((path, name) => path.replace(`{${name}}`, `{+${name}}`), path);
}

const byName = ([a], [b]) => (a < b ? -1 : 1);

function remark(words, indent = "") {
  return words ? `${indent}/** ${words.split("\n")[0].replaceAll("*/", "")} */\n` : "";
}

function shape(operation) {
  const parameters = operation.parameters ?? [];
  const parts = ["path", "query", "header"]
    .map((place) => [place, parameters.filter((each) => each.in === place)])
    .filter(([, found]) => found.length > 0)
    .map(([place, found]) => {
      const isNeeded = found.some((each) => each.required);
      const fields = found.map((each) => `${key(each.name)}${each.required ? "" : "?"}: ${type(each.schema)}`);
      return `${place}${isNeeded ? "" : "?"}: { ${fields.join("; ")} }`;
    });
  const body = operation.requestBody?.content?.["application/json"];
  if (body) parts.push(`body${operation.requestBody.required ? "" : "?"}: ${type(body.schema)}`);
  return `{ asked: { ${parts.join("; ")} }; answered: ${answer(operation)} }`;
}

/** Of the statuses that say that it went well; JSON alone is read. */
function answer(operation) {
  const good = Object.entries(operation.responses).filter(([status]) => status.startsWith("2"));
  const types = good.map(([, response]) => response.content?.["application/json"]?.schema).map((schema) => (schema ? type(schema) : "undefined"));
  return [...new Set(types)].join(" | ") || "undefined";
}

function type(schema) {
  if (!schema || schema === true) return "unknown";
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const several = schema.oneOf ?? schema.anyOf;
  if (several) return [...new Set(several.map(type))].join(" | ");
  if (schema.allOf) return schema.allOf.map((each) => `(${type(each)})`).join(" & ");
  const kinds = [schema.type ?? (schema.properties ? "object" : "unknown")].flat();
  return [...new Set(kinds.map((kind) => ofKind(kind, schema)))].join(" | ");
}

function ofKind(kind, schema) {
  if (kind === "integer" || kind === "number") return "number";
  if (kind === "string" || kind === "boolean" || kind === "null") return kind;
  if (kind === "array") return `(${type(schema.items)})[]`;
  if (kind !== "object") return "unknown";
  const needed = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => `${key(name)}${needed.has(name) ? "" : "?"}: ${type(field)}`);
  if (fields.length === 0) return `Record<string, ${schema.additionalProperties ? type(schema.additionalProperties) : "unknown"}>`;
  return `{ ${fields.join("; ")} }`;
}

const key = (name) => (/^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name));

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(TARGET, render(JSON.parse(readFileSync(DOCUMENT, "utf8"))));
