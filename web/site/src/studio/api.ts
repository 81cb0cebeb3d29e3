//! What an app takes: asked of the server before anything is sent.

import type { EncoderRule } from "@weir/publisher";
import { ask } from "../api";

export interface AppRules {
  app: string;
  publish: "open" | "key";
  play: "open" | "signed";
  /** null: no limit */
  max_kbps: number | null;
  keyframe_ms: number;
  encoders: EncoderRule[];
}

/** A server that does not say is taken for a careful one. */
export function unknownApp(app: string): AppRules {
  return { app, publish: "key", play: "open", max_kbps: null, keyframe_ms: 2000, encoders: [] };
}

export async function fetchApp(app: string): Promise<AppRules> {
  try {
    return readApp(app, await ask("app", { path: { app } }));
  } catch {
    return unknownApp(app);
  }
}

export function readApp(app: string, body: unknown): AppRules {
  const rules = unknownApp(app);
  if (!body || typeof body !== "object") return rules;
  const told = body as Record<string, unknown>;
  if (told["publish"] === "open") rules.publish = "open";
  if (told["play"] === "signed") rules.play = "signed";
  if (typeof told["max_kbps"] === "number" && told["max_kbps"] > 0) rules.max_kbps = told["max_kbps"];
  if (typeof told["keyframe_ms"] === "number" && told["keyframe_ms"] > 0) rules.keyframe_ms = told["keyframe_ms"];
  if (Array.isArray(told["encoders"])) {
    rules.encoders = told["encoders"].filter(
      (rule): rule is EncoderRule => typeof rule?.match === "string" && typeof rule?.prefer === "string",
    );
  }
  return rules;
}
