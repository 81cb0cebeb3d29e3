//! The desk of review without a page or a server: pages of items, claims, verdicts, and taking them back.

import type { ReviewItem } from "@weir/api";
import { expect, test } from "vitest";
import { Desk, type Decision, type DeskApi } from "../src/console/review/desk";
import { actOf } from "../src/console/review/keys";
import { needsRest, REST_AFTER_MIN, worked } from "../src/console/review/settings";

const item = (id: string, kind = "live"): ReviewItem => ({
  id, kind, state: "claimed", stream: `live/${id}`, app: "live", age_ms: 0, begun_at: "", until_at: "", pictures: 2, folded: 0,
  reports: 0, viewers: 0, marks: [], note: null, shots: [], verdict: null,
});

/** A server with these pages of items, one after the other. */
function server(pages: ReviewItem[][], lost: string[] = []) {
  const asked: string[] = [];
  const decisions: Decision[] = [];
  let claims = 0;
  const api: DeskApi = {
    claim: async () => ({ claim: `c${(claims += 1)}`, items: pages.shift() ?? [] }),
    renew: async (claim) => {
      asked.push(`renew ${claim}`);
      return claim === "c1" ? ["a"] : [];
    },
    release: async (claim) => asked.push(`release ${claim}`),
    decide: async (decision) => {
      decisions.push(decision);
      const done = decision.items.filter((id) => !lost.includes(id));
      return { decided: done.map((id) => ({ item: id })), lost: decision.items.filter((id) => lost.includes(id)), undo_ms: 10_000 };
    },
    undo: async (id) => ({ claim: `u-${id}`, item: item(id) }),
    preload: (url) => asked.push(url),
  };
  return { api, asked, decisions };
}

const shown = (desk: Desk) => [desk.page, desk.next].map((page) => page.map((held) => held.item.id).join(""));

async function desk(pages: ReviewItem[][], lost: string[] = []) {
  const of = server(pages, lost);
  const clock = { now_ms: 0 };
  const one = new Desk(of.api, () => {}, () => clock.now_ms);
  await one.fill();
  return { ...of, clock, desk: one };
}

test("the next page is there before it is wanted", async () => {
  const { desk: one, decisions } = await desk([[item("a"), item("b")], [item("c")], [item("d")]]);
  expect(shown(one)).toEqual(["ab", "c"]);
  await one.pageOk();
  expect(decisions).toEqual([{ claim: "c1", items: ["a", "b"], verdict: "ok" }]);
  expect(shown(one)).toEqual(["c", "d"]);
  expect(one.seen).toBe(4);
});

test("what is marked and what is an appeal does not pass with the page", async () => {
  const { desk: one, decisions } = await desk([[item("a"), item("b"), item("c", "appeal")]]);
  one.mark("b");
  await one.pageOk();
  expect(decisions[0]?.items).toEqual(["a"]);
  expect(shown(one)[0]).toBe("bc");
  await one.decide(one.chosen, "ban", { reason: "no", hours: 24 });
  expect(decisions[1]).toEqual({ claim: "c1", items: ["b"], verdict: "ban", reason: "no", hours: 24 });
});

test("a verdict is taken back within its time, and what was lost cannot be", async () => {
  const { desk: one, clock } = await desk([[item("a"), item("b")]], ["b"]);
  await one.pageOk();
  expect([one.lost, one.canUndo]).toEqual([1, true]);
  clock.now_ms = 9_999;
  await one.undo();
  expect(one.page).toEqual([{ claim: "u-a", item: item("a") }]);
  await one.decide(one.chosen, "end", { reason: "no" });
  clock.now_ms += 10_000;
  expect(one.canUndo).toBe(false);
  await one.undo();
  expect(shown(one)[0]).toBe("");
});

test("what the server did not take comes back to the page", async () => {
  const { desk: one, api } = await desk([[item("a")]]);
  api.decide = () => Promise.reject(new Error("away"));
  await one.pageOk();
  expect([shown(one)[0], one.words, one.canUndo]).toEqual(["a", "away", false]);
});

test("a claim that ran out takes its tiles along, and what is left is given back in the end", async () => {
  const { desk: one, asked } = await desk([[item("a"), item("b")], [item("c")]]);
  await one.renew();
  expect(shown(one)).toEqual(["a", ""]);
  one.close();
  expect(asked).toEqual(["renew c1", "renew c2", "release c1"]);
});

test("somebody who rests holds nothing", async () => {
  const { desk: one, asked } = await desk([[item("a")], [item("b")], [item("c")]]);
  await one.rest(true);
  expect([shown(one), asked]).toEqual([["", ""], ["release c1", "release c2"]]);
  await one.fill();
  expect(shown(one)).toEqual(["", ""]);
  await one.rest(false);
  expect(shown(one)[0]).toBe("c");
});

test("keys are those of the help, and a held one passes no second page", () => {
  const key = (name: string, more = {}) => actOf({ key: name, ctrlKey: false, metaKey: false, altKey: false, repeat: false, ...more });
  expect([" ", "ArrowUp", "X", "b", "?", "q"].map((name) => key(name))).toEqual(["pageOk", "up", "mark", "ban", "help", null]);
  expect([key(" ", { repeat: true }), key("ArrowUp", { repeat: true }), key("b", { ctrlKey: true })]).toEqual([null, "up", null]);
});

test("a pause begins a new shift, and a long one asks for a rest", () => {
  const min = 60_000;
  let shift = { since_ms: 0, last_ms: 0, pictures: 0 };
  for (let now = 1; now <= REST_AFTER_MIN; now += 1) shift = worked(shift, 10, now * min);
  expect([shift.pictures, needsRest(shift)]).toEqual([500, true]);
  expect(worked(shift, 1, shift.last_ms + 5 * min)).toEqual({ since_ms: 55 * min, last_ms: 55 * min, pictures: 1 });
});
