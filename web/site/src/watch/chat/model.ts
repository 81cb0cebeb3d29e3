//! What a room looks like after all that was heard of it: lines, of which the latest are kept, and what stands above
//! them. Pure.

import type { Entered, Post, RoomMode } from "@weir/chat";
import { giftOf } from "./gifts";

export type Line =
  | { is: "said"; id: string; post: Post; text: string }
  | { is: "notice"; id: string; post: Post; text: string }
  /** A row of the same gifts by the same giver, which grows. */
  | { is: "gift"; id: string; post: Post; gift: string; count: number }
  /** So many messages were left out here. */
  | { is: "skipped"; id: string; count: number }
  /** What was missed is lost. */
  | { is: "gap"; id: string };

/** A line that somebody's post is. */
export type Posted = Extract<Line, { post: Post }>;

export interface RoomView {
  lines: readonly Line[];
  online: number;
  mode: RoomMode;
  pinned: Post | null;
}

export type Heard =
  | { type: "entered"; room: Entered }
  | { type: "history"; posts: Post[] }
  | { type: "post"; post: Post }
  | { type: "skip"; count: number }
  | { type: "mode"; mode: Partial<RoomMode> }
  | { type: "delete"; id: string }
  | { type: "clear"; user: string }
  | { type: "pin"; post: Post | null }
  | { type: "online"; count: number };

/** Elements that a list may have. */
export const MAX_LINES = 250;

export const EMPTY: RoomView = { lines: [], online: 0, mode: { slow_s: 0, emotesOnly: false, isClosed: false }, pinned: null };

export function after(view: RoomView, heard: Heard): RoomView {
  switch (heard.type) {
    case "entered":
      return {
        ...view,
        online: heard.room.online,
        mode: heard.room.mode,
        pinned: heard.room.pinned,
        lines: heard.room.isRecovered === false && view.lines.length > 0 ? added(view.lines, { is: "gap", id: `gap ${view.lines.length} ${view.lines.at(-1)!.id}` }) : view.lines,
      };
    case "history":
      return { ...view, lines: joined(view.lines, heard.posts) };
    case "post": {
      const line = lineOf(heard.post);
      if (line?.is === "gift" && view.lines.some(({ id }) => id === line.id)) return { ...view, lines: view.lines.map((one) => grown(one, line)) };
      return line === null || view.lines.some(({ id }) => id === line.id) ? view : { ...view, lines: added(view.lines, line) };
    }
    case "skip":
      return { ...view, lines: skipped(view.lines, heard.count) };
    case "mode":
      return { ...view, mode: { ...view.mode, ...heard.mode } };
    case "delete":
      return without(view, (post) => post.id === heard.id);
    case "clear":
      return without(view, (post) => post.from?.id === heard.user);
    case "pin":
      return { ...view, pinned: heard.post };
    case "online":
      return { ...view, online: heard.count };
  }
}

/** What is said by a post of chat; null for what has no words. */
export function wordsOf(post: Post): string | null {
  const { m } = (typeof post.data === "object" && post.data !== null ? post.data : {}) as { m?: unknown };
  return typeof m === "string" ? m : null;
}

/** The latest of what somebody said, newest last. */
export const saidBy = (view: RoomView, user: string): Line[] => view.lines.filter((line) => "post" in line && line.post.from?.id === user);

function lineOf(post: Post): Line | null {
  const gift = giftOf(post);
  if (gift) return { is: "gift", id: `gift ${gift.combo.id}`, post, gift: gift.gift, count: gift.combo.n };
  const text = wordsOf(post);
  if (text === null) return null;
  return { is: post.kind === "notice" || post.from === null ? "notice" : "said", id: post.id, post, text };
}

/** A row of gifts with one more post of it, where it began. A post that comes again, or late, has no more than is there. */
function grown(line: Line, more: Line & { is: "gift" }): Line {
  if (line.is !== "gift" || line.id !== more.id || more.count <= line.count) return line;
  return { ...more, post: { ...more.post, at_ms: line.post.at_ms } };
}

function added(lines: readonly Line[], line: Line): Line[] {
  return [...lines.slice(Math.max(0, lines.length + 1 - MAX_LINES)), line];
}

/** Messages left out one after another are one line. */
function skipped(lines: readonly Line[], count: number): readonly Line[] {
  const last = lines.at(-1);
  if (last?.is === "skipped") return [...lines.slice(0, -1), { ...last, count: last.count + count }];
  return added(lines, { is: "skipped", id: `skipped after ${last?.id ?? ""}`, count });
}

/** The history and what was heard since, each post once, by time: after a break the one fills a hole in the other. */
function joined(lines: readonly Line[], posts: Post[]): readonly Line[] {
  const known = new Set(lines.map(({ id }) => id));
  const more = new Map<string, Line>();
  for (const line of posts.filter(({ id }) => !known.has(id)).flatMap((post) => lineOf(post) ?? [])) {
    const before = more.get(line.id);
    if (!known.has(line.id)) more.set(line.id, before && line.is === "gift" ? grown(before, line) : line);
  }
  if (more.size === 0) return lines;
  let last_ms = 0;
  const timed = [...lines, ...more.values()].map((line) => ({ line, at_ms: (last_ms = "post" in line ? line.post.at_ms : last_ms) }));
  timed.sort((a, b) => a.at_ms - b.at_ms);
  return timed.map(({ line }) => line).slice(-MAX_LINES);
}

function without(view: RoomView, which: (post: Post) => boolean): RoomView {
  const isGone = (line: Line) => "post" in line && which(line.post);
  const pinned = view.pinned && which(view.pinned) ? null : view.pinned;
  return view.lines.some(isGone) || pinned !== view.pinned ? { ...view, pinned, lines: view.lines.filter((line) => !isGone(line)) } : view;
}
