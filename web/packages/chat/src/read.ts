//! Lines of the server to what they mean. What has not the form that it should is passed over, as are words that are
//! not known: the server may be newer.

import type { Author, ChatEvent, Entered, Post, RoomMode, User } from "./types";

export type Line = Record<string, unknown>;

export const isObject = (value: unknown): value is Line => typeof value === "object" && value !== null && !Array.isArray(value);

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown): number => (typeof value === "number" ? value : 0);

/** The objects of a message. */
export function readLines(message: string): Line[] {
  return message.split("\n").flatMap((line) => {
    if (line === "") return [];
    try {
      const read: unknown = JSON.parse(line);
      return isObject(read) ? [read] : [];
    } catch {
      return [];
    }
  });
}

/** Something that happened in a group; null for what is not known. `own` is one's own group. */
export function readPush(line: Line, own: string): ChatEvent | null {
  const group = text(line["g"]);
  switch (line["p"]) {
    case "m": {
      const post = readPost(line);
      return post && { type: "post", group, post };
    }
    case "skip":
      return { type: "skip", group, count: number(line["n"]) };
    case "st":
      return group === own ? readSilence(line["d"]) : { type: "mode", group, mode: readMode(line["d"]) };
    case "del":
      return { type: "delete", group, id: text(line["id"]) };
    case "clr":
      return { type: "clear", group, user: text(line["u"]) };
    case "pin":
      return { type: "pin", group, post: readPost(line["post"]) };
    case "on":
      return { type: "online", group, count: number(line["n"]) };
    case "like":
      return { type: "likes", group, total: number(line["n"]) };
    case "in":
      return { type: "entry", group, user: readUser(line["f"]) };
    case "bye":
      return group ? { type: "out", group, code: number(line["n"]) } : null;
    default:
      return null;
  }
}

export function readPost(line: unknown): Post | null {
  if (!isObject(line) || !text(line["id"])) return null;
  const offset = line["o"];
  return {
    id: text(line["id"]),
    kind: text(line["k"]) || "chat",
    from: readAuthor(line["f"]),
    data: line["d"] ?? null,
    at_ms: number(line["t"]),
    offset: typeof offset === "number" ? offset : null,
  };
}

export function readMode(state: unknown): Partial<RoomMode> {
  if (!isObject(state)) return {};
  return {
    ...(typeof state["slow"] === "number" && { slow_s: state["slow"] }),
    ...("emote" in state && { emotesOnly: state["emote"] === 1 }),
    ...("closed" in state && { isClosed: state["closed"] === 1 }),
  };
}

/** A group in the answer to a greeting or a `join`. */
export function readEntered(group: Line): Entered {
  return {
    online: number(group["n"]),
    likes: number(group["lk"]),
    mode: { slow_s: 0, emotesOnly: false, isClosed: false, ...readMode(group["st"]) },
    pinned: readPost(group["pin"]),
    isRecovered: typeof group["rec"] === "boolean" ? group["rec"] : null,
  };
}

export function readUser(user: unknown): User {
  const read = isObject(user) ? user : {};
  return { id: text(read["u"]), name: text(read["n"]) };
}

function readAuthor(from: unknown): Author | null {
  if (!isObject(from)) return null;
  const role = from["r"];
  return { ...readUser(from), role: role === "mod" || role === "guest" ? role : "user" };
}

function readSilence(told: unknown): ChatEvent | null {
  if (!isObject(told)) return null;
  const group = text(told["muted"]) || text(told["banned"]);
  if (!group) return null;
  return { type: "silenced", group, how: told["banned"] ? "ban" : "mute", until_ms: number(told["until"]), reason: text(told["why"]) };
}
