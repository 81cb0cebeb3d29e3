//! The books of a session: what was sent, what has arrived, what may be sent, how far away the server
//! is and what its clock says. Pure: messages and times in, decisions out.

import { DeliveryRate } from "./delivery";
import type { Ack, Ready } from "./messages";

/** What is kept for going on after a resume, bytes: more is a lost cause, and a new container begins. */
export const HELD_LIMIT_BYTES = 4 * 1024 * 1024;
/** At least so much media may be on its way unacknowledged, ms. */
const LEAST_WINDOW_MS = 600;
/** On its way may be what the link delivers in a round trip, the time to acknowledge, and this, ms. */
const WINDOW_SPARE_MS = 150;
/** The best delivery rate of this time counts for the above, ms. */
const WINDOW_RATE_MS = 1000;
/** So much may always be on its way, bytes. */
const LEAST_WINDOW_BYTES = 16 * 1024;
/** The shortest round trip of this time is taken for the true one, ms. */
const RTT_WINDOW_MS = 20_000;
/** Before the first acknowledgement, ms. */
const FIRST_RTT_MS = 100;

interface Sent {
  /** Bytes of the session up to and with this. */
  end_bytes: number;
  at_ms: number;
  span_ms: number;
  data: Uint8Array;
}

/** How to go on after `ready`: new container, the same one from a byte on, or another one. */
export type Resumption = { how: "begin" } | { how: "restart" } | { how: "go on"; data: Uint8Array[] };

export class Session {
  /** For `hello`; null before the first `ready`. */
  token: string | null = null;
  resume_ms = 5000;
  ack_ms = 200;
  private sent_bytes = 0;
  private acked = 0;
  private ackedAt_ms: number | null = null;
  private flight: Sent[] = [];
  private flightMedia_ms = 0;
  /** Bytes let go although nobody said they arrived: then going on is not possible. */
  private forgotten_bytes = 0;
  private held_bytes = 0;
  /** Where the present container begins. */
  private containerFrom_bytes = 0;
  private rtts: { at_ms: number; rtt_ms: number }[] = [];
  private readonly delivery = new DeliveryRate(WINDOW_RATE_MS);
  private window_bytes = Number.POSITIVE_INFINITY;
  private clock: { at_ms: number; rtt_ms: number; offset_ms: number } | null = null;

  /** `canGoOn`: whether what is sent next would follow what was sent last. */
  ready(ready: Ready, now_ms: number, canGoOn = true): Resumption {
    this.token = ready.resume || null;
    this.ack_ms = ready.ack_ms;
    this.resume_ms = ready.resume_ms;
    this.ackedAt_ms = now_ms;
    this.delivery.clear();
    this.window_bytes = Number.POSITIVE_INFINITY;
    const resumption = this.resumption(ready, canGoOn);
    if (resumption.how !== "go on") {
      this.flight = [];
      this.flightMedia_ms = 0;
      this.held_bytes = 0;
      this.forgotten_bytes = ready.bytes;
      this.sent_bytes = ready.bytes;
      this.acked = ready.bytes;
      this.containerFrom_bytes = ready.bytes;
    }
    // Round trips of what was sent on the old socket would count the outage.
    for (const sent of this.flight) sent.at_ms = now_ms;
    return resumption;
  }

  /** Notes that `data`, which holds `span_ms` of media, was handed to the socket. */
  sent(data: Uint8Array, span_ms: number, now_ms: number): void {
    this.sent_bytes += data.length;
    this.flight.push({ end_bytes: this.sent_bytes, at_ms: now_ms, span_ms, data });
    this.flightMedia_ms += span_ms;
    this.held_bytes += data.length;
    for (const sent of this.flight) {
      if (this.held_bytes <= HELD_LIMIT_BYTES) break;
      if (sent.end_bytes <= this.forgotten_bytes) continue;
      this.held_bytes -= sent.data.length;
      this.forgotten_bytes = sent.end_bytes;
      sent.data = new Uint8Array(0);
    }
  }

  /** Notes that `restart` was said. */
  restarted(): void {
    this.containerFrom_bytes = this.sent_bytes;
  }

  /** `wall_ms` is our own Unix time. */
  ack(ack: Ack, now_ms: number, wall_ms: number): void {
    const silent_ms = now_ms - (this.ackedAt_ms ?? now_ms);
    this.ackedAt_ms = now_ms;
    // A pause is not slowness: what the link delivers is measured anew behind it.
    if (silent_ms > 2 * this.ack_ms) this.delivery.clear();
    if (ack.bytes <= this.acked || ack.bytes > this.sent_bytes) return;
    this.acked = ack.bytes;
    const count = this.flight.findIndex((sent) => sent.end_bytes > ack.bytes);
    const arrived = this.flight.splice(0, count < 0 ? this.flight.length : count);
    for (const sent of arrived) {
      this.flightMedia_ms -= sent.span_ms;
      this.held_bytes -= sent.data.length;
    }
    this.forgotten_bytes = Math.max(this.forgotten_bytes, arrived.at(-1)?.end_bytes ?? 0);
    this.delivery.add(now_ms, ack.bytes);
    const newest = arrived.at(-1);
    if (newest) this.measure(ack, newest, now_ms, wall_ms);
    const rate_kbps = this.delivery.peak(now_ms, WINDOW_RATE_MS);
    if (rate_kbps === 0) return;
    const window_ms = this.rtt_ms + this.ack_ms + WINDOW_SPARE_MS;
    this.window_bytes = Math.max(LEAST_WINDOW_BYTES, (rate_kbps * window_ms) / 8);
  }

  private measure(ack: Ack, newest: Sent, now_ms: number, wall_ms: number): void {
    const rtt_ms = Math.max(0, now_ms - newest.at_ms);
    this.rtts.push({ at_ms: now_ms, rtt_ms });
    while (this.rtts.length > 1 && this.rtts[0]!.at_ms < now_ms - RTT_WINDOW_MS) this.rtts.shift();
    this.setClock(ack.at_ms, rtt_ms, now_ms, wall_ms);
  }

  get sentBytes(): number {
    return this.sent_bytes;
  }

  get ackedBytes(): number {
    return this.acked;
  }

  /** When the newest acknowledgement came; null before `ready`. */
  get lastAck_ms(): number | null {
    return this.ackedAt_ms;
  }

  /** When the oldest of what is on its way was sent; null with nothing on its way. */
  get oldestSent_ms(): number | null {
    return this.flight[0]?.at_ms ?? null;
  }

  get unacked_bytes(): number {
    return this.sent_bytes - this.acked;
  }

  /** The shortest lately: queues only ever add. */
  get rtt_ms(): number {
    return this.rtts.length === 0 ? FIRST_RTT_MS : Math.min(...this.rtts.map((each) => each.rtt_ms));
  }

  /** Server's clock minus ours; null before the first acknowledgement. */
  get clockOffset_ms(): number | null {
    return this.clock?.offset_ms ?? null;
  }

  /** Media on its way, in time. */
  get inFlight_ms(): number {
    return this.flightMedia_ms;
  }

  /** Whether more may be handed to the socket: only what is not can still be dropped. */
  get mayBeSent(): boolean {
    if (this.flight.length === 0) return true;
    const window_ms = Math.max(LEAST_WINDOW_MS, 2 * this.rtt_ms + this.ack_ms);
    return this.flightMedia_ms < window_ms && this.unacked_bytes < this.window_bytes;
  }

  /** Media that waits here or on the way, beyond what distance and acknowledging take, ms. */
  queue_ms(queued_ms: number, now_ms: number, grain_ms: number): number {
    const silent_ms = Math.min(this.ack_ms, now_ms - (this.ackedAt_ms ?? now_ms));
    return Math.max(0, queued_ms + this.flightMedia_ms - this.rtt_ms - silent_ms - grain_ms);
  }

  private resumption(ready: Ready, canGoOn: boolean): Resumption {
    if (!ready.resumed) return { how: "begin" };
    const isHeld = ready.bytes >= Math.max(this.acked, this.forgotten_bytes) && ready.bytes <= this.sent_bytes;
    // Nobody knows whether a `restart` arrived if none of what followed it did.
    const isSameContainer = ready.bytes > this.containerFrom_bytes;
    if (!isHeld || !isSameContainer || !canGoOn) return { how: "restart" };
    this.acked = ready.bytes;
    while (this.flight[0] && this.flight[0].end_bytes <= ready.bytes) {
      const sent = this.flight.shift()!;
      this.flightMedia_ms -= sent.span_ms;
      this.held_bytes -= sent.data.length;
    }
    const data = this.flight.map((sent) => sent.data);
    const first = this.flight[0];
    if (first) data[0] = first.data.subarray(first.data.length - (first.end_bytes - ready.bytes));
    return { how: "go on", data };
  }

  private setClock(server_ms: number, rtt_ms: number, now_ms: number, wall_ms: number): void {
    if (server_ms <= 0) return;
    const isBetter = !this.clock || rtt_ms <= this.clock.rtt_ms || now_ms - this.clock.at_ms > RTT_WINDOW_MS;
    if (isBetter) this.clock = { at_ms: now_ms, rtt_ms, offset_ms: server_ms + rtt_ms / 2 - wall_ms };
  }
}
