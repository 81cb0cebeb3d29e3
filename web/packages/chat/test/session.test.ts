//! The protocol against a server of lines, in virtual time.

import { describe, expect, it } from "vitest";
import { mayComeAgain, type ChatError } from "../src/errors";
import { Session } from "../src/session";
import type { ChatEvent } from "../src/types";

const ROOM = "r:live/demo";

/** A session, what it does, and its clock. */
class Rig {
  now_ms = 1_000_000;
  readonly did: string[] = [];
  readonly events: ChatEvent[] = [];
  luck = 1;
  readonly session: Session;

  constructor(hasTokens = false) {
    const ports = {
      open: () => void this.did.push("open"),
      send: (message: string) => void this.did.push(message),
      close: (code: number) => void this.did.push(`close ${code}`),
      askToken: () => void this.did.push("token?"),
      tell: (event: ChatEvent) => void this.events.push(event),
      random: () => this.luck,
    };
    this.session = new Session(ports, { hasTokens, backoff: { min_ms: 500, max_ms: 20_000 } });
    this.session.join(ROOM, this.now_ms);
  }

  /** What it has done since somebody last looked. */
  done(): unknown[] {
    return this.did.splice(0).map((one) => (one.startsWith("{") ? JSON.parse(one) : one));
  }

  heard(...types: ChatEvent["type"][]): ChatEvent[] {
    return this.events.splice(0).filter(({ type }) => types.length === 0 || types.includes(type));
  }

  say(...lines: object[]): void {
    this.session.heard(lines.map((line) => JSON.stringify(line)).join("\n"), this.now_ms);
  }

  greet(room: object, more: object = {}): void {
    this.session.opened(this.now_ms);
    this.say({ i: 0, ok: { cid: "0-1", ping: 25, pong: true, fps: 12, ttl: 0, t: 1, u: { u: "a1", n: "ann" }, g: { [ROOM]: room }, ...more } });
  }

  open(room: object = { h: 1, o: 0, e: "x", n: 1, st: { slow: 0, emote: 0, closed: 0 } }, more: object = {}): void {
    this.session.begin(this.now_ms);
    this.greet(room, more);
    this.did.length = this.events.length = 0;
  }

  /** Goes on to what is due next, and says how long that took. */
  next(): number {
    const before_ms = this.now_ms;
    this.now_ms = this.session.due_ms;
    this.session.tick(this.now_ms);
    return this.now_ms - before_ms;
  }
}

const post = (o: number | null, id: string, more: object = {}) => ({ p: "m", g: ROOM, ...(o !== null && { l: 1, o }), id, k: "chat", d: { m: id }, t: 1, ...more });

describe("the greeting", () => {
  it("names the groups, with the token where there is one", () => {
    const rig = new Rig(true);
    rig.session.begin(rig.now_ms);
    expect(rig.done()).toEqual(["token?"]);
    rig.session.tokenCame("abc", rig.now_ms);
    rig.session.opened(rig.now_ms);
    expect(rig.done()).toEqual(["open", { i: 0, c: "hi", tk: "abc", g: { [ROOM]: null } }]);
  });

  it("tells who one is, then each group, then what was missed", () => {
    const rig = new Rig();
    rig.session.begin(rig.now_ms);
    rig.greet({ h: 1, o: 4, e: "x", n: 3, st: { slow: 5, emote: 1, closed: 0 }, rec: true, ms: [post(4, "p4")], pin: { id: "p1", k: "chat", d: { m: "hi" }, t: 1 } });
    const [, open, entered, missed] = rig.heard();
    expect(open).toMatchObject({ state: { is: "open", user: { id: "a1", name: "ann" } } });
    expect(entered).toMatchObject({ group: ROOM, room: { online: 3, mode: { slow_s: 5, emotesOnly: true, isClosed: false }, isRecovered: true, pinned: { id: "p1" } } });
    expect(missed).toMatchObject({ type: "post", post: { id: "p4", offset: 4 } });
  });

  it("is refused with a reason, and the close decides whether to come again", () => {
    const rig = new Rig();
    rig.session.begin(rig.now_ms);
    rig.session.opened(rig.now_ms);
    rig.say({ i: 0, er: { n: 202, m: "you are banned", tmp: false } });
    rig.session.lost(3507, "banned", rig.now_ms);
    const last = rig.heard().at(-1) as { state: { is: string; error: ChatError } };
    expect([last.state.is, last.state.error.reason]).toEqual(["closed", "banned"]);
    expect(rig.session.due_ms).toBe(Infinity);
  });

  it("that does not come is a lost connection", () => {
    const rig = new Rig();
    rig.session.begin(rig.now_ms);
    rig.session.opened(rig.now_ms);
    rig.done();
    expect(rig.next()).toBe(10_000);
    expect(rig.done()).toEqual(["close 1000"]);
    expect(rig.heard("state").at(-1)).toMatchObject({ state: { is: "waiting", again_ms: 500 } });
  });

  it("enters what was asked for while it was on its way", () => {
    const rig = new Rig();
    rig.session.begin(rig.now_ms);
    rig.session.opened(rig.now_ms);
    rig.session.join("r:other", rig.now_ms);
    rig.done();
    rig.greet({ h: 1, o: 0, e: "x", n: 1 });
    expect(rig.done()).toEqual([{ i: 1, c: "join", g: "r:other" }]);
  });
});

describe("coming again", () => {
  it("waits a random part of a pause that doubles up to a bound, and begins anew after a good connection", () => {
    const rig = new Rig();
    rig.session.begin(rig.now_ms);
    const pauses = Array.from({ length: 8 }, () => {
      rig.session.lost(1006, "", rig.now_ms);
      return rig.next();
    });
    expect(pauses).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]);
    rig.greet({ h: 1, o: 0, e: "x", n: 1 });
    rig.now_ms += 5_000;
    rig.luck = 0.25;
    rig.session.lost(3001, "", rig.now_ms);
    expect(rig.next()).toBe(125);
  });

  it("gives the place that was reached, and tells nothing twice", () => {
    const rig = new Rig();
    rig.open();
    rig.say(post(1, "p1"), post(null, "lo"), post(2, "p2"));
    rig.session.lost(1006, "", rig.now_ms);
    rig.next();
    rig.session.opened(rig.now_ms);
    expect(rig.done().at(-1)).toMatchObject({ g: { [ROOM]: { o: 2, e: "x" } } });
    rig.heard();
    rig.greet({ h: 1, o: 3, e: "x", n: 1, rec: true, ms: [post(2, "p2"), post(3, "p3")] });
    rig.say(post(3, "p3"), post(4, "p4"));
    expect(rig.heard("post").map((event) => event.type === "post" && event.post.id)).toEqual(["p3", "p4"]);
  });

  it("takes the numbers of another epoch for new ones", () => {
    const rig = new Rig();
    rig.open({ h: 1, o: 90, e: "x", n: 1 });
    rig.session.lost(1006, "", rig.now_ms);
    rig.next();
    rig.greet({ h: 1, o: 2, e: "y", n: 1, rec: false });
    rig.heard();
    rig.say(post(3, "p3"));
    expect(rig.heard("post")).toHaveLength(1);
    expect(rig.session.groups.placeOf(ROOM)).toEqual({ o: 3, e: "y" });
  });

  it("goes on under another numbering where the server says so, with smaller numbers too", () => {
    const rig = new Rig();
    rig.open({ h: 1, o: 7, e: "x", n: 1 });
    rig.say({ p: "ep", g: ROOM, e: "y", o: 0 }, post(1, "p1"), post(1, "p1"));
    expect(rig.heard("post")).toHaveLength(1);
    rig.session.lost(1006, "", rig.now_ms);
    rig.next();
    rig.session.opened(rig.now_ms);
    expect(rig.done().at(-1)).toMatchObject({ g: { [ROOM]: { o: 1, e: "y" } } });
  });

  it("is by the code: what a moderator or a wrong token ended stays ended", () => {
    for (const code of [1001, 1006, 3000, 3001, 3005, 3008, 3010, 3012, 3013, 3499, 4503, 4429]) expect(mayComeAgain(code), String(code)).toBe(true);
    for (const code of [1000, 1002, 1007, 1009, 3500, 3503, 3507, 4400, 4404]) expect(mayComeAgain(code), String(code)).toBe(false);
  });

  it("happens at once when the network is back", () => {
    const rig = new Rig();
    rig.open();
    rig.session.lost(1006, "", rig.now_ms);
    rig.done();
    rig.session.networkCame(rig.now_ms);
    expect(rig.done()).toEqual(["open"]);
  });
});

describe("signs of life", () => {
  it("are answered, and a connection without them is given up", () => {
    const rig = new Rig();
    rig.open();
    rig.now_ms += 25_000;
    rig.session.heard("", rig.now_ms);
    expect(rig.done()).toEqual([""]);
    expect(rig.next()).toBe(35_000);
    expect(rig.done()).toEqual(["close 3012"]);
    expect(rig.heard("state").at(-1)).toMatchObject({ state: { is: "waiting", code: 3012 } });
  });

  it("renew the token before it ends", () => {
    const rig = new Rig(true);
    rig.session.begin(rig.now_ms);
    rig.session.tokenCame("abc", rig.now_ms);
    rig.greet({ h: 1, o: 0, e: "x", n: 1 }, { ttl: 20 });
    rig.done();
    expect(rig.next()).toBe(16_000);
    rig.session.tokenCame("def", rig.now_ms);
    expect(rig.done()).toEqual(["token?", { i: 1, c: "refresh", tk: "def" }]);
    rig.say({ i: 1, ok: { ttl: 30 } });
    expect(rig.next()).toBe(24_000);
    expect(rig.done()).toEqual(["token?"]);
  });
});

describe("commands", () => {
  const publish = (rig: Rig) => {
    const told: unknown[] = [];
    rig.session.call({ line: { c: "pub", g: ROOM, d: { m: "hi" }, x: "k1" }, isIdempotent: true, done: (ok) => told.push(ok), failed: (error) => told.push(error.reason) }, rig.now_ms);
    return told;
  };

  it("post a message once: it is sent again, under its name, where the connection broke before the answer", () => {
    const rig = new Rig();
    rig.open();
    const told = publish(rig);
    const sent = rig.done();
    expect(sent).toEqual([{ i: 1, c: "pub", g: ROOM, d: { m: "hi" }, x: "k1" }]);
    rig.session.lost(1006, "", rig.now_ms);
    rig.next();
    rig.greet({ h: 1, o: 0, e: "x", n: 1 });
    expect(rig.done().at(-1)).toEqual(sent[0]);
    rig.say({ i: 1, ok: { id: "m1", again: true } });
    expect(told).toEqual([{ id: "m1", again: true }]);
  });

  it("say what was refused, whether it may succeed later, and when", () => {
    const rig = new Rig();
    rig.open();
    let refused: ChatError | undefined;
    rig.session.call({ line: { c: "pub" }, isIdempotent: true, done: () => {}, failed: (error) => (refused = error) }, rig.now_ms);
    rig.say({ i: 1, er: { n: 203, m: "slow mode", tmp: true, r: 2100 } });
    expect(refused).toMatchObject({ reason: "slow_mode", number: 203, isTemporary: true, retry_ms: 2100 });
  });

  it("fail when no answer comes, and at once where nothing could be sent twice", () => {
    const rig = new Rig();
    const early: string[] = [];
    rig.session.call({ line: { c: "who" }, isIdempotent: false, done: () => {}, failed: ({ reason }) => early.push(reason) }, rig.now_ms);
    expect(early).toEqual(["lost"]);
    rig.open();
    const told = publish(rig);
    expect(rig.next()).toBe(15_000);
    expect(told).toEqual(["late"]);
  });

  it("end with the chat", () => {
    const rig = new Rig();
    rig.open();
    const told = publish(rig);
    rig.session.end();
    expect(told).toEqual(["closed"]);
    expect(publish(rig)).toEqual(["closed"]);
  });
});

describe("pushes", () => {
  it("are told by what they are, and what is not known is passed over", () => {
    const rig = new Rig();
    rig.open();
    rig.say(
      { p: "skip", g: ROOM, n: 37 },
      { p: "st", g: ROOM, l: 1, o: 1, d: { slow: 5 } },
      { p: "st", g: "u:a1", l: 1, o: 1, d: { muted: ROOM, until: 99, why: "spam" } },
      { p: "del", g: ROOM, l: 1, o: 2, id: "p1" },
      { p: "clr", g: ROOM, l: 1, o: 3, u: "bob" },
      { p: "pin", g: ROOM, l: 1, o: 4, post: null },
      { p: "on", g: ROOM, n: 5 },
      { p: "dance", g: ROOM },
      { p: "bye", g: ROOM, n: 3507 },
    );
    rig.session.heard("rubbish\n[1]\n", rig.now_ms);
    expect(rig.heard()).toEqual([
      { type: "skip", group: ROOM, count: 37 },
      { type: "mode", group: ROOM, mode: { slow_s: 5 } },
      { type: "silenced", group: ROOM, how: "mute", until_ms: 99, reason: "spam" },
      { type: "delete", group: ROOM, id: "p1" },
      { type: "clear", group: ROOM, user: "bob" },
      { type: "pin", group: ROOM, post: null },
      { type: "online", group: ROOM, count: 5 },
      { type: "out", group: ROOM, code: 3507 },
    ]);
    expect(rig.session.groups.has(ROOM)).toBe(false);
  });

  it("that want a receipt get one for all of them, and again where the server asks again", () => {
    const rig = new Rig();
    rig.open();
    rig.say(post(1, "p1", { rc: 1 }), post(2, "p2"), post(3, "p3", { rc: 1 }));
    rig.next();
    expect(rig.done()).toEqual([{ c: "ack", g: ROOM, o: 3 }]);
    rig.heard();
    rig.session.lost(1006, "", rig.now_ms);
    rig.next();
    rig.greet({ h: 1, o: 3, e: "x", n: 1, rec: true, ms: [post(3, "p3", { rc: 1 })] });
    expect(rig.heard("post")).toEqual([]);
    rig.done();
    rig.next();
    expect(rig.done()).toEqual([{ c: "ack", g: ROOM, o: 3 }]);
  });
});
