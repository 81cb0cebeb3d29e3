//! From frames with times in milliseconds to samples with exact lengths on one timeline. Pure.
//!
//! Media Source Extensions drop all frames up to the next keyframe when the step between two is more
//! than twice the length the first one had (W3C MSE, coded frame processing). So a frame of video is
//! held until the next one tells its length; what is late for that is released as if it lasted long,
//! which is no harm: the next frame takes its place.

import { audioTicks, silence } from "./codecs";
import type { FourCc } from "./demux";
import type { Mp4Sample } from "./mp4";

/** Samples that follow one another without a gap. */
export interface Run {
  /** Decode time of the first, in ticks of the track. */
  start: number;
  samples: Mp4Sample[];
}

/** Where the timeline begins, ms: audio a little older than the first picture has its place too. */
const BASE_MS = 1000;
/** Timestamps that go back, or forward, by more than this have begun anew, ms. */
const BACK_MS = 1000;
const FORWARD_MS = 10_000;
/** What is left between the old and the new beginning, ms. */
const SEAM_MS = 40;

/** The sender's timestamps on the element's timeline; it never goes back by much. */
export class Timeline {
  private base: number | null = null;
  private newest = 0;

  map(ts_ms: number): number {
    if (this.base === null) {
      this.base = ts_ms - BASE_MS;
      this.newest = ts_ms;
    }
    const step = ts_ms - this.newest;
    if (step < -BACK_MS || step > FORWARD_MS) {
      this.base += step - SEAM_MS;
      this.newest = ts_ms;
    }
    this.newest = Math.max(this.newest, ts_ms);
    return ts_ms - this.base;
  }
}

/** A frame that nothing followed in time is given this length, ms. */
const OPEN_END_MS = 10_000;
const KEYFRAMES_KEPT = 64;
/** Until two frames told better, ms. */
const FIRST_STEP_MS = 40;

export class VideoAssembler {
  /** Presentation times of the newest keyframes, ms. */
  readonly keyframes_ms: number[] = [];
  /** Where the first picture is, ms. */
  begin_ms: number | null = null;
  /** Where the newest picture ends, ms. */
  end_ms: number | null = null;
  /** Smoothed time from frame to frame, ms. */
  step_ms = FIRST_STEP_MS;
  private held: (Mp4Sample & { dts: number }) | null = null;
  private ready: (Mp4Sample & { dts: number })[] = [];
  private last_dts = -1;
  private needsKey = true;

  take(dts_ms: number, cts_ms: number, key: boolean, data: Uint8Array): void {
    if (this.needsKey && !key) return;
    const pts_ms = dts_ms + cts_ms;
    const dts = Math.max(0, Math.round(dts_ms), this.last_dts + 1);
    if (this.last_dts >= 0) this.step_ms += (Math.min(1000, dts - this.last_dts) - this.step_ms) * 0.1;
    if (this.held) this.ready.push({ ...this.held, duration: dts - this.held.dts });
    this.held = { dts, duration: 0, offset: Math.round(pts_ms) - dts, key, data };
    this.last_dts = dts;
    this.needsKey = false;
    this.begin_ms ??= pts_ms;
    this.end_ms = Math.max(this.end_ms ?? 0, pts_ms + this.step_ms);
    if (key && this.keyframes_ms.push(pts_ms) > KEYFRAMES_KEPT) this.keyframes_ms.shift();
  }

  /** A new set-up: what is held belongs to the old one. */
  restart(): void {
    this.release();
    this.needsKey = true;
  }

  /** Gives up the held frame with an open end. */
  release(): void {
    if (this.held) this.ready.push({ ...this.held, duration: OPEN_END_MS });
    this.held = null;
  }

  get holds(): boolean {
    return this.held !== null;
  }

  drain(): Run[] {
    const runs: Run[] = [];
    let next = -1;
    for (const { dts, ...sample } of this.ready) {
      if (dts === next) runs.at(-1)!.samples.push(sample);
      else runs.push({ start: dts, samples: [sample] });
      next = dts + sample.duration;
    }
    this.ready = [];
    return runs;
  }
}

/** Timestamps off by less than this are rounding and jitter: packets are simply laid end to end, ms. */
const JITTER_MS = 80;
/** Longer holes are not filled with silence, ms. */
const FILL_LIMIT_MS = 3000;
/** So many packets in a row from the past, and it was no accident. */
const LATE_LIMIT = 50;

export class AudioAssembler {
  begin_ms: number | null = null;
  private ready: { at: number; sample: Mp4Sample }[] = [];
  private next: number | null = null;
  private late = 0;

  constructor(
    private readonly codec: FourCc,
    private readonly config: Uint8Array,
    private readonly timescale: number,
  ) {}

  get end_ms(): number | null {
    return this.next === null ? null : (this.next * 1000) / this.timescale;
  }

  take(ts_ms: number, data: Uint8Array): void {
    const ticks = audioTicks(this.codec, this.config, data);
    const at = Math.round((ts_ms * this.timescale) / 1000);
    if (ticks <= 0 || at < 0) return;
    this.next ??= at;
    this.begin_ms ??= ts_ms;
    const off_ms = ((at - this.next) * 1000) / this.timescale;
    if (off_ms < -JITTER_MS && ++this.late < LATE_LIMIT) return;
    if (off_ms < -JITTER_MS) this.next = at;
    else if (off_ms > JITTER_MS) this.fill(at, off_ms);
    this.late = 0;
    this.push(data, ticks);
  }

  /** Without it the picture would stop at the hole. */
  private fill(at: number, hole_ms: number): void {
    const quiet = silence(this.codec, this.config);
    if (quiet && hole_ms < FILL_LIMIT_MS) {
      for (let left = Math.floor((at - this.next!) / quiet.ticks); left > 0; left--) this.push(quiet.data, quiet.ticks);
    } else {
      this.next = at;
    }
  }

  private push(data: Uint8Array, duration: number): void {
    this.ready.push({ at: this.next!, sample: { duration, offset: 0, key: true, data } });
    this.next! += duration;
  }

  drain(): Run[] {
    const runs: Run[] = [];
    let next = -1;
    for (const { at, sample } of this.ready) {
      if (at === next) runs.at(-1)!.samples.push(sample);
      else runs.push({ start: at, samples: [sample] });
      next = at + sample.duration;
    }
    this.ready = [];
    return runs;
  }
}
