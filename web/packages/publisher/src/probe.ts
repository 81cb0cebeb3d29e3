//! What this browser can encode, by asking it.

import { codecStrings, recorderTypes } from "./choose";
import { hasWebCodecs, navigatorExtras, trackProcessor } from "./dom";
import type { AudioCodecName, EncoderKind, Probe, ProbeOptions, ProbeVideo, VideoCodecName } from "./types";

const CODECS: readonly VideoCodecName[] = ["h264", "hevc", "av1", "vp9"];

/** Codecs × hardware and software, and the types of MediaRecorder. Takes a few milliseconds. */
export async function probe(options: ProbeOptions = {}): Promise<Probe> {
  const size = { width: options.width ?? 1280, height: options.height ?? 720 };
  const fps = options.fps ?? 30;
  const kbps = options.kbps ?? 2500;
  const webcodecs = hasWebCodecs();
  const askVideo = async (codec: VideoCodecName): Promise<ProbeVideo> => {
    const [hardware, software] = await Promise.all(
      (["hardware", "software"] as const).map((kind) => findVideoConfig(codec, kind, { ...size, fps, kbps })),
    );
    const config = (hardware ?? software)?.codec ?? codecStrings(codec, size, fps)[0] ?? "";
    return { codec, config, hardware: !!hardware, software: !!software };
  };
  const askAudio = async (codec: AudioCodecName) => ({
    codec,
    supported: await isAudioSupported(audioConfig(codec, 48_000, 2, 96)),
  });
  return {
    webcodecs,
    trackProcessor: trackProcessor() !== null,
    video: webcodecs ? await Promise.all(CODECS.map(askVideo)) : [],
    audio: webcodecs ? await Promise.all((["aac", "opus"] as const).map(askAudio)) : [],
    recorderTypes: typeof MediaRecorder === "undefined" ? [] : recorderTypes((type) => MediaRecorder.isTypeSupported(type)),
  };
}

export interface VideoWish {
  width: number;
  height: number;
  fps: number;
  kbps: number;
}

/** The first configuration the browser says it can do, or null. */
export async function findVideoConfig(
  codec: VideoCodecName,
  kind: EncoderKind,
  wish: VideoWish,
): Promise<VideoEncoderConfig | null> {
  for (const name of codecStrings(codec, wish, wish.fps)) {
    // Constant keeps to the rate, which is what a link wants; not every encoder has it.
    for (const bitrateMode of ["constant", "variable"] as const) {
      const config = videoConfig(name, codec, kind, bitrateMode, wish);
      if (await isVideoSupported(config)) return config;
    }
  }
  return null;
}

function videoConfig(
  name: string,
  codec: VideoCodecName,
  kind: EncoderKind,
  bitrateMode: "constant" | "variable",
  { width, height, fps, kbps }: VideoWish,
): VideoEncoderConfig {
  return {
    codec: name,
    width,
    height,
    bitrate: Math.round(kbps * 1000),
    framerate: fps,
    bitrateMode,
    latencyMode: "realtime",
    hardwareAcceleration: kind === "hardware" ? "prefer-hardware" : "prefer-software",
    ...(codec === "h264" ? { avc: { format: "avc" } } : {}),
    ...(codec === "hevc" ? { hevc: { format: "hevc" } } : {}),
  };
}

async function isVideoSupported(config: VideoEncoderConfig): Promise<boolean> {
  try {
    return (await VideoEncoder.isConfigSupported(config)).supported === true;
  } catch {
    return false;
  }
}

export function audioConfig(codec: AudioCodecName, sampleRate: number, numberOfChannels: number, kbps: number): AudioEncoderConfig {
  const common = { sampleRate, numberOfChannels, bitrate: Math.round(kbps * 1000) };
  return codec === "aac" ? { codec: "mp4a.40.2", ...common } : { codec: "opus", ...common };
}

export async function isAudioSupported(config: AudioEncoderConfig): Promise<boolean> {
  try {
    return (await AudioEncoder.isConfigSupported(config)).supported === true;
  } catch {
    return false;
  }
}

/** What the encoder rules are matched on: user agent, platform and model, WebGL renderer. */
export async function deviceNames(): Promise<string[]> {
  const names = [navigator.userAgent];
  const data = navigatorExtras().userAgentData;
  const hints = await data?.getHighEntropyValues?.(["model", "platform", "platformVersion"]).catch(() => null);
  for (const hint of [data?.platform, hints?.["model"]]) if (typeof hint === "string" && hint !== "") names.push(hint);
  const renderer = webglRenderer();
  if (renderer) names.push(renderer);
  return names;
}

function webglRenderer(): string | null {
  try {
    const gl = new OffscreenCanvas(1, 1).getContext("webgl");
    const info = gl?.getExtension("WEBGL_debug_renderer_info");
    const renderer: unknown = gl?.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
    gl?.getExtension("WEBGL_lose_context")?.loseContext();
    return typeof renderer === "string" ? renderer : null;
  } catch {
    return null;
  }
}
