//! What a room looks like after all that was heard of it: lines, of which the latest are kept, and what stands above
//! them. Pure.

import type { Entered, Post, RoomMode, User } from "@weir/chat";
import { giftOf } from "./gifts";

export type Line =
  | { is: "said"; id: string; post: Post; text: string; re: string | null; at: readonly string[] }
  | { is: "notice"; id: string; post: Post; text: string }
  /** A row of the same gifts by the same giver, which grows. */
  | { is: "gift"; id: string; post: Post; gift: string; count: number }
  /** These came in, the latest last. */
  | { is: "entered"; id: string; names: readonly string[] }
  /** So many messages were left out here. */
  | { is: "skipped"; id: string; count: number }
  /** What was missed is lost. */
  | { is: "gap"; id: string };

/** A line that somebody's post is. */
export type Posted = Extract<Line, { post: Post }>;

export interface RoomView {
  lines: readonly Line[];
  online: number;
  /** Hearts that the room was given; null before it is known. */
  likes: number | null;
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
  | { type: "online"; count: number }
  | { type: "likes"; total: number }
  | { type: "entry"; user: User };

/** Elements that a list may have. */
export const MAX_LINES = 250;
/** Users that a message is for, as the server takes them. */
const MAX_MEANT = 10;
/** Names of who came in, on one line. */
const MAX_NAMES = 3;

export const EMPTY: RoomView = { lines: [], online: 0, likes: null, mode: { slow_s: 0, emotesOnly: false, isClosed: false }, pinned: null };

export function after(view: RoomView, heard: Heard): RoomView {
  switch (heard.type) {
    case "entered":
      return {
        ...view,
        online: heard.room.online,
        likes: heard.room.likes,
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
    case "likes":
      return { ...view, likes: heard.total };
    case "entry":
      return { ...view, lines: entered(view.lines, heard.user) };
  }
}

/** What is said by a post of chat; null for what has no words. */
export function wordsOf(post: Post): string | null {
  const { m } = (typeof post.data === "object" && post.data !== null ? post.data : {}) as { m?: unknown };
  return typeof m === "string" ? m : null;
}

/** The latest of what somebody said, newest last. */
export const saidBy = (view: RoomView, user: string): Line[] => view.lines.filter((line) => "post" in line && line.post.from?.id === user);

/** For whom a message is: who said what it answers, and whose names stand in it behind an @. */
export function meantIn(view: RoomView, text: string, answered: Posted | null): string[] {
  const meant = new Set<string>(answered?.post.from ? [answered.post.from.id] : []);
  for (const line of view.lines) {
    const from = "post" in line ? line.post.from : null;
    if (from && isNamed(text, from.name)) meant.add(from.id);
  }
  return [...meant].slice(0, MAX_MEANT);
}

/** Whether `@name` stands there, and no longer name. */
function isNamed(text: string, name: string): boolean {
  for (let at = text.indexOf(`@${name}`); at >= 0; at = text.indexOf(`@${name}`, at + 1)) {
    if (!/^[\p{L}\p{N}_-]/u.test(text.slice(at + 1 + name.length))) return true;
  }
  return false;
}

function lineOf(post: Post): Line | null {
  const gift = giftOf(post);
  if (gift) return { is: "gift", id: `gift ${gift.combo.id}`, post, gift: gift.gift, count: gift.combo.n };
  const text = wordsOf(post);
  if (text === null) return null;
  if (post.kind === "notice" || post.from === null) return { is: "notice", id: post.id, post, text };
  return { is: "said", id: post.id, post, text, ...meantBy(post) };
}

/** Which message a post answers, and for whom it is. */
function meantBy(post: Post): { re: string | null; at: readonly string[] } {
  const { re, at } = post.data as { re?: unknown; at?: unknown };
  return { re: typeof re === "string" ? re : null, at: Array.isArray(at) ? at.filter((user) => typeof user === "string") : [] };
}

/** Who came in stands at the end alone: the next who says something is more to the point. */
function entered(lines: readonly Line[], { name }: User): readonly Line[] {
  const last = lines.at(-1);
  const names = last?.is === "entered" ? last.names : [];
  const line: Line = { is: "entered", id: `entered after ${(last?.is === "entered" ? lines.at(-2) : last)?.id ?? ""}`, names: [...names, name].slice(-MAX_NAMES) };
  return last?.is === "entered" ? [...lines.slice(0, -1), line] : added(lines, line);
}

/** A row of gifts with one more post of it, where it began. A post that comes again, or late, has no more than is there. */
function grown(line: Line, more: Line & { is: "gift" }): Line {
  if (line.is !== "gift" || line.id !== more.id || more.count <= line.count) return line;
  return { ...more, post: { ...more.post, at_ms: line.post.at_ms } };
}

function added(before: readonly Line[], line: Line): Line[] {
  const lines = before.at(-1)?.is === "entered" ? before.slice(0, -1) : before;
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
