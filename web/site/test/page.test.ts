//! What the editor of the site's own pages makes of what is written.

import { expect, test } from "vitest";
import { localTime, previewMs, publishMs, putBack, standingOf, textOf, writtenOf } from "../src/console/page";

const NOW_MS = 1_700_000_000_000;
const PAGE = {
  id: "1", kind: "notice", slug: "a", path: "/notices/a", title: "A", title_zh: "", body: "*a*", body_zh: "", place: 3,
  publish_ms: 0, created_ms: 1, changed_ms: 1, version: 2,
};

test("a page is a draft, to come, or shown", () => {
  expect([0, NOW_MS + 1, NOW_MS, 1].map((ms) => standingOf(ms, NOW_MS))).toEqual(["draft", "later", "shown", "shown"]);
});

test("a page that is shown keeps its time, another is shown from now on, and a draft has none", () => {
  const shown = { ...writtenOf(PAGE, NOW_MS), standing: "shown" as const };
  expect(publishMs(shown, 5, NOW_MS)).toBe(5);
  expect(publishMs(shown, 0, NOW_MS)).toBe(NOW_MS);
  expect(publishMs(shown, NOW_MS + 60_000, NOW_MS)).toBe(NOW_MS);
  expect(publishMs({ ...shown, standing: "draft" }, 5, NOW_MS)).toBe(0);
  // A look at it says the minute until it is kept, and then what was kept.
  expect([0, 5, NOW_MS - 1].map((before_ms) => previewMs(shown, before_ms, NOW_MS))).toEqual([NOW_MS - (NOW_MS % 60_000), 5, NOW_MS - 1]);
  expect(publishMs({ ...shown, standing: "later", at: "" }, 5, NOW_MS)).toBeNull();
});

test("a time to come is what its field says, by the clock of the browser", () => {
  const at_ms = new Date(2040, 0, 31, 9, 5).getTime();
  const written = writtenOf({ ...PAGE, publish_ms: at_ms }, NOW_MS);
  expect([written.standing, written.at]).toEqual(["later", "2040-01-31T09:05"]);
  expect(publishMs(written, at_ms, NOW_MS)).toBe(at_ms);
  expect(localTime(at_ms)).toBe("2040-01-31T09:05");
});

test("who may not publish says nothing of it, and a place that is no number is the first", () => {
  const written = { ...writtenOf(PAGE, NOW_MS), place: "x" };
  expect(textOf(written, null)).toEqual({ title: "A", title_zh: "", body: "*a*", body_zh: "", place: 0 });
  expect(textOf(written, 0)).toMatchObject({ publish_ms: 0 });
});

test("an old version brings its words back, and neither its place nor its time", () => {
  const version = { version: 1, title: "Old", title_zh: "旧", body: "o", body_zh: "", publish_ms: 7, by: "", at_ms: 1 };
  expect(putBack(writtenOf(PAGE, NOW_MS), version)).toMatchObject({ title: "Old", title_zh: "旧", body: "o", place: "3", standing: "draft" });
});
