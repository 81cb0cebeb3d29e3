//! The client's side of the protocol as a state machine: what came and when in, what to do out by `Ports`. It knows no
//! socket, no timer and no clock.

import { Calls, type Call } from "./calls";
import { ChatError, mayComeAgain, refusal } from "./errors";
import { Groups } from "./groups";
import { isObject, readEntered, readLines, readPush, readUser, type Line } from "./read";
import type { Backoff, ChatEvent, ChatState, User } from "./types";

/** What is to be done. */
export interface Ports {
  open(): void;
  send(message: string): void;
  /** Whatever comes of the socket after this is of no interest. */
  close(code: number, reason: string): void;
  /** `tokenCame` is the answer. */
  askToken(): void;
  tell(event: ChatEvent): void;
  /** From 0 to 1. */
  random(): number;
}

/** From the first byte to the answer to the greeting, milliseconds. */
const GREETING_MS = 10_000;
/** Beyond the server's pace for signs of life, milliseconds: then the connection is dead, whatever the browser says. */
const SILENCE_MS = 10_000;
const USUAL_PING_S = 25;
/** A connection that held so long was a good one: the next break begins with the shortest pause. */
const GOOD_MS = 5_000;
/** Receipts are gathered for so long. */
const RECEIPT_MS = 300;
/** A token is renewed when this part of its time is over. */
const RENEW_AT = 0.8;
/** After a token that could not be had. */
const TOKEN_AGAIN_MS = 10_000;
const NO_SIGN_OF_LIFE = 3012;
const GREETING = 0;

type Phase = "idle" | "token" | "opening" | "greeting" | "open" | "waiting" | "closed";

export class Session {
  readonly groups = new Groups();
  private readonly calls = new Calls();
  private phase: Phase = "idle";
  private user: User = { id: "", name: "" };
  private own = "";
  private breaks = 0;
  private refused: ChatError | null = null;
  private token: string | null = null;
  /** Of what is awaited in this phase; when the connection became good; when signs of life were last heard. */
  private deadline_ms = Infinity;
  private opened_ms = 0;
  private silence_ms = Infinity;
  private ping_ms = USUAL_PING_S * 1000;
  private renew_ms = Infinity;
  private receipts_ms = Infinity;
  /** Ticks a second, as the server says. */
  fps = 12;

  constructor(
    private readonly ports: Ports,
    private readonly settings: { hasTokens: boolean; backoff: Backoff },
  ) {}

  /** When `tick` has something to do. */
  get due_ms(): number {
    return Math.min(this.deadline_ms, this.silence_ms, this.renew_ms, this.receipts_ms, this.calls.due_ms);
  }

  get isOpen(): boolean {
    return this.phase === "open";
  }

  begin(now_ms: number): void {
    if (this.phase !== "idle" && this.phase !== "waiting") return;
    this.refused = null;
    this.tellState({ is: "connecting" });
    this.phase = "token";
    this.deadline_ms = now_ms + GREETING_MS;
    if (this.settings.hasTokens) this.ports.askToken();
    else this.tokenCame(null, now_ms);
  }

  /** null: as who the cookie says, or as a guest. */
  tokenCame(token: string | null, now_ms: number): void {
    this.token = token;
    if (this.phase === "token") {
      this.phase = "opening";
      this.deadline_ms = now_ms + GREETING_MS;
      this.ports.open();
    } else if (this.phase === "open" && token) {
      this.call({ line: { c: "refresh", tk: token }, isIdempotent: false, done: (ok) => this.renewAfter(ok["ttl"], now_ms), failed: () => {} }, now_ms);
    }
  }

  tokenFailed(now_ms: number): void {
    if (this.phase === "token") this.lost(1006, "no token", now_ms);
    else if (this.phase === "open") this.renew_ms = now_ms + TOKEN_AGAIN_MS;
  }

  /** The handshake is done. */
  opened(now_ms: number): void {
    if (this.phase !== "opening") return;
    this.phase = "greeting";
    this.deadline_ms = now_ms + GREETING_MS;
    this.ports.send(JSON.stringify({ i: GREETING, c: "hi", ...(this.token && { tk: this.token }), g: this.groups.places() }));
  }

  heard(message: string, now_ms: number): void {
    if (this.phase !== "greeting" && this.phase !== "open") return;
    if (this.phase === "open") this.silence_ms = now_ms + this.ping_ms + SILENCE_MS;
    if (message === "") this.ports.send("");
    for (const line of readLines(message)) {
      if (line["p"] === undefined) this.answered(line, now_ms);
      else this.pushed(line, now_ms);
    }
  }

  /** The socket is closed, or never opened. */
  lost(code: number, reason: string, now_ms: number): void {
    if (this.phase === "idle" || this.phase === "waiting" || this.phase === "closed") return;
    const wasGood = this.phase === "open" && now_ms - this.opened_ms >= GOOD_MS;
    this.silence_ms = this.renew_ms = this.receipts_ms = Infinity;
    if (!mayComeAgain(code)) return this.finish(code, reason);
    this.calls.interrupt();
    if (wasGood) this.breaks = 0;
    const { min_ms, max_ms } = this.settings.backoff;
    const most_ms = Math.min(max_ms, min_ms * 2 ** this.breaks);
    this.breaks += 1;
    const pause_ms = Math.max(this.ports.random() * most_ms, this.refused?.retry_ms ?? 0);
    this.phase = "waiting";
    this.deadline_ms = now_ms + pause_ms;
    this.tellState({ is: "waiting", again_ms: pause_ms, code });
  }

  /** The network is back: what it was that broke, it is over. */
  networkCame(now_ms: number): void {
    if (this.phase === "waiting") this.begin(now_ms);
  }

  tick(now_ms: number): void {
    this.calls.expire(now_ms);
    if (this.deadline_ms <= now_ms) {
      this.deadline_ms = Infinity;
      if (this.phase === "waiting") this.begin(now_ms);
      else this.drop(1006, now_ms);
    }
    if (this.silence_ms <= now_ms) this.drop(NO_SIGN_OF_LIFE, now_ms);
    if (this.renew_ms <= now_ms) {
      this.renew_ms = Infinity;
      this.ports.askToken();
    }
    if (this.receipts_ms <= now_ms) {
      this.receipts_ms = Infinity;
      for (const { group, offset } of this.groups.receipts()) this.ports.send(JSON.stringify({ c: "ack", g: group, o: offset }));
    }
  }

  join(group: string, now_ms: number): void {
    if (this.groups.add(group) && this.isOpen) this.enter(group, now_ms);
  }

  leave(group: string): void {
    if (this.groups.remove(group) && this.isOpen) this.ports.send(JSON.stringify({ c: "leave", g: group }));
  }

  call(call: Call, now_ms: number): void {
    if (this.phase === "closed") return call.failed(new ChatError("closed", 0, "the chat is closed", false));
    const line = this.calls.begin(call, this.isOpen, now_ms);
    if (line !== null) this.ports.send(line);
  }

  end(): void {
    if (this.phase === "closed") return;
    this.ports.close(1000, "");
    this.finish(1000, "");
  }

  private enter(group: string, now_ms: number): void {
    const place = this.groups.placeOf(group);
    const line: Line = { c: "join", g: group, ...place };
    const done = (ok: Line) => this.groups.has(group) && this.entered(group, ok);
    const failed = (error: ChatError) => {
      // A break refuses it, too; the next greeting names the group again.
      if (error.reason === "lost" || !this.groups.has(group)) return;
      this.groups.remove(group);
      this.ports.tell({ type: "refused", group, error });
    };
    this.call({ line, isIdempotent: false, done, failed }, now_ms);
  }

  private answered(line: Line, now_ms: number): void {
    if (this.phase === "greeting" && line["i"] === GREETING) this.greeted(line, now_ms);
    else this.calls.answered(line);
    if (this.groups.owesReceipts) this.receipts_ms = Math.min(this.receipts_ms, now_ms + RECEIPT_MS);
  }

  private greeted(line: Line, now_ms: number): void {
    const ok = line["ok"];
    // The close that follows says whether to come again.
    if (!isObject(ok)) return void (this.refused = refusal(line["er"]));
    this.phase = "open";
    this.deadline_ms = Infinity;
    this.opened_ms = now_ms;
    this.user = readUser(ok["u"]);
    this.own = `u:${this.user.id}`;
    if (typeof ok["ping"] === "number") this.ping_ms = ok["ping"] * 1000;
    if (typeof ok["fps"] === "number" && ok["fps"] > 0) this.fps = ok["fps"];
    this.silence_ms = now_ms + this.ping_ms + SILENCE_MS;
    this.renewAfter(ok["ttl"], now_ms);
    this.tellState({ is: "open", user: this.user });
    const groups = isObject(ok["g"]) ? ok["g"] : {};
    for (const [name, group] of Object.entries(groups)) if (isObject(group)) this.entered(name, group);
    // What was asked for while the greeting was on its way.
    for (const name of Object.keys(this.groups.places())) if (!(name in groups)) this.enter(name, now_ms);
    for (const line of this.calls.resume()) this.ports.send(line);
  }

  private entered(group: string, told: Line): void {
    if (told["er"] !== undefined) {
      this.groups.remove(group);
      // The own group of whom one was before the last break is of no interest.
      if (!group.startsWith("u:")) this.ports.tell({ type: "refused", group, error: refusal(told["er"]) });
      return;
    }
    const missed = this.groups.enter(group, told);
    this.ports.tell({ type: "entered", group, room: readEntered(told) });
    for (const line of missed) this.tellPush({ ...line, g: group });
  }

  private pushed(line: Line, now_ms: number): void {
    if (typeof line["g"] === "string" && !this.groups.advance(line["g"], line)) line = { p: "seen" };
    if (this.groups.owesReceipts) this.receipts_ms = Math.min(this.receipts_ms, now_ms + RECEIPT_MS);
    this.tellPush(line);
  }

  private tellPush(line: Line): void {
    const event = readPush(line, this.own);
    if (event?.type === "out") this.groups.remove(event.group);
    if (event) this.ports.tell(event);
  }

  private renewAfter(ttl_s: unknown, now_ms: number): void {
    if (this.settings.hasTokens && typeof ttl_s === "number" && ttl_s > 0) this.renew_ms = now_ms + ttl_s * 1000 * RENEW_AT;
  }

  /** Gives up a connection that says nothing. */
  private drop(code: number, now_ms: number): void {
    this.ports.close(code >= 3000 ? code : 1000, "");
    this.lost(code, "", now_ms);
  }

  private finish(code: number, reason: string): void {
    this.phase = "closed";
    this.deadline_ms = this.silence_ms = this.renew_ms = this.receipts_ms = Infinity;
    this.calls.end(new ChatError("closed", 0, "the chat is closed", false));
    this.tellState({ is: "closed", code, reason, error: this.refused });
  }

  private tellState(state: ChatState): void {
    this.ports.tell({ type: "state", state });
  }
}
