//! HTTP-FLV and WS-FLV with weir's own demuxer and MP4 writer: H.264, HEVC, AV1 and VP9 with AAC, Opus
//! or FLAC, each frame on its way to the decoder as soon as it is complete.

import { WallStamp } from "../../clock";
import type { Latency } from "../../types";
import { trueLatency, type Engine, type EngineContext } from "../engine";
import { AudioAssembler, Timeline, VideoAssembler, type Run } from "./assemble";
import { describe } from "./codecs";
import { FlvDemuxer, FlvError, type FlvEvent, type FlvFrame, type Kind } from "./demux";
import { fragment, type Mp4Track } from "./mp4";
import { Sink } from "./sink";
import { openSource } from "./source";

/** The burst at the join is over after such a silence; playing begins in any case after the other, ms. */
const BURST_QUIET_MS = 30;
const BURST_LIMIT_MS = 250;
/** A burst that took longer is over by then; until then playing may jump on to its end once, ms. */
const BURST_END_MS = 3000;
/** Not worth a jump, ms. */
const NEAR_MS = 250;
/** A track that the header promised and that does not come is not waited for any longer, ms. */
const TRACK_WAIT_MS = 1000;
/** A frame waits for its successor so many times the usual step, and at least so long, ms. */
const HOLD_STEPS = 2;
const HOLD_MIN_MS = 50;
/** Played past the end by this: the network stood still, seconds. */
const OVERRUN_S = 0.1;
/** At most this long is what was buffered at the close played out, ms. */
const DRAIN_LIMIT_MS = 3000;
const BITRATE_WINDOW_MS = 4000;

export function startFlvMse(context: EngineContext): Engine {
  return new FlvMse(context);
}

interface Lane {
  track: Mp4Track;
  config: Uint8Array;
}

class FlvMse implements Engine {
  readonly name = "weir flv";
  readonly needsCatchUp = true;
  private readonly demuxer = new FlvDemuxer();
  private readonly timeline = new Timeline();
  private readonly stamp = new WallStamp();
  private readonly sink: Sink;
  private readonly video = new VideoAssembler();
  private audio: AudioAssembler | null = null;
  private readonly lanes = new Map<Kind, Lane>();
  private expected: Kind[] = ["video", "audio"];
  private size = { width: 0, height: 0 };
  /** Frames that came before all tracks were known. */
  private early: FlvFrame[] = [];
  private opened = false;
  private placed = false;
  private settled = false;
  private framesSeen = false;
  private nextStamp_ms: number | null = null;
  private firstFrameAt_ms = 0;
  private sequence = 0;
  private firstBytesAt_ms = 0;
  private readonly pieces: { at_ms: number; bytes: number }[] = [];
  private readonly timers: Partial<Record<"burst" | "hold" | "drain", ReturnType<typeof setTimeout>>> = {};
  private readonly stopSource: () => void;
  private stopped = false;

  constructor(private readonly context: EngineContext) {
    this.sink = new Sink(context.video, (message) => this.fail("media", message));
    this.stopSource = openSource(context.url, {
      onBytes: (bytes) => this.onBytes(bytes),
      onEnd: () => this.onEnd(),
      onFail: (message) => this.fail("network", message),
    });
  }

  stop(): void {
    this.stopped = true;
    for (const timer of Object.values(this.timers)) clearTimeout(timer);
    this.stopSource();
    this.sink.close();
  }

  bitrate_kbps(): number | null {
    const now_ms = performance.now();
    this.forgetPieces(now_ms);
    const first = this.pieces[0];
    if (!first || now_ms - first.at_ms < 500) return null;
    return (this.pieces.reduce((sum, piece) => sum + piece.bytes, 0) * 8) / (now_ms - first.at_ms);
  }

  latency(): Latency | null {
    const { currentTime } = this.context.video;
    const exact = trueLatency(this.stamp.at(currentTime), this.context.serverNow_ms());
    if (exact) return exact;
    const end_s = this.end_s();
    return end_s === null ? null : { kind: "buffer", ms: Math.max(0, (end_s - currentTime) * 1000) };
  }

  liveEdge_s(): number | null {
    return this.end_s();
  }

  /** Where all tracks end, by our own count: the element counts the open end of a held frame too. */
  end_s(): number | null {
    // A picture that stays, while the sound goes on, is not what the buffer ends with.
    const stays = !this.video.holds && this.audio !== null;
    const ends = [this.lanes.has("video") && !stays ? this.video.end_ms : null, this.audio?.end_ms ?? null];
    const known = ends.filter((end): end is number => end !== null);
    return this.placed && known.length > 0 ? Math.min(...known) / 1000 : null;
  }

  keyframe_s(notAfter_s: number): number | null {
    const at_ms = this.video.keyframes_ms.filter((key) => key <= notAfter_s * 1000).at(-1);
    return at_ms === undefined ? null : at_ms / 1000;
  }

  private forgetPieces(now_ms: number): void {
    while (this.pieces[0] && now_ms - this.pieces[0].at_ms > BITRATE_WINDOW_MS) this.pieces.shift();
  }

  // --- from bytes to buffers --------------------------------------------------------------------

  private onBytes(bytes: Uint8Array): void {
    if (this.stopped) return;
    const now_ms = performance.now();
    this.firstBytesAt_ms ||= now_ms;
    this.pieces.push({ at_ms: now_ms, bytes: bytes.length });
    this.forgetPieces(now_ms);
    try {
      for (const event of this.demuxer.push(bytes)) this.take(event);
      this.openIfReady(now_ms);
      this.flush();
    } catch (error) {
      if (!(error instanceof FlvError)) throw error;
      this.fail("media", error.message);
    }
    if (this.settled) this.comeBack();
    if (!this.settled && this.framesSeen) this.awaitBurst(now_ms);
  }

  private take(event: FlvEvent): void {
    switch (event.type) {
      case "header":
        this.expected = [...(event.hasVideo ? ["video" as const] : []), ...(event.hasAudio ? ["audio" as const] : [])];
        return;
      case "script":
        return this.takeScript(event.value);
      case "config":
        return this.takeConfig(event);
      case "frame":
        this.framesSeen = true;
        if (this.opened) this.takeFrame(event);
        else this.early.push({ ...event, data: event.data.slice() });
    }
  }

  /** The first stamp of a connection is the last one there was, of a frame that is gone. */
  private takeScript(value: Record<string, unknown>): void {
    const { width, height, weirWallMs } = value;
    if (typeof width === "number" && typeof height === "number") this.size = { width, height };
    // Script data may have any timestamp; the stamp is that of the frame behind it.
    if (typeof weirWallMs === "number" && this.framesSeen) this.nextStamp_ms = weirWallMs;
  }

  private takeConfig({ kind, codec, config }: FlvEvent & { type: "config" }): void {
    const known = this.lanes.get(kind);
    if (known && same(known.config, config)) return;
    const track = describe(codec, config, this.size);
    if (!MediaSource.isTypeSupported(track.mime)) throw new FlvError(`${track.mime} is not for this browser`);
    // A track more than there were: the browser takes none, so all begins anew.
    if (this.opened && !known) return this.context.onEnd();
    if (this.opened) this.flush();
    this.lanes.set(kind, { track, config });
    if (kind === "video") this.video.restart();
    else this.audio = new AudioAssembler(codec, config, track.timescale);
    if (!this.opened) return;
    this.flush();
    this.sink.change(track);
  }

  private openIfReady(now_ms: number): void {
    if (this.opened || this.lanes.size === 0) return;
    const complete = this.expected.every((kind) => this.lanes.has(kind));
    if (!complete && now_ms - this.firstBytesAt_ms < TRACK_WAIT_MS) return;
    this.opened = true;
    for (const frame of this.early) this.takeFrame(frame);
    this.early = [];
    void this.sink.open([...this.lanes.values()].map((lane) => lane.track)).then(() => this.flush());
  }

  private takeFrame(frame: FlvFrame): void {
    if (!this.lanes.has(frame.kind)) return;
    const at_ms = this.timeline.map(frame.dts_ms);
    if (this.nextStamp_ms !== null) this.stamp.set(this.nextStamp_ms, (at_ms + frame.cts_ms) / 1000);
    this.nextStamp_ms = null;
    if (frame.kind === "audio") this.audio?.take(at_ms, frame.data);
    else this.video.take(at_ms, frame.cts_ms, frame.key, frame.data);
  }

  private flush(): void {
    if (!this.opened || this.stopped || !this.sink.ready) return;
    this.send("video", this.video.drain());
    this.send("audio", this.audio?.drain() ?? []);
    clearTimeout(this.timers.hold);
    if (!this.video.holds) return;
    this.timers.hold = setTimeout(() => {
      this.video.release();
      this.send("video", this.video.drain());
    }, Math.max(HOLD_MIN_MS, this.video.step_ms * HOLD_STEPS));
  }

  private send(kind: Kind, runs: readonly Run[]): void {
    for (const run of runs) this.sink.append(kind, fragment(++this.sequence, run.start, run.samples));
  }

  /** Without sound the element plays on through an open end; what comes late would never be seen. */
  private comeBack(): void {
    const end_s = this.end_s();
    const { video, startBehind_ms } = this.context;
    if (this.audio || end_s === null || video.seeking || video.currentTime < end_s + OVERRUN_S) return;
    video.currentTime = Math.max((this.video.begin_ms ?? 0) / 1000, end_s - startBehind_ms / 1000);
  }

  // --- the beginning and the end ----------------------------------------------------------------

  /** What the server kept since the last keyframe comes at once; playing begins near its end. */
  private awaitBurst(now_ms: number): void {
    this.firstFrameAt_ms ||= now_ms;
    clearTimeout(this.timers.burst);
    const waited_ms = now_ms - this.firstFrameAt_ms;
    if (waited_ms > BURST_END_MS) this.settled = true;
    else if (!this.placed && waited_ms > BURST_LIMIT_MS) this.place();
    else this.timers.burst = setTimeout(() => {
      this.place();
      this.settled = this.placed;
    }, BURST_QUIET_MS);
  }

  private place(): void {
    const { video, startBehind_ms } = this.context;
    const begins = [this.video.begin_ms, this.audio?.begin_ms ?? null].filter((at): at is number => at !== null);
    if (this.stopped || !this.opened || begins.length < this.lanes.size) return;
    const again = this.placed;
    this.placed = true;
    const end_ms = (this.end_s() ?? 0) * 1000;
    const at_ms = Math.max(...begins, end_ms - startBehind_ms);
    // A little later than the exact place, which rounding may put before the first frame.
    if (!again || at_ms - video.currentTime * 1000 > NEAR_MS) video.currentTime = at_ms / 1000 + 0.001;
  }

  private onEnd(): void {
    if (this.stopped) return;
    this.video.release();
    this.flush();
    const left_s = (this.end_s() ?? 0) - this.context.video.currentTime;
    this.timers.drain = setTimeout(this.context.onEnd, Math.min(DRAIN_LIMIT_MS, Math.max(0, left_s * 1000)));
  }

  private fail(kind: "network" | "media", message: string): void {
    if (!this.stopped) this.context.onFail(kind, message);
  }
}

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, at) => byte === b[at]);
