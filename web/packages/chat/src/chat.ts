//! `Chat`: a session on a real socket, with real timers. What came in a tick is told over the frames of that tick.

import { Session } from "./session";
import { Release } from "./release";
import { isObject, readPost, readUser } from "./read";
import type { Backoff, ChatEvent, ChatEvents, ChatState, History, Published, Who } from "./types";

const SUBPROTOCOL = "weir.json.1";
/** Bytes of randomness in the name of a message. */
const NAME_BYTES = 16;

export interface ChatOptions {
  /** `wss://host/chat`. */
  url: string | URL;
  /** Groups to be in from the beginning: `r:live/demo`. */
  groups?: Iterable<string>;
  /** Gets a token, each time that one is needed; null for a guest. Without it the site's cookie says who one is. */
  token?: () => Promise<string | null>;
  /** As the server hands it out; 0.5 to 20 s without. */
  backoff?: Partial<Backoff>;
  /** `false`: what comes is told at once, and not over the frames of a tick. */
  smooth?: boolean;
}

/** What is told in the order that it came, over time; all the rest at once. */
const FLOWS: ReadonlySet<ChatEvent["type"]> = new Set(["post", "skip", "mode", "delete", "clear", "pin", "online", "likes", "entry"]);

export class Chat {
  private readonly session: Session;
  private readonly listeners = new Map<string, Set<(event: never) => void>>();
  private readonly release = new Release<ChatEvent>(0);
  private readonly url: string;
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private frame = 0;
  private heard: ChatEvent[] = [];
  private current: ChatState = { is: "connecting" };
  private readonly networkCame = () => this.act(() => this.session.networkCame(Date.now()));
  private readonly hidden = () => document.hidden && this.flow(this.release.takeAll());

  constructor(private readonly options: ChatOptions) {
    this.url = String(options.url);
    const ports = {
      open: () => this.open(),
      send: (message: string) => this.socket?.send(message),
      close: (code: number, reason: string) => this.shut(code, reason),
      askToken: () => void this.askToken(),
      tell: (event: ChatEvent) => void this.heard.push(event),
      random: Math.random,
    };
    const backoff = { min_ms: 500, max_ms: 20_000, ...options.backoff };
    this.session = new Session(ports, { hasTokens: options.token !== undefined, backoff });
    for (const group of options.groups ?? []) this.session.join(group, Date.now());
    addEventListener("online", this.networkCame);
    document.addEventListener("visibilitychange", this.hidden);
    // Whoever made this has to be able to listen first.
    queueMicrotask(() => this.act(() => this.session.begin(Date.now())));
  }

  /** What goes on with the connection. */
  get state(): ChatState {
    return this.current;
  }

  /** Returns what ends the listening. */
  on<Type extends keyof ChatEvents>(type: Type, listener: (event: ChatEvents[Type]) => void): () => void {
    const all = this.listeners.get(type) ?? new Set();
    this.listeners.set(type, all.add(listener as (event: never) => void));
    return () => void all.delete(listener as (event: never) => void);
  }

  join(group: string): void {
    this.act(() => this.session.join(group, Date.now()));
  }

  leave(group: string): void {
    this.act(() => this.session.leave(group));
  }

  /**
   * Posts a message. A break in between sends it again under the same name, so that it is posted once; `name` lets an
   * app do the same over longer times. Rejects with a {@link ChatError}.
   */
  async publish(group: string, data: unknown, { kind, name = randomName() }: { kind?: string; name?: string } = {}): Promise<Published> {
    const ok = await this.ask({ c: "pub", g: group, d: data, x: name, ...(kind && { k: kind }) }, true);
    return { id: String(ok["id"]), isAgain: ok["again"] === true, isShed: ok["shed"] === true };
  }

  /** The latest posts of a group, oldest first; with `since`, those of the lane that loses nothing behind this place. */
  async history(group: string, { since, limit, reverse }: { since?: number; limit?: number; reverse?: boolean } = {}): Promise<History> {
    const ok = await this.ask({ c: "hist", g: group, since, limit, rev: reverse }, false);
    const lines = Array.isArray(ok["ms"]) ? ok["ms"].filter(isObject) : [];
    return { posts: lines.filter((line) => line["p"] === undefined || line["p"] === "m").flatMap((line) => readPost(line) ?? []) };
  }

  async who(group: string, limit?: number): Promise<Who> {
    const ok = await this.ask({ c: "who", g: group, limit }, false);
    return { online: Number(ok["n"]), users: Array.isArray(ok["us"]) ? ok["us"].map(readUser) : null };
  }

  /** Gives a room hearts, up to sixty at once; they are counted, and no messages. */
  async like(group: string, count = 1): Promise<void> {
    await this.ask({ c: "like", g: group, n: count }, false);
  }

  /** What moderators do: `mute`, `delete`, `mode` and so on, as docs/ref/chat.md has them. */
  async order(group: string, method: string, data?: unknown): Promise<Record<string, unknown>> {
    return this.ask({ c: "rpc", g: group, m: method, d: data }, false);
  }

  close(): void {
    removeEventListener("online", this.networkCame);
    document.removeEventListener("visibilitychange", this.hidden);
    this.act(() => this.session.end());
  }

  private ask(line: Record<string, unknown>, isIdempotent: boolean): Promise<Record<string, unknown>> {
    return new Promise((done, failed) => this.act(() => this.session.call({ line, isIdempotent, done, failed }, Date.now())));
  }

  private open(): void {
    const socket = new WebSocket(this.url, SUBPROTOCOL);
    this.socket = socket;
    // A socket that was given up may still speak.
    const ours = (act: () => void) => () => this.socket === socket && this.act(act);
    socket.onopen = ours(() => this.session.opened(Date.now()));
    socket.onmessage = ({ data }) => ours(() => this.session.heard(String(data), Date.now()))();
    socket.onclose = ({ code, reason }) => ours(() => this.session.lost(code, reason, Date.now()))();
  }

  private shut(code: number, reason: string): void {
    const socket = this.socket;
    this.socket = null;
    socket?.close(code, reason);
  }

  private async askToken(): Promise<void> {
    const token = await this.options.token!().catch(() => undefined);
    this.act(() => (token === undefined ? this.session.tokenFailed(Date.now()) : this.session.tokenCame(token, Date.now())));
  }

  /** Everything that is done with the session: what it tells goes out, and the timer is set anew. */
  private act(work: () => void): void {
    work();
    const heard = this.heard;
    this.heard = [];
    this.hand(heard);
    clearTimeout(this.timer);
    const { due_ms } = this.session;
    if (due_ms < Infinity) this.timer = setTimeout(() => this.act(() => this.session.tick(Date.now())), Math.max(0, due_ms - Date.now()));
  }

  private hand(events: ChatEvent[]): void {
    const isSmooth = this.options.smooth !== false && !document.hidden;
    if (isSmooth && events.every(({ type }) => FLOWS.has(type))) {
      this.release.setSpan(1000 / this.session.fps);
      this.release.give(events, performance.now());
      this.nextFrame();
    } else this.flow([...this.release.takeAll(), ...events]);
  }

  private nextFrame(): void {
    this.flow(this.release.take(performance.now()));
    if (this.frame || this.release.isEmpty) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.nextFrame();
    });
  }

  private flow(events: ChatEvent[]): void {
    for (const event of events) {
      if (event.type === "state") this.current = event.state;
      for (const listener of this.listeners.get(event.type) ?? []) told(listener, event);
    }
  }
}

/** What a page does with it wrong is the page's, and stops nothing here. */
function told(listener: (event: never) => void, event: ChatEvent): void {
  try {
    listener(event as never);
  } catch (error) {
    reportError(error);
  }
}

/** `crypto.randomUUID` wants a secure context, and a server in a home network is none. */
function randomName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(NAME_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
