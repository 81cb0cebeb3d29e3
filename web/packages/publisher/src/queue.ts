//! What is encoded and not yet handed to the socket: here it can still be dropped. Pure.

import type { Container } from "./types";

/**
 * - `stamp`: belongs to the frame behind it, and is dropped with it
 * - `head`, `script`, `config`: small, never dropped but when a new container begins
 * - `key`, `delta`: pictures; `audio`: sound
 * - `chunk`: a piece of a container that somebody else wrote; cannot be dropped alone
 */
export type PacketKind = "stamp" | "head" | "script" | "config" | "key" | "delta" | "audio" | "chunk";

export interface Packet {
  kind: PacketKind;
  /** Capture time, ms since the publisher's epoch. */
  ts_ms: number;
  data: Uint8Array;
}

/** In the place of a packet: a new container begins behind it. */
export interface Restart {
  kind: "restart";
  container: Container;
}

/** A step between packets longer than this is a gap and not media, ms. */
const GAP_MS = 250;

export class SendQueue {
  private items: (Packet | Restart)[] = [];
  private spans: number[] = [];
  private lastTs_ms: number | null = null;
  private needsKey = false;
  private total_bytes = 0;
  private total_ms = 0;
  /** Pictures thrown away after they were encoded. */
  dropped = 0;

  /** `grain_ms`: how much media one packet may hold; a recorder's chunks hold a time slice. */
  constructor(private readonly grain_ms = 0) {}

  get length(): number {
    return this.items.length;
  }

  get bytes(): number {
    return this.total_bytes;
  }

  /** Media that waits, in time; gaps are not counted. */
  get queued_ms(): number {
    return this.total_ms;
  }

  /** Time of the newest packet ever pushed, ms. */
  get newest_ms(): number {
    return this.lastTs_ms ?? 0;
  }

  /** Whether pictures are refused until a keyframe comes. */
  get waitsForKey(): boolean {
    return this.needsKey;
  }

  /** False if the packet was dropped at once: a picture whose reference is gone. */
  push(item: Packet | Restart): boolean {
    if (item.kind === "delta" && this.needsKey) {
      this.dropped++;
      return false;
    }
    // Who writes chunks begins them with a keyframe.
    if (item.kind === "key" || item.kind === "chunk") this.needsKey = false;
    this.items.push(item);
    this.spans.push(item.kind === "restart" ? 0 : this.spanOf(item.ts_ms));
    this.total_bytes += item.kind === "restart" ? 0 : item.data.length;
    this.total_ms += this.spans.at(-1)!;
    return true;
  }

  peek(): Packet | Restart | undefined {
    return this.items[0];
  }

  shift(): { item: Packet | Restart; span_ms: number } | undefined {
    const item = this.items.shift();
    if (!item) return undefined;
    const span_ms = this.spans.shift()!;
    this.total_bytes -= item.kind === "restart" ? 0 : item.data.length;
    this.total_ms -= span_ms;
    return { item, span_ms };
  }

  /**
   * Throws away the pictures that wait, up to the last keyframe if one waits and `fresh` is false,
   * else all of them: then pictures are refused until a keyframe comes. Sound is kept, and so is
   * what sets the decoders up. Returns whether a keyframe must be made.
   */
  dropToKeyframe(fresh: boolean): boolean {
    const lastKey = fresh ? -1 : this.items.map((item) => item.kind).lastIndexOf("key");
    const before = lastKey < 0 ? this.items.length : lastKey;
    this.keep((item, index) => index >= before || !(isPicture(item) || item.kind === "stamp"));
    this.needsKey ||= lastKey < 0;
    return this.needsKey;
  }

  /** Throws away sound older than `ts_ms`, for after an outage. */
  dropAudioBefore(ts_ms: number): void {
    this.keep((item) => item.kind !== "audio" || item.ts_ms >= ts_ms);
  }

  /** Throws everything away, as for a new container. Pictures are refused until a keyframe comes. */
  clear(): void {
    this.dropped += this.items.filter(isPicture).length;
    this.items = [];
    this.spans = [];
    this.total_bytes = 0;
    this.total_ms = 0;
    this.needsKey = true;
  }

  private keep(isKept: (item: Packet | Restart, index: number) => boolean): void {
    const old = this.items;
    const oldSpans = this.spans;
    this.items = [];
    this.spans = [];
    this.total_bytes = 0;
    this.total_ms = 0;
    old.forEach((item, index) => {
      if (!isKept(item, index)) {
        if (isPicture(item)) this.dropped++;
        return;
      }
      this.items.push(item);
      this.spans.push(oldSpans[index]!);
      this.total_bytes += item.kind === "restart" ? 0 : item.data.length;
      this.total_ms += oldSpans[index]!;
    });
  }

  private spanOf(ts_ms: number): number {
    const step_ms = this.lastTs_ms === null ? 0 : ts_ms - this.lastTs_ms;
    if (this.lastTs_ms === null || step_ms > 0) this.lastTs_ms = ts_ms;
    return Math.min(Math.max(0, step_ms), GAP_MS + this.grain_ms);
  }
}

function isPicture(item: Packet | Restart): boolean {
  return item.kind === "key" || item.kind === "delta";
}
