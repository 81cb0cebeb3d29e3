//! What a page hears of a room.

import type { ChatError } from "./errors";

/** How far one has come in a group's lane that loses nothing. */
export interface Place {
  o: number;
  e: string;
}

export interface Author {
  id: string;
  name: string;
  role: "mod" | "guest" | "user";
}

export interface Post {
  id: string;
  /** `chat`, `notice`, and what the site's own service posts. */
  kind: string;
  /** null for what the site itself says. */
  from: Author | null;
  /** Any JSON; of a `chat` an object with the text `m`. */
  data: unknown;
  at_ms: number;
  /** Its number in the lane that loses nothing; null in the other. */
  offset: number | null;
}

export interface RoomMode {
  /** Seconds between two messages of somebody; 0 for none. */
  slow_s: number;
  emotesOnly: boolean;
  isClosed: boolean;
}

/** A group as it is when one comes in, or comes back. */
export interface Entered {
  online: number;
  /** Hearts that the room was given. */
  likes: number;
  mode: RoomMode;
  pinned: Post | null;
  /** `true`: what was missed follows; `false`: some of it is lost, read the history; `null`: one was not here before. */
  isRecovered: boolean | null;
}

export interface User {
  id: string;
  name: string;
}

/** What goes on with the connection. */
export type ChatState =
  | { is: "connecting" }
  | { is: "open"; user: User }
  /** It comes again by itself. */
  | { is: "waiting"; again_ms: number; code: number }
  | { is: "closed"; code: number; reason: string; error: ChatError | null };

/** By its `type`, what `on` tells. */
export interface ChatEvents {
  state: { state: ChatState };
  entered: { group: string; room: Entered };
  /** It cannot be entered. */
  refused: { group: string; error: ChatError };
  /** A moderator put one out; `code` is that of a close. */
  out: { group: string; code: number };
  post: { group: string; post: Post };
  /** So many chat messages were left out here. */
  skip: { group: string; count: number };
  mode: { group: string; mode: Partial<RoomMode> };
  delete: { group: string; id: string };
  clear: { group: string; user: string };
  pin: { group: string; post: Post | null };
  online: { group: string; count: number };
  /** Hearts that the room was given, in all. */
  likes: { group: string; total: number };
  /** Somebody came in; not everybody who does is told of. */
  entry: { group: string; user: User };
  /** One was muted or banned, in a room or, where `group` is `r:0`, everywhere. */
  silenced: { group: string; how: "mute" | "ban"; until_ms: number; reason: string };
}

export type ChatEvent = { [Type in keyof ChatEvents]: { type: Type } & ChatEvents[Type] }[keyof ChatEvents];

export interface Backoff {
  /** The first pause, milliseconds; each is twice the one before, and a random part of that is waited. */
  min_ms: number;
  max_ms: number;
}

/** The answer to a message. */
export interface Published {
  id: string;
  /** It was there already: the same message was sent before. */
  isAgain: boolean;
  /** There was too much: nobody but oneself gets it. */
  isShed: boolean;
}

export interface History {
  posts: Post[];
}

export interface Who {
  online: number;
  /** null where there are too many to list. */
  users: User[] | null;
}
