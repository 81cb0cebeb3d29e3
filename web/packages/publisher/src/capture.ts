//! Pictures from a track: as the browser captures them where it lets us at them, else from a video
//! element. Goes on in a hidden tab, and repeats the last picture of a source that stands still.

import { trackProcessor } from "./dom";
import { SourceClock, startTicker } from "./timing";

/** A source that gives nothing for so long (a still screen, a hidden canvas) has its picture repeated, ms. */
const REPEAT_AFTER_MS = 300;
/** How often a video element of a hidden tab is looked at, ms. */
const HIDDEN_PERIOD_MS = 40;
/** The rate is judged over this, ms. */
const RATE_WINDOW_MS = 3000;
/** Below this share of the rate it named a source is slow. */
const SLOW_SHARE = 0.6;

/** Who takes a frame closes it. The timestamp is µs on the page's clock. */
export type OnFrame = (frame: VideoFrame) => void;

export class VideoCapture {
  private readonly clock = new SourceClock();
  private last: VideoFrame | null = null;
  private lastAt_ms = 0;
  private readonly arrivals: number[] = [];
  private isStopped = false;
  private readonly cleanups: (() => void)[] = [];
  /** New pictures of the source, in total; repeated ones do not count. */
  captured = 0;

  constructor(
    private readonly track: MediaStreamTrack,
    private readonly onFrame: OnFrame,
    private readonly log: (text: string) => void,
  ) {
    const onEnded = () => log(`the ${track.kind} source ended`);
    track.addEventListener("ended", onEnded);
    this.cleanups.push(() => track.removeEventListener("ended", onEnded));
    const Processor = trackProcessor();
    if (Processor) void this.readTrack(new Processor<VideoFrame>({ track, maxBufferSize: 2 }));
    else this.readElement();
  }

  /** What the track says of itself; a first frame knows better. */
  get size(): { width: number; height: number } | null {
    if (this.last) return { width: this.last.displayWidth, height: this.last.displayHeight };
    const { width, height } = this.track.getSettings();
    return width && height ? { width, height } : null;
  }

  get fps(): number | null {
    return this.track.getSettings().frameRate || null;
  }

  /** Pictures a second lately; null while that is not known. */
  get measuredFps(): number | null {
    const first_ms = this.arrivals[0];
    const last_ms = this.arrivals[this.arrivals.length - 1];
    if (first_ms === undefined || last_ms === undefined || last_ms - first_ms < RATE_WINDOW_MS / 2) return null;
    return ((this.arrivals.length - 1) * 1000) / (last_ms - first_ms);
  }

  /** Whether a camera gives clearly fewer pictures than it said it would. */
  isSlow(now_ms: number): boolean {
    const settings = this.track.getSettings();
    // Only a device belongs to a group; a canvas and a screen draw when they like.
    if (!settings.groupId || !settings.frameRate || this.track.muted) return false;
    const count = this.arrivals.filter((at_ms) => at_ms > now_ms - RATE_WINDOW_MS).length;
    const isJudged = this.arrivals.length > 0 && this.arrivals[0]! < now_ms - RATE_WINDOW_MS;
    return isJudged && (count * 1000) / RATE_WINDOW_MS < settings.frameRate * SLOW_SHARE;
  }

  tick(now_ms: number): void {
    if (!this.last || now_ms - this.lastAt_ms < REPEAT_AFTER_MS) return;
    this.lastAt_ms = now_ms;
    this.onFrame(new VideoFrame(this.last, { timestamp: Math.round(now_ms * 1000) }));
  }

  stop(): void {
    if (this.isStopped) return;
    this.isStopped = true;
    for (const cleanup of this.cleanups) cleanup();
    this.last?.close();
    this.last = null;
  }

  private async readTrack(processor: { readable: ReadableStream<VideoFrame> }): Promise<void> {
    const reader = processor.readable.getReader();
    this.cleanups.push(() => void reader.cancel().catch(() => {}));
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        if (this.isStopped) return value.close();
        const now_ms = performance.now();
        this.take(value, this.clock.map(value.timestamp, now_ms), now_ms);
      }
    } catch (error) {
      if (!this.isStopped) this.log(`reading the video source: ${String(error)}`);
    }
  }

  private readElement(): void {
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.srcObject = new MediaStream([this.track]);
    void video.play().catch((error: unknown) => this.log(`the video source does not play: ${String(error)}`));
    let lastMediaTime_s = -1;
    const look = (taken_ms: number, mediaTime_s: number) => {
      if (this.isStopped || video.readyState < 2 || mediaTime_s === lastMediaTime_s) return;
      lastMediaTime_s = mediaTime_s;
      this.take(new VideoFrame(video, { timestamp: Math.round(taken_ms * 1000) }), taken_ms, performance.now());
    };
    const onPresented = (now_ms: number, data: VideoFrameCallbackMetadata) => {
      if (this.isStopped) return;
      look(data.captureTime ?? now_ms, data.mediaTime);
      video.requestVideoFrameCallback(onPresented);
    };
    video.requestVideoFrameCallback(onPresented);
    // Nothing is presented in a hidden tab.
    const stopTicker = startTicker(HIDDEN_PERIOD_MS, () => document.hidden && look(performance.now(), video.currentTime));
    this.cleanups.push(stopTicker, () => {
      video.pause();
      video.srcObject = null;
    });
  }

  private take(frame: VideoFrame, taken_ms: number, now_ms: number): void {
    this.captured++;
    this.arrivals.push(now_ms);
    while (this.arrivals.length > 1 && this.arrivals[1]! < now_ms - RATE_WINDOW_MS) this.arrivals.shift();
    const stamped = new VideoFrame(frame, { timestamp: Math.round(taken_ms * 1000) });
    frame.close();
    this.last?.close();
    this.last = stamped.clone();
    this.lastAt_ms = now_ms;
    this.onFrame(stamped);
  }
}
