//! The source in use: opened, switched, muted, hidden, lost and found again.

import { Model } from "./model";
import { waitingPicture, type Made } from "./pattern";
import type { VideoGoal } from "./presets";
import type { SourceKind } from "./settings";
import { listDevices, openCamera, openFile, openPattern, openScreen, type Opened } from "./sources";
import { sourceTrouble, type Trouble } from "./words";

export type Lost = "lostCamera" | "lostMicrophone" | "lostScreen" | "lostBoth";

export interface DeskState {
  kind: SourceKind | null;
  /** What is previewed and sent; another object when another source must be sent. */
  stream: MediaStream | null;
  opening: SourceKind | null;
  trouble: Trouble | null;
  muted: boolean;
  hidden: boolean;
  hasSound: boolean;
  soundMissing: boolean;
  lost: Lost | null;
  /** What was lost is plugged in again. */
  back: boolean;
  cameras: MediaDeviceInfo[];
  microphones: MediaDeviceInfo[];
  /** In use; "" before a permission. */
  camera: string;
  microphone: string;
}

export interface Wish {
  kind: SourceKind;
  camera: string;
  microphone: string;
  goal: VideoGoal;
  file?: Blob;
}

export class Desk extends Model<DeskState> {
  #opened: Opened | null = null;
  #waiting: Made | null = null;
  #wish: Wish | null = null;
  /** Only the newest request counts: permissions are answered late. */
  #turn = 0;

  constructor() {
    super({
      kind: null, stream: null, opening: null, trouble: null, muted: false, hidden: false, hasSound: false,
      soundMissing: false, lost: null, back: false, cameras: [], microphones: [], camera: "", microphone: "",
    });
    navigator.mediaDevices?.addEventListener("devicechange", this.#onDevices);
    void this.#onDevices();
  }

  /** The old source stays in use until the new one is there, and when it cannot be had. */
  async open(wish: Wish): Promise<boolean> {
    const turn = ++this.#turn;
    this.patch({ opening: wish.kind, trouble: null });
    try {
      const opened = await this.#openers[wish.kind](wish);
      if (turn !== this.#turn) {
        opened.stop();
        return false;
      }
      this.#use(wish, opened);
      return true;
    } catch (error) {
      if (turn !== this.#turn) return false;
      const wanted = wish.kind === "pattern" ? "camera" : wish.kind;
      this.patch({ opening: null, trouble: sourceTrouble(error, wanted) });
      return false;
    }
  }

  /** Opens the same thing anew: a device that came back, or another size. */
  again(change: Partial<Wish> = {}): void {
    if (this.#wish) void this.open({ ...this.#wish, ...change });
  }

  setMuted(muted: boolean): void {
    if (this.#opened?.sound) this.#opened.sound.enabled = !muted;
    this.patch({ muted });
  }

  setHidden(hidden: boolean): void {
    if (this.#opened?.video) this.#opened.video.enabled = !hidden;
    this.patch({ hidden });
  }

  /** Another size or rate, without asking for the camera anew. */
  aim(goal: VideoGoal): void {
    const wish = this.#wish;
    if (!wish || (wish.goal.height === goal.height && wish.goal.fps === goal.fps)) return;
    this.#wish = { ...wish, goal };
    if (wish.kind === "pattern") this.again();
    if (wish.kind !== "camera") return;
    const size = { width: { ideal: goal.width }, height: { ideal: goal.height }, frameRate: { ideal: goal.fps } };
    this.#opened?.video?.applyConstraints(size).catch(() => {});
  }

  dismiss(): void {
    this.patch({ trouble: null });
  }

  close(): void {
    this.#turn += 1;
    navigator.mediaDevices?.removeEventListener("devicechange", this.#onDevices);
    this.#stop();
  }

  #openers: Record<SourceKind, (wish: Wish) => Promise<Opened>> = {
    camera: (wish) => openCamera(wish.camera, wish.microphone, wish.goal),
    screen: (wish) => openScreen(wish.microphone, wish.goal),
    pattern: async (wish) => openPattern(wish.goal),
    file: (wish) => openFile(wish.file ?? new Blob()),
  };

  #use(wish: Wish, opened: Opened): void {
    const old = { opened: this.#opened, waiting: this.#waiting };
    this.#opened = opened;
    this.#waiting = null;
    this.#wish = wish;
    const { muted } = this.state;
    if (opened.sound) opened.sound.enabled = !muted;
    for (const track of [opened.video, opened.sound]) {
      track?.addEventListener("ended", () => this.#onEnded(opened));
    }
    this.patch({
      kind: wish.kind,
      stream: opened.stream,
      opening: null,
      trouble: null,
      hidden: false,
      hasSound: opened.stream.getAudioTracks().length > 0,
      soundMissing: opened.soundMissing,
      lost: null,
      back: false,
      camera: wish.kind === "camera" ? (opened.video?.getSettings().deviceId ?? "") : this.state.camera,
      microphone: opened.sound && wish.kind !== "pattern" && wish.kind !== "file" ? (opened.sound.getSettings().deviceId ?? "") : wish.microphone,
    });
    // The new source is in use before the old one ends: the broadcast must not see a gap.
    setTimeout(() => {
      old.waiting?.stop();
      old.opened?.stop();
    }, 0);
    void this.#onDevices();
  }

  /** A device was unplugged, or the visitor ended the sharing by the browser's own button. */
  #onEnded(opened: Opened): void {
    if (opened !== this.#opened) return;
    const alive = (track: MediaStreamTrack | null | undefined) => track?.readyState === "live";
    const video = alive(opened.video);
    const lostVideo = opened.video !== null && !video;
    const lostSound = opened.sound !== null && !alive(opened.sound);
    const screen = this.state.kind === "screen";
    const lost = lostVideo && screen ? "lostScreen" : lostVideo && lostSound ? "lostBoth" : lostVideo ? "lostCamera" : "lostMicrophone";
    const goal = this.#wish?.goal;
    if (lostVideo) this.#waiting ??= waitingPicture(goal?.width ?? 1280, goal?.height ?? 720);
    const picture = lostVideo ? this.#waiting?.stream.getVideoTracks()[0] : opened.stream.getVideoTracks()[0];
    const left = opened.stream.getAudioTracks().filter(alive);
    const stream = new MediaStream([...(picture ? [picture] : []), ...left]);
    this.patch({ stream, lost, hasSound: left.length > 0, hidden: false });
    void this.#onDevices();
  }

  #onDevices = async (): Promise<void> => {
    const { cameras, microphones } = await listDevices();
    const { lost, camera, microphone } = this.state;
    const has = (list: MediaDeviceInfo[], id: string) => list.some((device) => device.deviceId === id);
    const back =
      (lost === "lostCamera" && has(cameras, camera)) ||
      (lost === "lostMicrophone" && has(microphones, microphone)) ||
      (lost === "lostBoth" && has(cameras, camera));
    this.patch({ cameras, microphones, back });
  };

  #stop(): void {
    this.#opened?.stop();
    this.#waiting?.stop();
    this.#opened = null;
    this.#waiting = null;
  }
}
