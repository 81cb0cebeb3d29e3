//! Words that fly over a picture from right to left. Each is an element with one animation of its transform, which the
//! browser's compositor moves: no script runs in a frame. Elements are used again and again.

import { Lanes, speedOf, type Flight } from "./lanes";
import { Queue, type Shout } from "./queue";
import { isBlocked, settled, USUAL, type DanmakuSettings } from "./settings";

export interface DanmakuOptions extends Partial<DanmakuSettings> {
  /** Over what: `<weir-player>`, or an element that is positioned. */
  over: HTMLElement;
}

/** What crosses the picture at the usual speed takes so long, milliseconds. */
const CROSS_MS = 8_000;
/** Of the letters, pixels; a low picture has smaller ones. */
const SIZE_PX = 24;
const LEAST_SIZE_PX = 14;
/** So many lines fit at least into the picture's height. */
const LINES = 12;
const LINE = 1.4;
/** Between two in a lane at the usual density, times the size of the letters. */
const GAP = 1.5;
/** Of what is said more is not shown. */
const MAX_CHARS = 80;
/** Animated elements, which browsers hold as pictures of their own. */
const MAX_FLYING = 240;
/** A lane is looked for again this often while somebody waits, milliseconds. */
const LOOK_MS = 80;
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';

interface Flying {
  shout: Shout;
  element: HTMLElement;
  animation: Animation;
}

export class Danmaku {
  private readonly root = document.createElement("div");
  private readonly lanes = new Lanes();
  private readonly queue = new Queue();
  private readonly flying = new Set<Flying>();
  private readonly pool: HTMLElement[] = [];
  private readonly ruler = document.createElement("canvas").getContext("2d")!;
  private readonly resized = new ResizeObserver(() => this.fit());
  private settings_: DanmakuSettings;
  private timer: ReturnType<typeof setInterval> | undefined;
  private width_px = 0;
  private size_px = SIZE_PX;

  /** Off where the viewer wants less motion, unless it is said to be on. */
  constructor({ over, ...settings }: DanmakuOptions) {
    const wantsLess = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.settings_ = settled({ ...USUAL, isOn: !wantsLess }, settings);
    // They are in the list of messages, where they can be read at rest.
    this.root.setAttribute("aria-hidden", "true");
    this.root.className = "weir-danmaku";
    Object.assign(this.root.style, { position: "absolute", inset: "0", overflow: "hidden", pointerEvents: "none", contain: "strict" });
    this.attach(over);
    this.resized.observe(this.root);
    this.fit();
  }

  /** Moves to another element; what flies begins there anew. */
  attach(over: HTMLElement): void {
    if (over.localName === "weir-player") this.root.slot = "picture";
    over.append(this.root);
  }

  get settings(): Readonly<DanmakuSettings> {
    return this.settings_;
  }

  set(more: Partial<DanmakuSettings>): void {
    this.settings_ = settled(this.settings_, more);
    if (!this.settings_.isOn) this.clear();
    this.remove(({ text, user }) => isBlocked(this.settings_, text, user));
    this.fit();
  }

  /** How many were not shown because there was no room. */
  get leftOut(): number {
    return this.queue.left;
  }

  show(shout: Shout): void {
    if (!this.settings_.isOn || document.hidden || isBlocked(this.settings_, shout.text, shout.user)) return;
    this.queue.add(shout, performance.now());
    this.pump();
  }

  /** Takes away what is meant, wherever it flies. */
  remove(which: (shout: Shout) => boolean): void {
    this.queue.remove(which);
    for (const one of [...this.flying]) if (which(one.shout)) this.land(one);
  }

  clear(): void {
    this.remove(() => true);
    this.lanes.clear();
  }

  destroy(): void {
    this.clear();
    clearInterval(this.timer);
    this.resized.disconnect();
    this.root.remove();
  }

  private fit(): void {
    const { opacity, scale, area } = this.settings_;
    const { clientWidth, clientHeight } = this.root;
    this.width_px = clientWidth;
    this.size_px = Math.round(Math.max(LEAST_SIZE_PX, Math.min(SIZE_PX, clientHeight / (LINES * LINE))) * scale);
    this.root.style.opacity = String(opacity);
    this.root.style.font = `600 ${this.size_px}px/${LINE} ${FONT}`;
    this.ruler.font = `600 ${this.size_px}px ${FONT}`;
    this.lanes.setCount(Math.max(clientHeight > 0 ? 1 : 0, Math.floor((clientHeight * area) / (this.size_px * LINE))));
  }

  private pump(): void {
    this.queue.drain(performance.now(), (shout) => this.begin(shout));
    if (!this.queue.isEmpty) this.timer ??= setInterval(() => this.pump(), LOOK_MS);
    else {
      clearInterval(this.timer);
      this.timer = undefined;
    }
  }

  /** Whether it flies now. */
  private begin(shout: Shout): boolean {
    if (this.flying.size >= MAX_FLYING) return false;
    const text = [...shout.text].slice(0, MAX_CHARS).join("");
    const length_px = Math.ceil(this.ruler.measureText(text).width) + this.size_px;
    const speed = speedOf(this.width_px, length_px, CROSS_MS / this.settings_.speed);
    const flight: Flight = { start_ms: performance.now(), width_px: this.width_px, length_px, speed };
    const lane = this.lanes.take(flight, (GAP * this.size_px) / this.settings_.density);
    if (lane < 0) return false;
    this.fly({ ...shout, text }, flight, lane * this.size_px * LINE);
    return true;
  }

  private fly(shout: Shout, { width_px, length_px, speed }: Flight, top_px: number): void {
    const element = this.pool.pop() ?? this.make();
    element.textContent = shout.text;
    element.classList.toggle("own", shout.isOwn);
    element.style.outline = shout.isOwn ? "1.5px solid #fff" : "none";
    element.style.visibility = "visible";
    const at = (x_px: number) => `translate3d(${x_px}px, ${top_px}px, 0)`;
    const animation = element.animate([{ transform: at(width_px) }, { transform: at(-length_px) }], (width_px + length_px) / speed);
    const one = { shout, element, animation };
    this.flying.add(one);
    animation.onfinish = () => this.land(one);
  }

  private make(): HTMLElement {
    const element = document.createElement("span");
    const shadow = "0 0 2px #000, 0 0 3px #000, 0 1px 4px #000";
    Object.assign(element.style, {
      ...{ position: "absolute", left: "0", top: "0", whiteSpace: "pre", willChange: "transform", contain: "layout style" },
      ...{ padding: "0 0.25em", color: "#fff", textShadow: shadow, outlineOffset: "-2px", borderRadius: "4px" },
    });
    this.root.append(element);
    return element;
  }

  private land(one: Flying): void {
    if (!this.flying.delete(one)) return;
    one.animation.onfinish = null;
    one.animation.cancel();
    one.element.style.visibility = "hidden";
    this.pool.push(one.element);
  }
}
