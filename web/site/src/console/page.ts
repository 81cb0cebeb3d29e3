//! What is written of a page of the site's own, and what becomes of it when it is sent. Pure.

import type { OwnPage, OwnPageText, OwnPageVersion } from "@weir/api";

export const KINDS = ["notice", "help", "category"] as const;
export const TONGUES = ["en", "zh"] as const;
export type PageTongue = (typeof TONGUES)[number];

const MINUTE_MS = 60_000;

/** A draft, for everybody from a time on, for everybody. */
export type PageStanding = "draft" | "later" | "shown";

export function standingOf(publish_ms: number, now_ms = Date.now()): PageStanding {
  if (publish_ms === 0) return "draft";
  return publish_ms > now_ms ? "later" : "shown";
}

/** What stands in the editor's fields. */
export interface Written {
  title: string;
  title_zh: string;
  body: string;
  body_zh: string;
  place: string;
  standing: PageStanding;
  /** As a field for a time has it, in the browser's own zone; for `later`. */
  at: string;
}

/** Fields of a page in one language. */
export const fieldsOf = (tongue: PageTongue) =>
  tongue === "en" ? ({ title: "title", body: "body" } as const) : ({ title: "title_zh", body: "body_zh" } as const);

export function writtenOf(page: OwnPage, now_ms = Date.now()): Written {
  const { title, title_zh, body, body_zh, place, publish_ms } = page;
  const standing = standingOf(publish_ms, now_ms);
  return { title, title_zh, body, body_zh, place: String(place), standing, at: standing === "later" ? localTime(publish_ms) : "" };
}

/** An older version's words in the place of those that are written; when it is shown stays. */
export function putBack(written: Written, { title, title_zh, body, body_zh }: OwnPageVersion): Written {
  return { ...written, title, title_zh, body, body_zh };
}

/** When everybody sees it: 0 for a draft, null for a time that is none. What is shown already keeps its time. */
export function publishMs({ standing, at }: Written, before_ms: number, now_ms = Date.now()): number | null {
  if (standing === "draft") return 0;
  if (standing === "shown") return standingOf(before_ms, now_ms) === "shown" ? before_ms : now_ms;
  const at_ms = new Date(at).getTime();
  return Number.isFinite(at_ms) ? at_ms : null;
}

/** The same for a look at it, which does not change with each millisecond. */
export function previewMs(written: Written, before_ms: number, now_ms = Date.now()): number {
  const ms = publishMs(written, before_ms, now_ms) ?? 0;
  return ms === now_ms ? ms - (ms % MINUTE_MS) : ms;
}

/** What is sent; without `publish_ms` where who writes may not publish. */
export function textOf(written: Written, publish_ms: number | null): OwnPageText {
  const { title, title_zh, body, body_zh, place } = written;
  return { title, title_zh, body, body_zh, place: Number(place) || 0, ...(publish_ms !== null && { publish_ms }) };
}

/** `2026-01-31T09:05`, in the browser's own zone. */
export function localTime(ms: number): string {
  const at = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}
