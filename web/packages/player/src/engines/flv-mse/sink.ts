//! Media Source Extensions: one buffer for each track, appends in order, played-out media removed.

import { concat, initSegment, type Mp4Track } from "./mp4";

type Kind = "video" | "audio";

/** Kept behind the play position, seconds: seeking back is not offered. */
const BACK_BUFFER_S = 12;
/** Removed when this much has gathered, seconds: removing is not free. */
const TRIM_AT_S = 24;
/** Waiting for a full buffer to empty, a lane holds at most this; the stream is cut then. */
const MAX_QUEUED_BYTES = 64 * 1024 * 1024;

interface Lane {
  buffer: SourceBuffer;
  queue: (Uint8Array | { mime: string })[];
  queuedBytes: number;
  mime: string;
}

export class Sink {
  private readonly source = new MediaSource();
  private readonly url = URL.createObjectURL(this.source);
  private readonly lanes = new Map<Kind, Lane>();
  private readonly opened: Promise<void>;
  private dead = false;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly onFail: (message: string) => void,
  ) {
    this.opened = new Promise((resolve) => this.source.addEventListener("sourceopen", () => resolve(), { once: true }));
    video.src = this.url;
  }

  /** All tracks at once: a browser takes no further one after the first bytes. */
  async open(tracks: readonly Mp4Track[]): Promise<void> {
    await this.opened;
    URL.revokeObjectURL(this.url);
    if (this.dead) return;
    this.attempt(() => {
      this.source.duration = Infinity;
      for (const track of tracks) {
        const buffer = this.source.addSourceBuffer(track.mime);
        const lane: Lane = { buffer, queue: [], queuedBytes: 0, mime: track.mime };
        this.lanes.set(track.kind, lane);
        buffer.addEventListener("updateend", () => this.next(lane));
        buffer.addEventListener("error", () => this.fail("the browser could not take the media apart"));
      }
      for (const track of tracks) this.append(track.kind, initSegment(track));
    });
  }

  /** Whether there are buffers to append to. */
  get ready(): boolean {
    return this.lanes.size > 0 && !this.dead;
  }

  append(kind: Kind, bytes: Uint8Array): void {
    const lane = this.lanes.get(kind);
    if (!lane || this.dead) return;
    lane.queue.push(bytes);
    lane.queuedBytes += bytes.length;
    if (lane.queuedBytes > MAX_QUEUED_BYTES) return this.fail("the browser's buffer stays full");
    this.next(lane);
  }

  /** A new set-up of a track that is there. */
  change(track: Mp4Track): void {
    const lane = this.lanes.get(track.kind);
    if (!lane) return;
    if (lane.mime !== track.mime) lane.queue.push({ mime: track.mime });
    lane.mime = track.mime;
    this.append(track.kind, initSegment(track));
  }

  close(): void {
    this.dead = true;
    this.lanes.clear();
    URL.revokeObjectURL(this.url);
    this.video.removeAttribute("src");
    this.video.load();
  }

  private next(lane: Lane): void {
    if (this.dead || lane.buffer.updating || this.source.readyState !== "open") return;
    this.attempt(() => {
      const change = lane.queue[0];
      if (change && "mime" in change) {
        lane.queue.shift();
        lane.buffer.changeType(change.mime);
      }
      const end = lane.queue.findIndex((item) => "mime" in item);
      const batch = lane.queue.slice(0, end < 0 ? undefined : end) as Uint8Array<ArrayBuffer>[];
      if (batch.length === 0) return this.trim(lane, TRIM_AT_S);
      try {
        lane.buffer.appendBuffer(batch.length === 1 ? batch[0]! : concat(batch));
      } catch (error) {
        // Full: it is tried again when something has been removed.
        if (!(error instanceof DOMException) || error.name !== "QuotaExceededError") throw error;
        return this.trim(lane, BACK_BUFFER_S / 2);
      }
      lane.queue.splice(0, batch.length);
      for (const bytes of batch) lane.queuedBytes -= bytes.length;
    });
  }

  private trim({ buffer }: Lane, at_s: number): void {
    const start_s = buffer.buffered.length > 0 ? buffer.buffered.start(0) : 0;
    const keep_s = this.video.currentTime - Math.min(at_s, BACK_BUFFER_S);
    if (buffer.buffered.length > 0 && this.video.currentTime - start_s > at_s) buffer.remove(0, keep_s);
  }

  private attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(String(error));
    }
  }

  private fail(message: string): void {
    if (this.dead) return;
    this.dead = true;
    this.onFail(this.video.error?.message || message);
  }
}
