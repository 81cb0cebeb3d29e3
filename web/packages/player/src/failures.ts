//! What failed lately, by protocol and by engine, and so what is tried next. Pure.

import { flvEngines, hlsEngine, type Capabilities } from "./choose";
import type { EngineName } from "./engines/engine";
import type { Protocol, StreamInfo } from "./types";

/** Network failures in a row before the next protocol gets its turn. */
const NETWORK_FAILURES = 2;

export class Failures {
  private readonly protocols = new Map<Protocol, number>();
  /** Engines that could not play this stream. */
  private readonly engines = new Set<EngineName>();

  constructor(private readonly can: Capabilities) {}

  forget(): void {
    this.protocols.clear();
    this.engines.clear();
  }

  /** All of them get their turn again, by the engines that have not failed. */
  forgetProtocols(): void {
    this.protocols.clear();
  }

  /** It has played for a while. */
  pardon(protocol: Protocol): void {
    this.protocols.delete(protocol);
  }

  /** The first that has not failed too often; undefined when all have. */
  next(order: readonly Protocol[]): Protocol | undefined {
    return order.find((protocol) => (this.protocols.get(protocol) ?? 0) < NETWORK_FAILURES);
  }

  engineFor(protocol: Protocol, info: StreamInfo | null): EngineName {
    if (protocol === "hls" || protocol === "ts") return hlsEngine(this.can, protocol, info);
    const engines = flvEngines(this.can, info);
    return engines.find((name) => !this.engines.has(name)) ?? engines[0] ?? "weir";
  }

  /** Notes a failure; true when the protocol is given up for it. Another engine may be tried before that. */
  add(kind: "network" | "media", protocol: Protocol | null, engine: EngineName | null, info: StreamInfo | null): boolean {
    if (kind === "media" && engine && this.hasOtherEngine(engine, info)) {
      this.engines.add(engine);
      return false;
    }
    if (protocol === null) return false;
    const failures = (this.protocols.get(protocol) ?? 0) + (kind === "media" ? NETWORK_FAILURES : 1);
    this.protocols.set(protocol, failures);
    return failures >= NETWORK_FAILURES;
  }

  /** Whether the same protocol can be played by another engine that has not failed. */
  private hasOtherEngine(name: EngineName, info: StreamInfo | null): boolean {
    const engines = flvEngines(this.can, info);
    return (name === "weir" || name === "mpegts") && engines.some((other) => other !== name && !this.engines.has(other));
  }
}
