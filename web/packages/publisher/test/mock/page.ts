//! What `drive.mjs` does in the browser: makes a source, publishes it, keeps what was said.

import { measureUplink, probe, Publisher, type PublisherOptions } from "../../src/index";

type Source = "camera" | "noise" | "still";

const events: unknown[] = [];
const state: { publisher?: Publisher } = {};

async function makeSource(kind: Source, width: number, height: number, fps: number): Promise<MediaStream> {
  if (kind === "camera") return navigator.mediaDevices.getUserMedia({ video: { width, height, frameRate: fps }, audio: true });
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d")!;
  // A grainy picture that pans, and moving blocks: costs about what a real picture costs.
  const grain = new OffscreenCanvas(width + 512, height + 512);
  const pixels = new ImageData(grain.width, grain.height);
  for (let at = 0; at < pixels.data.length; at += 4) {
    const value = 96 + ((Math.random() * 64) | 0);
    pixels.data.set([value, value, value, 255], at);
  }
  grain.getContext("2d")!.putImageData(pixels, 0, 0);
  const paint = (now_ms: number) => {
    context.drawImage(grain, -256 - Math.sin(now_ms / 900) * 250, -256 - Math.cos(now_ms / 1300) * 250);
    for (let index = 0; index < 12; index++) {
      context.fillStyle = `hsl(${index * 30} 80% 50%)`;
      const phase = now_ms / (700 + index * 90) + index;
      context.fillRect((Math.sin(phase) * 0.4 + 0.45) * width, (Math.cos(phase * 1.3) * 0.4 + 0.45) * height, width / 8, height / 8);
    }
    context.fillStyle = "#fff";
    context.font = "48px monospace";
    context.fillText(String(Math.round(now_ms)), 20, 60);
  };
  paint(0);
  const loop = (now_ms: number) => {
    paint(now_ms);
    if (kind === "noise") requestAnimationFrame(loop);
  };
  requestAnimationFrame(loop);
  const stream = canvas.captureStream(fps);
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  const out = audio.createMediaStreamDestination();
  tone.connect(out);
  tone.start();
  stream.addTrack(out.stream.getAudioTracks()[0]!);
  return stream;
}

Object.assign(window, {
  weirMock: {
    events,
    state,
    probe,
    measureUplink,
    makeSource,
    async start(options: Omit<PublisherOptions, "source">, source: { kind: Source; width: number; height: number; fps: number }) {
      const publisher = new Publisher({ ...options, source: await makeSource(source.kind, source.width, source.height, source.fps) });
      state.publisher = publisher;
      for (const name of ["state", "stats", "health", "error", "log"] as const) {
        publisher.on(name, (value) => {
          const told = value instanceof Error ? { ...value, message: value.message } : value;
          events.push({ at_ms: Math.round(performance.now()), name, value: told });
        });
      }
      await publisher.start();
    },
    async change(kind: Source, width: number, height: number, fps: number) {
      await state.publisher?.setSource(await makeSource(kind, width, height, fps));
    },
    stop: () => state.publisher?.stop(),
  },
});
