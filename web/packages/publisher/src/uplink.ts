//! The way up: one session over as many connections as it takes. Holds what waits, sends what may be
//! sent, resumes what broke, follows redirects. Knows nothing of encoders.

import { errorOfClose, isRetryable, LOCAL, PublishError } from "./errors";
import { redirectTarget, type Fault, type Ready } from "./messages";
import { SendQueue, type Packet } from "./queue";
import { HELD_LIMIT_BYTES, Session } from "./session";
import type { ClientStats, Transport, TransportFactory } from "./transport";
import type { Container } from "./types";

/** A connection attempt may take this long until `ready`, ms: the first one, and a later one. */
const FIRST_OPEN_MS = 10_000;
const OPEN_MS = 4000;
/** Bytes outstanding and no acknowledgement for so long: the socket is dead, ms. */
const SILENCE_MS = 2500;
/** The same after the network has changed, ms. */
const SILENCE_CHANGED_MS = 1000;
/** A tick this late was held up by the computer, ms. */
const SLEPT_MS = 600;
/**
 * Pauses before resuming, and then before beginning a new session, ms; the last one is repeated. Each is up to a quarter
 * shorter, so that many whose server went away do not come back together.
 */
const RESUME_PAUSES_MS = [0, 250, 500, 1000];
const RENEW_PAUSES_MS = [1000, 2000, 4000, 8000, 10_000];
/** While there is no connection, pictures older than this are let go, ms, and sound too. */
const OUTAGE_MEDIA_MS = 1500;
/** After an outage the name may still be taken, by ourselves: so long that is no refusal, ms. */
const LINGER_MS = 15_000;

export interface UplinkEvents {
  /** Media flows; `how` says whether what was sent goes on or a container must begin. */
  open(ready: Ready, how: "begin" | "restart" | "go on"): void;
  lost(why: string): void;
  acked(): void;
  hint(max_kbps: number): void;
  /** For good. */
  failed(error: PublishError): void;
  log(text: string): void;
}

export interface UplinkOptions {
  url: string;
  factory: TransportFactory;
  container: Container;
  grain_ms: number;
  agent: string;
  events: UplinkEvents;
  /** Numbers from 0 to under 1, for the pauses between attempts; `Math.random` where not given. */
  random?: () => number;
}

export class Uplink {
  readonly queue: SendQueue;
  readonly session = new Session();
  reconnects = 0;
  private url: string;
  private transport: Transport | null = null;
  /** Being opened; becomes `transport` when it is ready. */
  private opening: Transport | null = null;
  private openTimer: ReturnType<typeof setTimeout> | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private fault: Fault | null = null;
  private lostAt_ms: number | null = null;
  private attempts = 0;
  private changedAt_ms = Number.NEGATIVE_INFINITY;
  private tickedAt_ms = Number.NEGATIVE_INFINITY;
  private wokeAt_ms = Number.NEGATIVE_INFINITY;
  private everReady = false;
  /** What waits does not follow what was sent. */
  private isBroken = false;
  private isEnded = false;

  constructor(private readonly options: UplinkOptions) {
    this.url = options.url;
    this.queue = new SendQueue(options.grain_ms);
  }

  get isOpen(): boolean {
    return this.transport !== null;
  }

  /** Media captured and not arrived, beyond the round trip, ms. */
  queue_ms(now_ms: number): number {
    return this.session.queue_ms(this.queue.queued_ms, now_ms, this.options.grain_ms);
  }

  connect(): void {
    this.open(this.url);
  }

  push(packet: Packet): void {
    if (this.isEnded) return;
    this.queue.push(packet);
    this.pump();
  }

  /** Throws away what waits; the next packet begins a container. */
  restart(): void {
    this.queue.clear();
    if (this.transport) this.queue.push({ kind: "restart", container: this.options.container });
    else this.isBroken = true;
  }

  stats(stats: ClientStats): void {
    this.transport?.stats(stats);
  }

  /** Ten times a second. */
  tick(now_ms: number): void {
    if (this.isEnded) return;
    // A tab that slept heard nothing because it did not listen.
    if (now_ms - this.tickedAt_ms > SLEPT_MS) this.wokeAt_ms = now_ms;
    this.tickedAt_ms = now_ms;
    if (!this.transport) return this.trim();
    const limit_ms = now_ms - this.changedAt_ms < 2 * SILENCE_CHANGED_MS ? SILENCE_CHANGED_MS : SILENCE_MS;
    const quietSince_ms = Math.max(this.session.lastAck_ms ?? now_ms, this.session.oldestSent_ms ?? now_ms, this.wokeAt_ms);
    if (this.session.unacked_bytes > 0 && now_ms - quietSince_ms > limit_ms) {
      this.options.events.log(`nothing acknowledged for ${Math.round(now_ms - quietSince_ms)} ms`);
      this.transport.drop();
      return;
    }
    this.pump();
  }

  /** The network came back or changed: try now, or doubt the socket sooner. */
  networkChanged(): void {
    if (this.isEnded) return;
    this.changedAt_ms = performance.now();
    if (this.transport || !this.everReady) return;
    this.opening?.drop();
    this.opening = null;
    clearTimeout(this.retryTimer);
    this.open(this.url);
  }

  /** Sends what waits, within `patience_ms`, and says goodbye. */
  async end(patience_ms: number): Promise<void> {
    const until_ms = performance.now() + patience_ms;
    while (this.transport && this.queue.length > 0 && performance.now() < until_ms) {
      this.pump();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.close((transport) => transport.bye());
  }

  private close(leave: (transport: Transport) => void): void {
    if (this.isEnded) return;
    this.isEnded = true;
    clearTimeout(this.openTimer);
    clearTimeout(this.retryTimer);
    if (this.transport) leave(this.transport);
    this.opening?.drop();
    this.transport = null;
    this.opening = null;
    this.queue.clear();
  }

  private open(url: string): void {
    const { factory, container, agent } = this.options;
    clearTimeout(this.openTimer);
    // A second redirect: who was on the way before must not take the session.
    const before = this.opening;
    this.opening = null;
    before?.drop();
    const token = this.session.token;
    let own: Transport | null = null;
    const isOurs = () => own !== null && !this.isEnded && (own === this.opening || own === this.transport);
    const fail = (code: number, reason: string) => {
      if (!isOurs()) return;
      if (own === this.opening) this.opening = null;
      else this.transport = null;
      // A redirect that leads nowhere leaves the old connection as it is.
      if (!this.transport) this.onClosed(code, reason);
    };
    try {
      own = factory(url, { v: 1, container, agent, ...(token === null ? {} : { resume: token }) }, {
        ready: (ready) => isOurs() && this.onReady(own!, url, ready),
        ack: (ack) => {
          if (!isOurs() || own !== this.transport) return;
          // Not with `ready`: a server that takes us and lets go at once is not asked without pauses.
          this.attempts = 0;
          this.session.ack(ack, performance.now(), Date.now());
          this.pump();
          this.options.events.acked();
        },
        hint: (max_kbps) => isOurs() && this.options.events.hint(max_kbps),
        redirect: (to) => isOurs() && own === this.transport && this.onRedirect(to),
        fault: (fault) => {
          if (isOurs()) this.fault = fault;
        },
        closed: fail,
      });
    } catch (cause) {
      return this.giveUp(new PublishError(LOCAL.protocol, `The address cannot be used: ${String(cause)}`, { cause }));
    }
    this.opening = own;
    const limit_ms = this.everReady ? OPEN_MS : FIRST_OPEN_MS;
    this.openTimer = setTimeout(() => own === this.opening && own?.drop(), limit_ms);
  }

  private onReady(transport: Transport, url: string, ready: Ready): void {
    if (transport === this.transport) return;
    clearTimeout(this.openTimer);
    const old = this.transport;
    this.transport = transport;
    this.opening = null;
    this.url = url;
    this.fault = null;
    if (this.everReady) this.reconnects++;
    this.everReady = true;
    this.lostAt_ms = null;
    // The old one is told after the new one has the session.
    old?.bye();
    const now_ms = performance.now();
    const resumption = this.session.ready(ready, now_ms, !this.isBroken);
    this.isBroken = false;
    if (resumption.how === "go on") {
      for (const data of resumption.data) transport.send(data);
    } else {
      this.queue.clear();
      if (resumption.how === "restart") this.queue.push({ kind: "restart", container: this.options.container });
    }
    this.options.events.open(ready, resumption.how);
    this.pump();
  }

  private onRedirect(to: string): void {
    const target = redirectTarget(this.url, to);
    if (target === null) return this.options.events.log(`a redirect to ${to} is not followed`);
    this.options.events.log(`redirected to ${new URL(target).host}`);
    this.open(target);
  }

  private onClosed(code: number, reason: string): void {
    const now_ms = performance.now();
    const wasOpen = this.lostAt_ms === null && this.everReady;
    this.lostAt_ms ??= now_ms;
    const error = this.errorOf(code, reason);
    this.fault = null;
    if (this.opening) {
      // The server that redirected us has gone; where it sent us to decides how it goes on.
      if (wasOpen) this.options.events.lost(error.message);
      return;
    }
    clearTimeout(this.openTimer);
    if (!this.everReady) return this.giveUp(error);
    const isLingering = error.code === 3004 && now_ms - this.lostAt_ms < LINGER_MS;
    if (!isRetryable(error.code) && !isLingering) return this.giveUp(error);
    if (wasOpen) this.options.events.lost(error.message);
    this.retry(now_ms);
  }

  private retry(now_ms: number): void {
    const since_ms = now_ms - (this.lostAt_ms ?? now_ms);
    const isResuming = this.session.token !== null && since_ms < this.session.resume_ms;
    const pauses = isResuming ? RESUME_PAUSES_MS : RENEW_PAUSES_MS;
    const index = isResuming ? this.attempts : Math.max(0, this.attempts - RESUME_PAUSES_MS.length);
    const { random = Math.random } = this.options;
    const pause_ms = pauses[Math.min(index, pauses.length - 1)]! * (1 - random() / 4);
    this.attempts++;
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => !this.isEnded && this.open(this.url), pause_ms);
  }

  private errorOf(code: number, reason: string): PublishError {
    const { fault } = this;
    if (fault) return new PublishError(fault.code, fault.message || fault.name, fault.name === "" ? {} : { codeName: fault.name });
    const told = errorOfClose(reason, "");
    if (told) return told;
    const words = this.everReady ? "The connection to the server broke." : "The server cannot be reached.";
    return new PublishError(LOCAL.network, code === 1006 ? words : `${words} (${code} ${reason})`);
  }

  private giveUp(error: PublishError): void {
    if (this.isEnded) return;
    this.close((transport) => transport.drop());
    this.options.events.failed(error);
  }

  private pump(): void {
    const { transport } = this;
    if (!transport) return;
    while (this.queue.length > 0 && (this.queue.peek()?.kind === "restart" || this.session.mayBeSent)) {
      const { item, span_ms } = this.queue.shift()!;
      if (item.kind === "restart") {
        transport.restart(item.container);
        this.session.restarted();
        continue;
      }
      transport.send(item.data);
      this.session.sent(item.data, span_ms, performance.now());
    }
  }

  /** Keeps what waits within bounds while nothing can be sent. */
  private trim(): void {
    if (!this.everReady) return;
    if (this.options.container !== "flv") {
      if (this.queue.bytes <= HELD_LIMIT_BYTES) return;
      this.queue.clear();
      this.isBroken = true;
      return;
    }
    if (this.queue.queued_ms <= OUTAGE_MEDIA_MS) return;
    this.queue.dropToKeyframe(true);
    this.queue.dropAudioBefore(this.queue.newest_ms - OUTAGE_MEDIA_MS);
  }
}
