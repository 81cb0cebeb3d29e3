//! `<weir-player>`: the player with its controls as one custom element. The look is in player.css, the
//! words are in texts.ts; what is played and how is the `Player`'s.

import { PROTOCOL_NAME } from "../names";
import { isStrategy, type CatchUp, type LatencyMode, type PacingConfig, LATENCY_MODES } from "../pacing";
import { Player } from "../player";
import { Replay } from "../replay";
import { parseStart } from "../start";
import { TimeShift } from "../time-shift";
import { isProtocol, type Course, type Level, type PlayerStatus, type Protocol, type Span, type Stats } from "../types";
import { recordingUrl, shiftedUrl } from "../urls";
import { adoptTracks, captionState, toggleCaptions } from "./captions";
import { Controls } from "./controls";
import { h, setAttribute, setText } from "./dom";
import { stateText } from "./format";
import { Idle, isForPlayer, keyOf, toggleFullscreen, togglePip } from "./gestures";
import { actionOf } from "./keys";
import { Menu } from "./menu";
import { latencyMenu, qualityMenu, speedMenu } from "./menus";
import { Overlay } from "./overlay";
import css from "./player.css?inline";
import { SeekBar } from "./seek-bar";
import { readSource, type RecordingSource, type Source, type StreamSource } from "./source";
import { StatsPanel } from "./stats-panel";
import { pickLanguage, translator, type Translate } from "./texts";
import { Thumbnails, type BoardSource } from "./thumbnails";

/** What the viewer changed by hand, for pages that keep it. */
export interface PlayerSettings {
  volume: number;
  muted: boolean;
  protocol: Protocol | null;
  latency: LatencyMode;
  stats: boolean;
}

export interface WeirPlayerEventMap {
  state: CustomEvent<PlayerStatus>;
  stats: CustomEvent<Stats>;
  error: CustomEvent<NonNullable<PlayerStatus["fault"]>>;
  protocol: CustomEvent<{ protocol: Protocol; from: Protocol | null }>;
  settings: CustomEvent<PlayerSettings>;
  course: CustomEvent<Course>;
  again: CustomEvent<null>;
}

const STATS_MS = 500;
/** The bar is drawn, and where it is told, this often, ms. */
const COURSE_MS = 250;
/** A note about another protocol stays this long, ms. */
const NOTE_MS = 6000;
/** Narrower than this, words beside icons and the rarer buttons go, CSS pixels. */
const SMALL_PX = 680;
const SOURCE_ATTRIBUTES = ["src", "app", "stream", "origin", "query"] as const;

export class WeirPlayerElement extends HTMLElement {
  static readonly observedAttributes = [
    ...SOURCE_ATTRIBUTES,
    ...["protocol", "latency", "target-ms", "strategy", "muted", "volume", "controls", "stats", "lang", "poster"],
    ...["start", "dvr", "replay", "storyboard"],
  ];

  /** The element that plays; in the shadow tree, open to whoever must reach it. */
  readonly video = h("video", { part: "video", playsinline: true, tabindex: -1 });
  /** Of a stream that is live. */
  private player: Player | null = null;
  private shift: TimeShift | null = null;
  /** Of a recording. */
  private replay_: Replay | null = null;
  private current: PlayerStatus | null = null;
  private source: Source | null = null;
  private decide: CatchUp | null = null;
  private t: Translate = translator("en");
  private choice: Protocol | null = null;
  private restarting = false;
  private listeners: AbortController | null = null;
  private ticker: ReturnType<typeof setInterval> | undefined;
  private follower: ReturnType<typeof setInterval> | undefined;
  private noteTimer: ReturnType<typeof setTimeout> | undefined;
  private resizer: ResizeObserver | null = null;
  private children_: MutationObserver | null = null;

  private readonly menu = new Menu();
  private readonly stats_ = new StatsPanel(() => this.toggleStats());
  private readonly overlay = new Overlay({ play: () => this.play(), retry: () => this.retry(), unmute: () => this.setMuted(false), again: () => this.again() });
  private readonly thumbnails = new Thumbnails();
  private readonly seekBar = new SeekBar({ seekTo: (ms) => this.seekTo(ms), clockAt: (ms) => this.clockAt(ms) }, this.thumbnails);
  private readonly actions = {
    togglePlay: () => this.played?.togglePlay(),
    toggleMute: () => this.setMuted(!this.video.muted),
    setVolume: (volume: number) => this.setVolume(volume),
    jumpToLive: () => this.jumpToLive(),
    toggleCaptions: () => this.toggleCaptions(),
    openQuality: (opener: HTMLElement) => this.openQuality(opener),
    openLatency: (opener: HTMLElement) => this.openLatency(opener),
    openSpeed: (opener: HTMLElement) => this.menu.toggle(opener, this.t("playbackSpeed"), speedMenu(this.t, this.rate, (rate) => this.setRate(rate))),
    toggleStats: () => this.toggleStats(),
    togglePip: () => togglePip(this.video),
    toggleFullscreen: () => toggleFullscreen(this, this.video),
    louder: (by: number) => this.setVolume(Math.min(1, Math.max(0, this.video.volume + by))),
    step: (s: number) => this.seekBack(-s),
    seekToPart: (part: number) => this.seekToPart(part),
    setRate: (rate: number) => this.setRate(rate),
  };
  private readonly controls_ = new Controls(this.actions, this.seekBar);
  private readonly audioOnly = h("div", { class: "audio-only", part: "audio-only", hidden: true });
  private readonly note = h("p", { class: "note", part: "note", hidden: true });
  private readonly spoken = h("p", { class: "offscreen", role: "status", "aria-live": "polite" });
  private readonly stage = h("div", { class: "stage", part: "stage", role: "region" });
  private readonly idle = new Idle((idle) => this.stage.classList.toggle("idle", idle));

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    addStyles(root);
    const captions = h("div", { class: "captions", part: "captions" }, h("slot", { name: "captions" }));
    this.stage.append(this.video, this.audioOnly, h("slot", { name: "picture" }), captions, this.overlay.root, this.note, this.stats_.root, this.controls_.root, this.menu.root, this.spoken);
    root.append(this.stage);
  }

  connectedCallback(): void {
    if (!this.hasAttribute("tabindex")) this.tabIndex = 0;
    this.listen();
    this.applyLanguage();
    this.applyControls();
    this.stats_.toggle(this.hasAttribute("stats"));
    this.ticker = setInterval(() => this.feed(), STATS_MS);
    this.follower = setInterval(() => this.follow(), COURSE_MS);
    this.idle.wake();
    this.restart();
  }

  disconnectedCallback(): void {
    this.listeners?.abort();
    this.resizer?.disconnect();
    this.children_?.disconnect();
    clearInterval(this.ticker);
    clearInterval(this.follower);
    clearTimeout(this.noteTimer);
    this.idle.stop();
    this.menu.close(false);
    this.stop();
  }

  private stop(): void {
    this.shift?.destroy();
    this.player?.destroy();
    this.replay_?.destroy();
    this.shift = this.player = this.replay_ = null;
    this.current = null;
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now || !this.isConnected || !this.listeners) return;
    if ((SOURCE_ATTRIBUTES as readonly string[]).includes(name)) return this.restart();
    if (name === "protocol") this.setProtocol(isProtocol(now) ? now : null);
    else if (name === "latency") this.player?.setLatency(this.latency);
    else if (name === "target-ms" || name === "strategy") this.player?.setPacing(this.pacingOverrides());
    else if (name === "muted") this.played?.setMuted(now !== null && now !== "false");
    else if (name === "volume") this.played?.setVolume(this.wantedVolume());
    else if (name === "controls") this.applyControls();
    else if (name === "stats") this.stats_.toggle(now !== null);
    else if (name === "poster") setAttribute(this.video, "poster", now);
    else if (name === "lang") this.applyLanguage();
    else if (name === "dvr") this.follow();
    this.render();
  }

  // --- for the page -----------------------------------------------------------------------------

  /** The newest state of the player; null while no stream is named. */
  get status(): PlayerStatus | null {
    return this.current;
  }

  get stats(): Stats | null {
    return this.replay_?.stats() ?? this.shift?.replay?.stats() ?? this.player?.stats() ?? null;
  }

  get levels(): Level[] {
    return this.current?.kind === "live" ? (this.player?.levels() ?? []) : [];
  }

  get latency(): LatencyMode {
    const mode = this.getAttribute("latency");
    return LATENCY_MODES.find((known) => known === mode) ?? "auto";
  }

  set latency(mode: LatencyMode) {
    this.setAttribute("latency", mode);
  }

  /** In place of the built-in decision when to play faster and when to jump; null brings it back. */
  get catchUp(): CatchUp | null {
    return this.decide;
  }

  set catchUp(decide: CatchUp | null) {
    this.decide = decide;
    this.player?.setPacing(this.pacingOverrides(), decide);
  }

  get src(): string | null {
    return this.getAttribute("src");
  }

  set src(src: string | null) {
    setAttribute(this, "src", src);
  }

  play(): void {
    this.played?.play();
  }

  pause(): void {
    this.played?.pause();
  }

  /** Forgets what failed and tries again now. */
  retry(): void {
    this.played?.retry();
  }

  /** To the newest frame there is, also from the past. */
  jumpToLive(): void {
    this.shift?.goLive();
  }

  goLive(): void {
    this.jumpToLive();
  }

  /** Where one is and whereto one may go; null where one may go nowhere (or nothing is known yet). */
  get course(): Course | null {
    return this.played?.course() ?? null;
  }

  /** What can be gone to: Unix ms of a stream that is live, ms from the beginning of a recording. */
  get seekable(): Span | null {
    const { course } = this;
    return course && { from_ms: course.from_ms, to_ms: course.to_ms };
  }

  get position_ms(): number | null {
    return this.course?.position_ms ?? null;
  }

  /** How far behind what happens now; null in a recording. */
  get behind_ms(): number | null {
    return this.course?.behind_ms ?? null;
  }

  /** When the frame on screen was, Unix ms; null where nobody knows. */
  get clock_ms(): number | null {
    const { position_ms } = this;
    return position_ms === null ? null : this.clockAt(position_ms);
  }

  /** When that was, Unix ms; null where nobody knows. */
  clockAt(ms: number): number | null {
    return this.replay_ ? this.replay_.clockAt(ms) : ms;
  }

  /** In the time of `seekable`. At the end of a stream that is live it goes on live. */
  seekTo(ms: number): void {
    this.played?.seekTo(ms);
    this.follow();
  }

  /** So many seconds back; forward where it is less than 0. */
  seekBack(s: number): void {
    const { course } = this;
    if (course) this.seekTo(course.position_ms - s * 1000);
  }

  private seekToPart(part: number): void {
    const { seekable } = this;
    if (seekable) this.seekTo(seekable.from_ms + part * (seekable.to_ms - seekable.from_ms));
  }

  /** How fast the past is played, 0.25 to 4; what happens now has 1. */
  get rate(): number {
    return this.played?.rate ?? 1;
  }

  set rate(rate: number) {
    this.setRate(rate);
  }

  setRate(rate: number): void {
    this.played?.setRate(rate);
    this.render();
  }

  /** Tried first, if it is possible; null leaves the choice to the player. */
  setProtocol(protocol: Protocol | null): void {
    this.choice = protocol;
    this.player?.setProtocol(protocol);
    this.announceSettings();
  }

  setLevel(id: number | null): void {
    this.player?.setLevel(id);
  }

  setMuted(muted: boolean): void {
    this.played?.setMuted(muted);
    this.announceSettings();
  }

  setVolume(volume: number): void {
    this.played?.setVolume(volume);
    if (volume > 0 && this.video.muted) this.played?.setMuted(false);
    this.announceSettings();
  }

  toggleStats(): void {
    this.toggleAttribute("stats");
    this.feed();
    this.announceSettings();
  }

  toggleCaptions(): void {
    toggleCaptions(this.video);
    this.render();
  }

  override addEventListener<K extends keyof WeirPlayerEventMap>(type: K, listener: (event: WeirPlayerEventMap[K]) => void, options?: boolean | AddEventListenerOptions): void;
  override addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
  override addEventListener(type: string, listener: never, options?: boolean | AddEventListenerOptions): void {
    super.addEventListener(type, listener, options);
  }

  // --- playing ----------------------------------------------------------------------------------

  /** Once for all attributes that change in one go. */
  private restart(): void {
    if (this.restarting) return;
    this.restarting = true;
    queueMicrotask(() => {
      this.restarting = false;
      if (this.isConnected) this.start();
    });
  }

  private start(): void {
    this.stop();
    const [src, app, stream, origin, query] = SOURCE_ATTRIBUTES.map((name) => this.getAttribute(name));
    const source = readSource({ src: src!, app: app!, stream: stream!, origin: origin!, query: query! }, location.href);
    this.source = source;
    const protocol = this.getAttribute("protocol");
    this.choice = isProtocol(protocol) ? protocol : null;
    setAttribute(this.video, "poster", this.getAttribute("poster"));
    if (source && "recording" in source) this.startReplay(source);
    else if (source) this.startLive(source);
    this.current = this.played?.status ?? null;
    this.render();
    this.follow();
  }

  /** What all who play are told. */
  private common() {
    const muted = this.getAttribute("muted");
    return {
      video: this.video,
      muted: muted === null ? null : muted !== "false",
      volume: this.wantedVolume(),
      autoplay: this.hasAttribute("autoplay"),
    };
  }

  private startLive(source: StreamSource): void {
    const player = new Player({
      ...this.common(),
      ...source,
      protocol: this.choice,
      latency: this.latency,
      pacing: this.pacingOverrides(),
      ...(this.decide ? { catchUp: this.decide } : {}),
      onStatus: (status) => this.shift?.observe(status),
    });
    this.player = player;
    this.shift = new TimeShift({
      player,
      video: this.video,
      url: (from_ms) => shiftedUrl(source.origin, source.name, from_ms, source.query),
      isWanted: () => this.hasAttribute("dvr"),
      start: parseStart(this.getAttribute("start")),
      onStatus: (status) => this.onStatus(status),
    });
  }

  private startReplay({ origin, recording, query }: RecordingSource): void {
    const start = parseStart(this.getAttribute("start"));
    this.replay_ = new Replay({
      ...this.common(),
      url: recordingUrl(origin, recording, query),
      start: start && "behind_ms" in start ? null : start,
      onStatus: (status) => this.onStatus(status),
    });
  }

  /** What is on screen now, and what can be done with it. */
  private get played(): TimeShift | Replay | null {
    return this.replay_ ?? this.shift;
  }

  /** The pictures along the bar are those of the recording, also while it goes on. */
  private storyboard(): BoardSource | null {
    const own = this.getAttribute("storyboard");
    if (own !== null) return own === "" ? null : { url: new URL(own, location.href).href, isLive: false };
    const { source } = this;
    const isLive = source !== null && !("recording" in source);
    const recording = source && "recording" in source ? source.recording : this.current?.info?.dvr?.recording;
    if (!source || !recording) return null;
    return { url: recordingUrl(source.origin, recording, source.query).replace("/index.m3u8", "/storyboard.vtt"), isLive };
  }

  /** Of what is over, from its beginning. */
  private again(): void {
    // A page may have a better way.
    if (!this.dispatchEvent(new CustomEvent("again", { cancelable: true }))) return;
    const replay = this.getAttribute("replay");
    if (this.replay_) this.replay_.play();
    else if (replay !== null && this.current?.state === "offline") {
      this.setAttribute("start", "0");
      this.src = replay;
      // Behind the start that is due with the new source.
      queueMicrotask(() => this.play());
    } else if (this.course) {
      this.seekTo(this.course.from_ms);
      this.play();
    }
  }

  private wantedVolume(): number {
    const volume = Number(this.getAttribute("volume") ?? 1);
    return volume >= 0 && volume <= 1 ? volume : 1;
  }

  private pacingOverrides(): Partial<PacingConfig> {
    const target_ms = Number(this.getAttribute("target-ms") ?? NaN);
    const strategy = this.getAttribute("strategy");
    return {
      ...(target_ms >= 0 ? { target_ms, limit_ms: Math.max(target_ms * 3, 2000) } : {}),
      ...(isStrategy(strategy) ? { strategy } : {}),
    };
  }

  private onStatus(status: PlayerStatus): void {
    const before = this.current;
    this.current = status;
    this.render();
    this.emit("state", status);
    if (status.fault && status.fault !== before?.fault && status.state === "error") this.emit("error", status.fault);
    if (status.protocol && status.protocol !== before?.protocol) {
      this.emit("protocol", { protocol: status.protocol, from: status.switchedFrom });
    }
    const { switchedFrom: from, protocol: to } = status;
    if (from && to && from !== to && status.state === "playing" && before?.state !== "playing") {
      this.showNote(this.t("switched", { from: PROTOCOL_NAME[from], to: PROTOCOL_NAME[to] }));
    }
  }

  private feed(): void {
    const stats = this.stats;
    this.stats_.feed(stats, this.t);
    this.controls_.feed(stats, this.current, this.t);
    if (stats) this.emit("stats", stats);
  }

  private follow(): void {
    const { course, current } = this;
    this.thumbnails.setSource(this.storyboard());
    this.controls_.follow(course, current, this.t, this.closest("[lang]")?.getAttribute("lang") ?? undefined);
    this.stage.classList.toggle("seekable", course !== null);
    if (course) this.emit("course", course);
  }

  private emit<K extends keyof WeirPlayerEventMap>(type: K, detail: WeirPlayerEventMap[K]["detail"]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  private announceSettings(): void {
    const { volume, muted } = this.video;
    this.emit("settings", { volume, muted, protocol: this.choice, latency: this.latency, stats: this.stats_.isOpen });
  }

  // --- on screen --------------------------------------------------------------------------------

  private applyLanguage(): void {
    const tag = this.closest("[lang]")?.getAttribute("lang");
    this.t = translator(pickLanguage(tag));
    this.menu.close(false);
    this.render();
    this.feed();
  }

  private render(): void {
    const { current: status, t } = this;
    this.overlay.update(status, t, this.source !== null, this.hasAttribute("replay"));
    const fullscreen = document.fullscreenElement === this;
    const pip = document.pictureInPictureElement === this.video;
    const state = { statsOpen: this.stats_.isOpen, captions: captionState(this.video), pip, fullscreen, rate: this.rate, hasLevels: this.levels.length > 1 };
    this.controls_.update(status, state, t);
    this.audioOnly.hidden = !(status?.info && !status.info.video && status.state === "playing");
    setText(this.audioOnly, t("audioOnly"));
    setText(this.spoken, this.source ? stateText(status, t) : t("noSource"));
    setAttribute(this.stage, "aria-label", t("player"));
    this.stage.classList.toggle("live", status?.state === "playing" && !status.paused);
  }

  private applyControls(): void {
    const value = this.getAttribute("controls");
    this.controls_.root.hidden = value === null || value === "false";
  }

  private showNote(text: string): void {
    clearTimeout(this.noteTimer);
    setText(this.note, text);
    this.note.hidden = false;
    this.noteTimer = setTimeout(() => (this.note.hidden = true), NOTE_MS);
  }

  private openQuality(opener: HTMLElement): void {
    const view = { status: this.current, levels: this.levels, choice: this.choice };
    const choose = { protocol: (protocol: Protocol | null) => this.setProtocol(protocol), level: (id: number | null) => this.setLevel(id) };
    this.menu.toggle(opener, this.t("quality"), qualityMenu(this.t, view, choose));
  }

  private openLatency(opener: HTMLElement): void {
    if (!this.player) return;
    const own_ms = this.pacingOverrides().target_ms ?? null;
    const view = { mode: this.latency, own_ms, config: this.player.pacing() };
    this.menu.toggle(opener, this.t("latencyMenu"), latencyMenu(this.t, view, {
      mode: (mode) => {
        this.removeAttribute("target-ms");
        this.latency = mode;
        this.announceSettings();
      },
      strategy: (strategy) => this.setAttribute("strategy", strategy),
    }));
  }

  // --- pointer, keys, surroundings --------------------------------------------------------------

  private listen(): void {
    this.listeners = new AbortController();
    const options = { signal: this.listeners.signal };
    const { stage, video } = this;
    for (const type of ["pointermove", "pointerdown", "focusin"]) stage.addEventListener(type, () => this.idle.wake(), options);
    stage.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && !this.menu.isOpen && this.idle.sleep(), options);
    video.addEventListener("click", () => matchMedia("(hover: hover)").matches && this.played?.togglePlay(), options);
    video.addEventListener("dblclick", () => toggleFullscreen(this, video), options);
    for (const type of ["enterpictureinpicture", "leavepictureinpicture"]) video.addEventListener(type, () => this.render(), options);
    for (const type of ["addtrack", "removetrack", "change"]) video.textTracks.addEventListener(type, () => this.render(), options);
    document.addEventListener("fullscreenchange", () => this.render(), options);
    // A page that is mostly the player may give it all its keys.
    const keys: EventTarget = this.getAttribute("hotkeys") === "page" ? document : this;
    keys.addEventListener("keydown", (event) => this.onKey(event as KeyboardEvent), options);
    this.resizer = new ResizeObserver(() => stage.classList.toggle("small", stage.clientWidth < SMALL_PX));
    this.resizer.observe(stage);
    adoptTracks(this, video);
    this.children_ = new MutationObserver(() => adoptTracks(this, video));
    this.children_.observe(this, { childList: true });
  }

  private onKey(event: KeyboardEvent): void {
    if (!this.played || !isForPlayer(event)) return;
    const view = { hasCourse: this.course !== null, isOnBar: event.composedPath().includes(this.seekBar.root), rate: this.rate };
    const action = actionOf(keyOf(event), this.actions, view);
    if (!action) return;
    event.preventDefault();
    this.idle.wake();
    action();
  }
}

/** One sheet for all players of a page, where the browser can share it. */
let sheet: CSSStyleSheet | null = null;

function addStyles(root: ShadowRoot): void {
  if ("adoptedStyleSheets" in root && "replaceSync" in CSSStyleSheet.prototype) {
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
    }
    root.adoptedStyleSheets = [sheet];
  } else {
    (root as ShadowRoot).append(h("style", {}, css));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "weir-player": WeirPlayerElement;
  }
}
