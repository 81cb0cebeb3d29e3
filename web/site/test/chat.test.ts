//! What a room looks like after what was heard of it.

import type { Post } from "@weir/chat";
import { expect, test } from "vitest";
import { after, EMPTY, MAX_LINES, meantIn, saidBy, type Heard, type Posted, type RoomView } from "../src/watch/chat/model";

const MODE = { slow_s: 0, emotesOnly: false, isClosed: false };

function post(id: string, at_ms: number, user: string | null = "ann", data: unknown = { m: id }, kind = "chat"): Post {
  return { id, kind, from: user === null ? null : { id: user, name: user, role: "user" }, data, at_ms, offset: null };
}

const heard = (...all: Heard[]): RoomView => all.reduce(after, EMPTY);
const said = (view: RoomView) => view.lines.map((line) => (line.is === "skipped" ? `-${line.count}` : line.is === "gap" ? "gap" : line.is === "entered" ? `+${line.names.join()}` : line.is === "gift" ? `${line.gift} ${line.count}` : line.text));

test("each message is there once, whether it came or was read from the history, in the order of time", () => {
  const view = heard(
    { type: "post", post: post("d", 4) },
    { type: "history", posts: [post("a", 1), post("b", 2), post("d", 4)] },
    { type: "post", post: post("f", 6) },
    { type: "post", post: post("f", 6) },
    // After a break.
    { type: "post", post: post("h", 8) },
    { type: "history", posts: [post("f", 6), post("g", 7), post("h", 8)] },
  );
  expect(said(view)).toEqual(["a", "b", "d", "f", "g", "h"]);
});

test("the list is bounded, and keeps the latest", () => {
  const view = heard(...Array.from({ length: MAX_LINES + 10 }, (_, at): Heard => ({ type: "post", post: post(String(at), at) })));
  expect([view.lines.length, said(view)[0], said(view).at(-1)]).toEqual([MAX_LINES, "10", String(MAX_LINES + 9)]);
});

test("what moderators take away is gone, from the top, too", () => {
  const both: Heard[] = [{ type: "post", post: post("a", 1) }, { type: "post", post: post("b", 2, "bob") }, { type: "pin", post: post("a", 1) }];
  expect(said(heard(...both, { type: "delete", id: "a" }))).toEqual(["b"]);
  const cleared = heard(...both, { type: "clear", user: "ann" });
  expect([said(cleared), cleared.pinned]).toEqual([["b"], null]);
  const whole = heard(...both);
  expect(after(whole, { type: "delete", id: "x" })).toBe(whole);
});

test("gifts of one row are one line that grows, whatever comes twice or late", () => {
  const gift = (id: string, at_ms: number, combo: string, n: number) => post(id, at_ms, "ann", { id, gift: "rose", n: 1, coins: 1, combo: { id: combo, n } }, "gift");
  const view = heard(
    { type: "post", post: gift("a", 1, "x", 1) },
    { type: "post", post: post("hi", 2) },
    { type: "post", post: gift("b", 3, "x", 11) },
    // Told again by a server that was started anew: under another name, with no more in it.
    { type: "post", post: gift("a again", 4, "x", 1) },
    { type: "post", post: gift("c", 5, "y", 1) },
    { type: "history", posts: [gift("a", 1, "x", 1), gift("old", 0, "w", 1), gift("older", 0, "w", 2)] },
  );
  expect(said(view)).toEqual(["rose 2", "rose 11", "hi", "rose 1"]);
  expect(said(heard({ type: "post", post: post("s", 1, "ann", { gift: "rose", combo: { id: "x" } }, "gift") }))).toEqual([]);
});

test("messages left out one after another are one line that counts them", () => {
  const view = heard({ type: "post", post: post("a", 1) }, { type: "skip", count: 3 }, { type: "skip", count: 4 }, { type: "post", post: post("b", 2) }, { type: "skip", count: 1 });
  expect(said(view)).toEqual(["a", "-7", "b", "-1"]);
  expect(new Set(view.lines.map(({ id }) => id)).size).toBe(4);
});

test("coming back tells of what is lost, and of nothing else", () => {
  const room = { online: 3, likes: 0, mode: { ...MODE, slow_s: 5 }, pinned: null };
  const one: Heard = { type: "post", post: post("a", 1) };
  expect(said(heard(one, { type: "entered", room: { ...room, isRecovered: false } }))).toEqual(["a", "gap"]);
  expect(said(heard(one, { type: "entered", room: { ...room, isRecovered: true } }))).toEqual(["a"]);
  const view = heard(one, { type: "entered", room: { ...room, isRecovered: null } }, { type: "mode", mode: { isClosed: true } });
  expect([view.online, view.mode]).toEqual([3, { slow_s: 5, emotesOnly: false, isClosed: true }]);
});

test("what has no words is no line, and what the site says is a notice", () => {
  const view = heard({ type: "post", post: post("g", 1, "ann", { gift: 7 }, "gift") }, { type: "post", post: post("n", 2, null, { m: "hello" }, "notice") });
  expect(view.lines.map(({ is }) => is)).toEqual(["notice"]);
  expect(saidBy(view, "ann")).toEqual([]);
});

test("who came in stands at the end, together, and gives way to the next message", () => {
  const entry = (name: string): Heard => ({ type: "entry", user: { id: name, name } });
  expect(said(heard({ type: "post", post: post("a", 1) }, entry("b"), entry("c"), entry("d"), entry("e")))).toEqual(["a", "+c,d,e"]);
  expect(said(heard(entry("b"), { type: "post", post: post("a", 1) }, { type: "skip", count: 2 }, entry("c")))).toEqual(["a", "-2", "+c"]);
});

test("a message is for whom it answers and for whose whole names stand in it", () => {
  const view = heard({ type: "post", post: post("a", 1, "ann") }, { type: "post", post: post("b", 2, "an") }, { type: "post", post: post("c", 3, "李雷") });
  expect(meantIn(view, "hello @ann, and @李雷!", null)).toEqual(["ann", "李雷"]);
  expect(meantIn(view, "@nobody @anna", null)).toEqual([]);
  const answered = view.lines[1] as Posted;
  expect(meantIn(view, "yes", answered)).toEqual(["an"]);
  const line = heard({ type: "post", post: post("d", 4, "bob", { m: "yes", re: "b", at: ["an", 7] }) }).lines[0];
  expect(line).toMatchObject({ re: "b", at: ["an"] });
});

test("hearts are a number that is told, and is there for who comes in", () => {
  const room = { online: 3, likes: 7, mode: MODE, pinned: null, isRecovered: null };
  expect(heard({ type: "entered", room }).likes).toBe(7);
  expect(heard({ type: "entered", room }, { type: "likes", total: 9 }).likes).toBe(9);
});
