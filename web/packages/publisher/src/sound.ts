//! Sound from a track: as the browser captures it where it lets us at it, else by an AudioWorklet;
//! and silence where a track has gone, so that viewers do not wait for sound that never comes.

import { trackProcessor } from "./dom";
import { SourceClock } from "./timing";

/** Who takes the data closes it. `offset_ms` added to its timestamp is the page's clock. */
export type OnSound = (data: AudioData, offset_ms: number) => void;

export interface SoundSource {
  tick(now_ms: number): void;
  stop(): void;
}

export async function captureSound(track: MediaStreamTrack, onSound: OnSound, log: (text: string) => void): Promise<SoundSource> {
  const Processor = trackProcessor();
  if (Processor) return readTrack(new Processor<AudioData>({ track }), onSound, log);
  return await tapTrack(track, onSound);
}

function readTrack(processor: { readable: ReadableStream<AudioData> }, onSound: OnSound, log: (text: string) => void): SoundSource {
  const clock = new SourceClock();
  const reader = processor.readable.getReader();
  let isStopped = false;
  const read = async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (isStopped) return value.close();
      // It arrives when its last sample is taken.
      const start_ms = clock.map(value.timestamp, performance.now() - value.duration / 1000);
      onSound(value, start_ms - value.timestamp / 1000);
    }
  };
  read().catch((error: unknown) => isStopped || log(`reading the sound: ${String(error)}`));
  return {
    tick() {},
    stop() {
      isStopped = true;
      void reader.cancel().catch(() => {});
    },
  };
}

async function tapTrack(track: MediaStreamTrack, onSound: OnSound): Promise<SoundSource> {
  const context = new AudioContext();
  const close = () => void context.close().catch(() => {});
  try {
    await context.audioWorklet.addModule(new URL("./worklet.js", import.meta.url).href);
  } catch (error) {
    close();
    throw error;
  }
  const source = context.createMediaStreamSource(new MediaStream([track]));
  const tap = new AudioWorkletNode(context, "weir-tap", { numberOfOutputs: 0 });
  const clock = new SourceClock();
  const rate = context.sampleRate;
  tap.port.onmessage = ({ data }: MessageEvent<{ planes: Float32Array[]; end: number }>) => {
    const frames = data.planes[0]?.length ?? 0;
    const timestamp = Math.round(((data.end - frames) * 1e6) / rate);
    const start_ms = clock.map(timestamp, performance.now() - (frames * 1000) / rate);
    onSound(soundOf(data.planes, rate, timestamp), start_ms - timestamp / 1000);
  };
  source.connect(tap);
  void context.resume().catch(() => {});
  return {
    tick() {},
    stop() {
      tap.port.onmessage = null;
      source.disconnect();
      close();
    },
  };
}

/** Silence that keeps up with the clock. */
export class Silence implements SoundSource {
  private next_ms: number | null = null;

  constructor(
    private readonly sampleRate: number,
    private readonly channels: number,
    private readonly onSound: OnSound,
  ) {}

  tick(now_ms: number): void {
    this.next_ms ??= now_ms - 20;
    for (; this.next_ms + 20 <= now_ms; this.next_ms += 20) {
      this.onSound(silence(this.sampleRate, this.channels, this.next_ms * 1000, 20_000), 0);
    }
  }

  stop(): void {}
}

/** `data` with `channels` channels: the first ones, or the first one again. Closes what it replaces. */
export function withChannels(data: AudioData, channels: number): AudioData {
  if (data.numberOfChannels === channels) return data;
  const planes = Array.from({ length: channels }, (_, index) => {
    const plane = new Float32Array(data.numberOfFrames);
    data.copyTo(plane, { planeIndex: Math.min(index, data.numberOfChannels - 1), format: "f32-planar" });
    return plane;
  });
  const { sampleRate, timestamp } = data;
  data.close();
  return soundOf(planes, sampleRate, timestamp);
}

/** Silence of a length, from a time of the source on. */
export function silence(sampleRate: number, channels: number, timestamp_us: number, length_us: number): AudioData {
  const frames = Math.max(1, Math.round((length_us * sampleRate) / 1e6));
  const planes = Array.from({ length: channels }, () => new Float32Array(frames));
  return soundOf(planes, sampleRate, Math.round(timestamp_us));
}

function soundOf(planes: Float32Array[], sampleRate: number, timestamp: number): AudioData {
  const frames = planes[0]?.length ?? 0;
  const all = new Float32Array(frames * planes.length);
  planes.forEach((plane, index) => all.set(plane, index * frames));
  return new AudioData({ format: "f32-planar", sampleRate, numberOfFrames: frames, numberOfChannels: planes.length, timestamp, data: all });
}
