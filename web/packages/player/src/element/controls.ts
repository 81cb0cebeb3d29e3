//! The bar under the picture.

import { duration, PROTOCOL_NAME } from "../names";
import type { Course, Latency, PlayerStatus, Stats } from "../types";
import { h, icon, setAttribute, setText } from "./dom";
import { LATENCY_TEXT } from "./format";
import type { IconName } from "./icons";
import type { SeekBar } from "./seek-bar";
import type { TextKey, Translate } from "./texts";

export interface ControlActions {
  togglePlay: () => void;
  toggleMute: () => void;
  setVolume: (volume: number) => void;
  jumpToLive: () => void;
  toggleCaptions: () => void;
  openQuality: (opener: HTMLElement) => void;
  openLatency: (opener: HTMLElement) => void;
  openSpeed: (opener: HTMLElement) => void;
  toggleStats: () => void;
  togglePip: () => void;
  toggleFullscreen: () => void;
}

/** What is not in the player's status. */
export interface ControlState {
  statsOpen: boolean;
  captions: "none" | "off" | "on";
  pip: boolean;
  fullscreen: boolean;
  /** How fast the past is played. */
  rate: number;
  hasLevels: boolean;
}

/** Later than the one, the live button warns; until it is less late than the other, ms. */
const LATE_MS = 8000;
const NOT_LATE_MS = 5000;

export class Controls {
  private readonly play: HTMLButtonElement;
  private readonly mute: HTMLButtonElement;
  private readonly volume: HTMLInputElement;
  private readonly live: HTMLButtonElement;
  private readonly liveWord = h("b");
  private readonly liveTime = h("span", { "aria-hidden": "true" });
  private readonly time = h("span", { class: "time", part: "time", hidden: true });
  private readonly speed: HTMLButtonElement;
  private readonly speedWord = h("b");
  private readonly captions: HTMLButtonElement;
  private readonly quality: HTMLButtonElement;
  private readonly qualityWord = h("span");
  private readonly latency: HTMLButtonElement;
  private readonly stats: HTMLButtonElement;
  private readonly pip: HTMLButtonElement;
  private readonly fullscreen: HTMLButtonElement;
  readonly root: HTMLElement;
  private late = false;

  constructor(
    actions: ControlActions,
    private readonly seekBar: SeekBar,
  ) {
    this.play = button("play-button", actions.togglePlay);
    this.mute = button("mute-button", actions.toggleMute);
    this.volume = h("input", {
      class: "volume",
      part: "volume-slider",
      type: "range",
      min: 0,
      max: 1,
      step: 0.01,
      oninput: () => actions.setVolume(Number(this.volume.value)),
    });
    this.live = h("button", { type: "button", class: "pill", part: "live-button", onclick: actions.jumpToLive }, h("i", { "aria-hidden": "true" }), this.liveWord, this.liveTime);
    this.captions = button("captions-button", actions.toggleCaptions);
    this.quality = button("quality-button", () => actions.openQuality(this.quality));
    this.quality.append(this.qualityWord);
    this.latency = button("latency-button", () => actions.openLatency(this.latency));
    this.speed = h("button", { type: "button", class: "control", part: "button speed-button", onclick: () => actions.openSpeed(this.speed) }, this.speedWord);
    this.stats = button("stats-button", actions.toggleStats);
    this.pip = button("pip-button", actions.togglePip);
    this.fullscreen = button("fullscreen-button", actions.toggleFullscreen);
    for (const opener of [this.quality, this.latency, this.speed]) {
      opener.setAttribute("aria-haspopup", "menu");
      opener.setAttribute("aria-expanded", "false");
    }
    this.pip.classList.add("roomy");
    const row = h(
      "div",
      { class: "row" },
      this.play,
      this.mute,
      this.volume,
      this.live,
      this.time,
      h("span", { class: "gap" }),
      h("slot", { name: "controls" }),
      this.speed,
      this.captions,
      this.quality,
      this.latency,
      this.stats,
      this.pip,
      this.fullscreen,
    );
    this.root = h("div", { class: "controls", part: "controls" }, seekBar.root, row);
  }

  update(status: PlayerStatus | null, state: ControlState, t: Translate): void {
    const paused = status?.paused ?? false;
    const resting = status === null || status.state === "waiting" || status.state === "offline" || status.state === "error";
    const volume = status?.volume ?? 1;
    const muted = (status?.muted ?? true) || volume === 0;
    const shown = muted ? 0 : volume;

    const kind = status?.kind ?? "live";
    const isOver = status?.state === "ended";
    this.play.hidden = resting;
    this.live.hidden = resting || kind === "recording";
    if (isOver) draw(this.play, "replay", t("watchAgain"), "k");
    else draw(this.play, paused ? "play" : "pause", t(paused ? "play" : "pause"), "k");
    draw(this.mute, muted ? "muted" : "volume", t(muted ? "unmute" : "mute"), "m");
    if (Number(this.volume.value) !== shown) this.volume.value = String(shown);
    this.volume.style.setProperty("--at", `${shown * 100}%`);
    setAttribute(this.volume, "aria-label", t("volume"));
    setAttribute(this.volume, "aria-valuetext", `${Math.round(shown * 100)} %`);

    this.live.disabled = kind === "live" && status?.state !== "playing";
    this.live.classList.toggle("on", kind === "live" && status?.state === "playing" && !paused);
    setText(this.liveWord, t("live"));

    // What happens now cannot be had faster.
    this.speed.hidden = resting || kind === "live";
    setText(this.speedWord, `${state.rate}×`);
    setAttribute(this.speed, "aria-label", `${t("playbackSpeed")} · ${state.rate}×`);
    setAttribute(this.speed, "data-tip", `${t("playbackSpeed")} (< >)`);
    this.latency.hidden = kind !== "live";
    this.quality.hidden = kind !== "live" && !state.hasLevels;

    this.captions.hidden = state.captions === "none";
    draw(this.captions, "captions", t("captions"), "c", state.captions === "on");
    const protocol = status?.protocol ? PROTOCOL_NAME[status.protocol] : t("automatic");
    draw(this.quality, "quality", `${t("quality")} · ${protocol}`);
    setText(this.qualityWord, status?.protocol ? protocol : "");
    draw(this.latency, "clock", t("latencyMenu"));
    draw(this.stats, "stats", t("statistics"), "i", state.statsOpen);
    this.pip.hidden = !document.pictureInPictureEnabled;
    draw(this.pip, "pip", t("pip"), "p", state.pip);
    draw(this.fullscreen, state.fullscreen ? "shrink" : "fullscreen", t(state.fullscreen ? "exitFullscreen" : "fullscreen"), "f");
  }

  /** Where it is. */
  follow(course: Course | null, status: PlayerStatus | null, t: Translate, language: string | undefined): void {
    this.seekBar.update(course, t, language);
    const isRecording = course !== null && status?.kind === "recording";
    this.time.hidden = !isRecording;
    if (isRecording) setText(this.time, `${duration(course.position_ms)} / ${duration(course.to_ms)}`);
    if (status?.kind !== "shifted") return;
    this.late = false;
    this.live.classList.remove("late");
    setText(this.liveTime, course?.behind_ms == null ? "" : `−${duration(course.behind_ms)}`);
    setAttribute(this.live, "title", `${t("goLive")} (End)`);
  }

  /** The latency, under the name it deserves; a click goes to the newest frame. */
  feed(stats: Stats | null, status: PlayerStatus | null, t: Translate): void {
    if (status && status.kind !== "live") return;
    const latency: Latency | null = this.live.disabled ? null : (stats?.latency ?? null);
    this.late = latency !== null && latency.ms > (this.late ? NOT_LATE_MS : LATE_MS);
    this.live.classList.toggle("late", this.late);
    const words: { label: TextKey; hint: TextKey } | null = latency && LATENCY_TEXT[latency.kind];
    setText(this.liveTime, latency && words ? `${t(words.label)} ${(latency.ms / 1000).toFixed(1)} s` : "");
    // Its name is the word on it, which stays while time passes; what a click does is told behind it.
    setAttribute(this.live, "title", words ? `${t(words.hint)}. ${t("jumpToLive")} (L)` : `${t("jumpToLive")} (L)`);
  }
}

function button(part: string, onclick: () => void): HTMLButtonElement {
  return h("button", { type: "button", class: "control", part: `button ${part}`, onclick });
}

function draw(element: HTMLButtonElement, name: IconName, label: string, key = "", pressed?: boolean): void {
  if (element.dataset["icon"] !== name) {
    element.querySelector("svg")?.remove();
    element.prepend(icon(name));
    element.dataset["icon"] = name;
  }
  setAttribute(element, "aria-label", label);
  setAttribute(element, "data-tip", key ? `${label} (${key.toUpperCase()})` : label);
  if (key) setAttribute(element, "aria-keyshortcuts", key);
  if (pressed !== undefined) setAttribute(element, "aria-pressed", String(pressed));
}
