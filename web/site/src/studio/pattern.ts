//! Pictures made here: the test picture (bars, a moving line, a clock, a beep each second) and the
//! waiting picture for when a device is gone.

import { startTicker } from "@weir/publisher";
import { s } from "./strings";

export interface Made {
  stream: MediaStream;
  stop(): void;
}

const BARS = ["#c9ced1", "#c8bd45", "#45b5c4", "#4aa55f", "#a653a8", "#bd4646", "#3f57b5"];
const FACE = "system-ui, -apple-system, 'Segoe UI', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans SC', sans-serif";
const MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace";
/** What Opus and AAC are sent in: made so, it need not be converted. */
export const AUDIO_HZ = 48_000;
const BEEP_S = 0.08;
/** Beeps are planned this far ahead, s: a hidden page's timers run once a second. */
const AHEAD_S = 3;

export function testPicture(width: number, height: number, fps: number): Made {
  const started_ms = performance.now();
  const picture = painted(width, height, fps, (context) => drawTest(context, performance.now() - started_ms));
  const sound = beeps();
  if (sound.track) picture.stream.addTrack(sound.track);
  return {
    stream: picture.stream,
    stop: () => {
      picture.stop();
      sound.stop();
    },
  };
}

/** Quiet water with a line of text, few pictures a second. */
export function waitingPicture(width: number, height: number): Made {
  const started_ms = performance.now();
  return painted(width, height, 10, (context) => drawWaiting(context, performance.now() - started_ms));
}

function painted(width: number, height: number, fps: number, draw: (context: CanvasRenderingContext2D) => void): Made {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { alpha: false })!;
  draw(context);
  const stream = canvas.captureStream(fps);
  const stopTicker = startTicker(1000 / fps, () => draw(context));
  return {
    stream,
    stop: () => {
      stopTicker();
      for (const track of stream.getTracks()) track.stop();
    },
  };
}

function drawTest(context: CanvasRenderingContext2D, at_ms: number): void {
  const { width, height } = context.canvas;
  /** A 360th of the height: the picture looks the same in every size. */
  const u = height / 360;
  const bars = 240 * u;
  const bar = width / BARS.length;
  BARS.forEach((colour, at) => {
    context.fillStyle = colour;
    context.fillRect(Math.floor(at * bar), 0, Math.ceil(bar) + 1, bars);
  });
  const shade = context.createLinearGradient(0, 0, width, 0);
  shade.addColorStop(0, "#05090b");
  shade.addColorStop(1, "#f2f5f6");
  context.fillStyle = shade;
  context.fillRect(0, bars, width, 28 * u);
  context.fillStyle = "#0d1317";
  context.fillRect(0, bars + 28 * u, width, height);

  // A ball that goes over the whole width in two seconds: every dropped picture shows.
  const way = Math.abs(((at_ms / 2000) % 2) - 1);
  disc(context, 20 * u + way * (width - 40 * u), bars + 14 * u, 10 * u, "#4fd6e0");

  context.fillStyle = "#0d1317";
  context.fillRect(width / 2 - 200 * u, 82 * u, 400 * u, 76 * u);
  context.fillStyle = "#e8eff2";
  context.textBaseline = "alphabetic";
  context.textAlign = "center";
  context.font = `600 ${46 * u}px ${MONO}`;
  context.fillText(clock(new Date()), width / 2, 136 * u);

  // A hand that turns once a second, and a flash with each beep.
  const part = (Date.now() % 1000) / 1000;
  const flash = part < BEEP_S;
  const x = width - 50 * u;
  const y = 314 * u;
  disc(context, x, y, 32 * u, flash ? "#f2f5f6" : "#26323a");
  const angle = part * Math.PI * 2 - Math.PI / 2;
  context.strokeStyle = flash ? "#0d1317" : "#4fd6e0";
  context.lineWidth = 4 * u;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + Math.cos(angle) * 26 * u, y + Math.sin(angle) * 26 * u);
  context.stroke();
  context.fillStyle = "#96a8b3";
  context.textAlign = "right";
  context.font = `${16 * u}px ${FACE}`;
  context.fillText(`weir · ${s("pattern")} · ${width}×${height}`, width - 98 * u, 320 * u);
}

function disc(context: CanvasRenderingContext2D, x: number, y: number, radius: number, colour: string): void {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, Math.PI * 2);
  context.fill();
}

function drawWaiting(context: CanvasRenderingContext2D, at_ms: number): void {
  const { width, height } = context.canvas;
  const ground = context.createRadialGradient(width / 2, height * 0.36, 0, width / 2, height * 0.36, width * 0.7);
  ground.addColorStop(0, "#16323d");
  ground.addColorStop(1, "#070c0f");
  context.fillStyle = ground;
  context.fillRect(0, 0, width, height);
  context.lineWidth = height / 140;
  for (let ring = 0; ring < 3; ring++) {
    const part = (at_ms / 4200 + ring / 3) % 1;
    context.strokeStyle = `rgba(79, 214, 224, ${(1 - part) * 0.8})`;
    context.beginPath();
    context.arc(width / 2, height * 0.36, part * height * 0.2, 0, Math.PI * 2);
    context.stroke();
  }
  context.fillStyle = "#e8eff2";
  context.textAlign = "center";
  context.font = `600 ${height / 14}px ${FACE}`;
  context.fillText(s("slate"), width / 2, height * 0.67);
}

/** "12:05:09.040" */
export function clock(at: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** A short tone at each full second of the wall clock; the tenth is higher. */
function beeps(): { track: MediaStreamTrack | null; stop(): void } {
  let context: AudioContext;
  try {
    context = new AudioContext({ sampleRate: AUDIO_HZ });
  } catch {
    return { track: null, stop: () => {} };
  }
  const out = context.createMediaStreamDestination();
  out.channelCount = 1;
  let planned_ms = Date.now();
  const plan = () => {
    if (context.state !== "running") {
      // A page may make sound only after a click.
      if (navigator.userActivation?.hasBeenActive ?? true) void context.resume().catch(() => {});
      planned_ms = Date.now();
      return;
    }
    const now_ms = Date.now();
    for (let next_ms = (Math.floor(planned_ms / 1000) + 1) * 1000; next_ms < now_ms + AHEAD_S * 1000; next_ms += 1000) {
      beep(context, out, context.currentTime + (next_ms - now_ms) / 1000, (next_ms / 1000) % 10 === 0 ? 1760 : 880);
      planned_ms = next_ms;
    }
  };
  plan();
  const timer = setInterval(plan, 500);
  return {
    track: out.stream.getAudioTracks()[0] ?? null,
    stop: () => {
      clearInterval(timer);
      void context.close();
    },
  };
}

function beep(context: AudioContext, out: AudioNode, at_s: number, hertz: number): void {
  const start = Math.max(at_s, context.currentTime);
  const tone = context.createOscillator();
  const gain = context.createGain();
  tone.frequency.value = hertz;
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(0.25, start + 0.005);
  gain.gain.setValueAtTime(0.25, start + BEEP_S - 0.01);
  gain.gain.linearRampToValueAtTime(0, start + BEEP_S);
  tone.connect(gain).connect(out);
  tone.start(start);
  tone.stop(start + BEEP_S + 0.01);
}
