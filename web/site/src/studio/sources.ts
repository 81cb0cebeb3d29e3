//! Opens what is shown: camera, screen, test picture, file. Throws what the browser throws.

import { AUDIO_HZ, testPicture } from "./pattern";
import type { VideoGoal } from "./presets";

export interface Opened {
  /** What is previewed and sent. */
  stream: MediaStream;
  /** The device's own picture, which hiding switches off. */
  video: MediaStreamTrack | null;
  /** What muting switches off. */
  sound: MediaStreamTrack | null;
  /** A microphone was wanted and could not be had. */
  soundMissing: boolean;
  stop(): void;
}

type Capturing = HTMLVideoElement & { captureStream?: () => MediaStream };

export const canShareScreen = (): boolean => typeof navigator.mediaDevices?.getDisplayMedia === "function";
export const canPlayFile = (): boolean => "captureStream" in HTMLVideoElement.prototype;

/** The exact device if one is named and still there, else any. `microphone` "none" opens none. */
export async function openCamera(camera: string, microphone: string, goal: VideoGoal): Promise<Opened> {
  const devices = mediaDevices();
  const size = { width: { ideal: goal.width }, height: { ideal: goal.height }, frameRate: { ideal: goal.fps } };
  const video: MediaTrackConstraints = camera ? { ...size, deviceId: { exact: camera } } : size;
  const audio = microphoneOf(microphone);
  const ways: MediaStreamConstraints[] = [{ video, audio }];
  if (camera || microphone) ways.push({ video: size, audio: audio !== false });
  // A camera without a microphone is a broadcast, a microphone without a camera is not what was asked for.
  if (audio !== false) ways.push({ video: size, audio: false });
  let first: unknown;
  for (const way of ways) {
    try {
      const stream = await devices.getUserMedia(way);
      const sound = stream.getAudioTracks()[0] ?? null;
      return { stream, video: stream.getVideoTracks()[0] ?? null, sound, soundMissing: audio !== false && !sound, stop: () => stopAll(stream) };
    } catch (error) {
      first ??= error;
      // A refusal is an answer for both: asking again for less would only nag.
      if ((error as { name?: string }).name === "NotAllowedError") break;
    }
  }
  throw first;
}

/** The screen with its sound, and the microphone over it. Must be called in a click. */
export async function openScreen(microphone: string, goal: VideoGoal): Promise<Opened> {
  const devices = mediaDevices();
  if (!canShareScreen()) throw new DOMException("no getDisplayMedia", "NotSupportedError");
  const screen = await devices.getDisplayMedia({
    video: { frameRate: { ideal: goal.fps }, height: { max: Math.max(goal.height, 1080) } },
    audio: true,
  });
  const video = screen.getVideoTracks()[0] ?? null;
  if (video) video.contentHint = "detail";
  const audio = microphoneOf(microphone);
  let voice: MediaStream | null = null;
  if (audio !== false) voice = await devices.getUserMedia({ audio }).catch(() => null);
  const sound = voice?.getAudioTracks()[0] ?? null;
  let mixed: ReturnType<typeof mix>;
  try {
    mixed = mix([screen, voice]);
  } catch (error) {
    for (const stream of [screen, voice]) if (stream) stopAll(stream);
    throw error;
  }
  return {
    stream: new MediaStream([...(video ? [video] : []), ...(mixed.track ? [mixed.track] : [])]),
    video,
    sound: sound ?? screen.getAudioTracks()[0] ?? null,
    soundMissing: audio !== false && !sound && screen.getAudioTracks().length === 0,
    stop: () => {
      mixed.stop();
      stopAll(screen);
      if (voice) stopAll(voice);
    },
  };
}

export function openPattern(goal: VideoGoal): Opened {
  const made = testPicture(goal.width, goal.height, goal.fps);
  return { stream: made.stream, video: null, sound: made.stream.getAudioTracks()[0] ?? null, soundMissing: false, stop: made.stop };
}

/** Plays the file over and over, unheard here. */
export async function openFile(file: Blob): Promise<Opened> {
  const video = document.createElement("video") as Capturing;
  if (!video.captureStream) throw new DOMException("no captureStream", "NotSupportedError");
  const url = URL.createObjectURL(file);
  const stop = () => {
    video.pause();
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(url);
  };
  video.src = url;
  video.loop = true;
  video.muted = true;
  video.playsInline = true;
  try {
    await video.play();
    const stream = video.captureStream();
    if (stream.getTracks().length === 0) throw new DOMException("no tracks", "NotSupportedError");
    return {
      stream,
      video: null,
      sound: stream.getAudioTracks()[0] ?? null,
      soundMissing: false,
      stop: () => {
        stopAll(stream);
        stop();
      },
    };
  } catch (error) {
    stop();
    throw error;
  }
}

/** Cameras and microphones; their names are only known after a permission. */
export async function listDevices(): Promise<{ cameras: MediaDeviceInfo[]; microphones: MediaDeviceInfo[] }> {
  const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  const of = (kind: MediaDeviceKind) => all.filter((device) => device.kind === kind && device.deviceId !== "");
  return { cameras: of("videoinput"), microphones: of("audioinput") };
}

/** Whether the camera would open without a question. */
export async function cameraGranted(): Promise<boolean> {
  try {
    const answer = await navigator.permissions.query({ name: "camera" as PermissionName });
    return answer.state === "granted";
  } catch {
    return false;
  }
}

function mediaDevices(): MediaDevices {
  if (!navigator.mediaDevices) throw new DOMException("not a secure context", isSecureContext ? "NotSupportedError" : "InsecureContextError");
  return navigator.mediaDevices;
}

function microphoneOf(microphone: string): MediaTrackConstraints | boolean {
  if (microphone === "none") return false;
  return microphone ? { deviceId: { exact: microphone } } : true;
}

function stopAll(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

/** One track of several; a single one is passed on as it is. */
function mix(streams: (MediaStream | null)[]): { track: MediaStreamTrack | null; stop(): void } {
  const tracks = streams.flatMap((stream) => stream?.getAudioTracks() ?? []);
  if (tracks.length < 2) return { track: tracks[0] ?? null, stop: () => {} };
  const context = new AudioContext({ sampleRate: AUDIO_HZ });
  const out = context.createMediaStreamDestination();
  for (const track of tracks) context.createMediaStreamSource(new MediaStream([track])).connect(out);
  return { track: out.stream.getAudioTracks()[0] ?? null, stop: () => void context.close() };
}
