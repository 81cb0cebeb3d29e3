//! A room as a hook: its connection, what it looks like, and what one is oneself in it.

import { Chat, type ChatErrorName, type ChatState } from "@weir/chat";
import { useEffect, useReducer, useState } from "preact/hooks";
import { me } from "../../account/api";
import { after, EMPTY, type Heard, type RoomView } from "./model";
import { c } from "./strings";

/** Posts of before that one sees when one comes in. */
const HISTORY = 50;
const EVERYBODY = "r:0";
/** What a gateway answers to a request that wants no WebSocket. */
const WANTS_WEBSOCKET = 426;

export interface Silence {
  /** `out`: the room cannot be entered, for the reason of an error. */
  how: "mute" | "ban" | "out";
  /** Infinity where nobody said. */
  until_ms: number;
  reason: string;
}

/** Nobody lets one in: as a guest where there are none, or banned everywhere. */
export interface Shut {
  shut: ChatErrorName;
}

export interface Room {
  chat: Chat;
  group: string;
  state: ChatState;
  view: RoomView;
  /** null while one may speak. */
  silence: Silence | null;
  setSilence: (silence: Silence | null) => void;
  /** Who one is here; empty before one is told. */
  own: string;
  isModerator: boolean;
}

/** null while there is nothing to be seen: a server without chat never gets further. */
export function useRoom(stream: string): Room | Shut | null {
  const group = `r:${stream}`;
  const [chat, setChat] = useState<Chat | null>(null);
  const [view, hear] = useReducer<RoomView, Heard>(after, EMPTY);
  const [state, setState] = useState<ChatState>({ is: "connecting" });
  const [own, setOwn] = useState("");
  const [silence, setSilence] = useState<Silence | null>(null);
  const isModerator = useModerates(own);
  useEffect(() => {
    let wasOpen = false;
    const chat = new Chat({ url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/chat`, groups: [group] });
    setChat(chat);
    chat.on("state", ({ state }) => {
      setState(state);
      if (state.is === "open") {
        wasOpen = true;
        setOwn(state.user.id);
      } else if (state.is === "waiting" && !wasOpen) void isThere().then((there) => there || chat.close());
    });
    chat.on("entered", (event) => {
      if (event.group !== group) return;
      hear({ type: "entered", room: event.room });
      // Chat is not recovered by the protocol, and a page wants what was said just before. Whoever cannot read it sees
      // what comes from now on.
      void chat.history(group, { limit: HISTORY }).then(({ posts }) => hear({ type: "history", posts }), () => {});
    });
    for (const type of ["post", "skip", "mode", "delete", "clear", "pin", "online", "likes", "entry"] as const) {
      chat.on(type, (event: { group: string }) => event.group === group && hear({ ...event, type } as unknown as Heard));
    }
    chat.on("silenced", ({ group: where, how, until_ms, reason }) => (where === group || where === EVERYBODY) && setSilence({ how, until_ms, reason }));
    const out = (where: string, how: "ban" | "out", reason: string) => where === group && setSilence({ how, until_ms: Infinity, reason });
    chat.on("refused", ({ group, error }) => (error.reason === "banned" ? out(group, "ban", "") : out(group, "out", c(`error_${error.reason}`))));
    // By a moderator: nothing else puts one out of a room.
    chat.on("out", ({ group }) => out(group, "ban", ""));
    return () => chat.close();
  }, []);
  useEffect(() => {
    if (!silence || silence.until_ms === Infinity) return;
    const timer = setTimeout(() => setSilence(null), Math.min(silence.until_ms - Date.now(), 2 ** 31 - 1));
    return () => clearTimeout(timer);
  }, [silence]);
  if (own === "" && state.is === "closed" && state.error) return { shut: state.error.reason };
  return own === "" || chat === null ? null : { chat, group, state, view, silence, setSilence, own, isModerator };
}

/** Whether this server has a chat at all: its address wants a WebSocket. Where nobody answers, that is not known. */
async function isThere(): Promise<boolean> {
  try {
    return (await fetch("/chat")).status === WANTS_WEBSOCKET;
  } catch {
    return true;
  }
}

/** Whoever looks after everybody's channels looks after their rooms. */
function useModerates(own: string): boolean {
  const [moderates, setModerates] = useState(false);
  useEffect(() => {
    setModerates(false);
    if (own === "" || isGuest(own)) return;
    void me().then((account) => setModerates(account !== null && ["moderator", "admin"].includes(account.role)), () => {});
  }, [own]);
  return moderates;
}

/** Whether this is somebody without an account. */
export const isGuest = (user: string): boolean => user.startsWith("g-");
