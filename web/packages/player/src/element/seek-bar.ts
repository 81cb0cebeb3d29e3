//! The bar by which one goes to and fro in a recording, and back in a stream that is live: a slider for keys and screen
//! readers, and a line with what is held, what is missing, and what was to be seen there.

import { duration } from "../names";
import type { Course, Span } from "../types";
import { h, setAttribute, setText } from "./dom";
import type { Thumbnails } from "./thumbnails";
import type { Translate } from "./texts";

export interface SeekBarActions {
  seekTo: (ms: number) => void;
  /** When that was, Unix ms; null where nobody knows. */
  clockAt: (ms: number) => number | null;
}

/** A place on the bar this near its end is what happens now, in parts of it. */
const END_PART = 0.985;
/** Marks are drawn for so many spans at most. */
const MOST_MARKS = 60;
/** A hole of no length is drawn so wide, percent. */
const LEAST_MARK = 0.25;

export class SeekBar {
  readonly root: HTMLElement;
  private readonly track = h("div", { class: "track" });
  private readonly held = h("div", { class: "marks", "aria-hidden": "true" });
  private readonly missing = h("div", { class: "marks", "aria-hidden": "true" });
  private readonly played = h("i", { class: "played" });
  private readonly knob = h("i", { class: "knob" });
  private readonly tip: HTMLElement;
  private readonly picture = h("div", { class: "thumb", part: "thumbnail", hidden: true });
  private readonly time = h("b");
  private readonly clock = h("span");
  private course: Course | null = null;
  private language: string | undefined;
  private t: Translate | null = null;
  /** Where a finger or the mouse holds the knob. */
  private dragged_ms: number | null = null;

  constructor(
    private readonly actions: SeekBarActions,
    private readonly thumbnails: Thumbnails,
  ) {
    this.tip = h("div", { class: "seek-tip", part: "seek-tip", "aria-hidden": "true", hidden: true }, this.picture, h("p", {}, this.time, this.clock));
    this.track.append(this.held, this.played, this.missing, this.knob);
    this.root = h("div", { class: "seek", part: "seek-bar", role: "slider", tabindex: 0, "aria-orientation": "horizontal", hidden: true }, this.track, this.tip);
    this.listen();
  }

  get isHeld(): boolean {
    return this.dragged_ms !== null;
  }

  update(course: Course | null, t: Translate, language: string | undefined): void {
    this.course = course;
    [this.t, this.language] = [t, language];
    this.root.hidden = course === null || course.to_ms <= course.from_ms;
    if (!course || this.root.hidden) {
      this.tip.hidden = true;
      return;
    }
    const at_ms = this.dragged_ms ?? course.position_ms;
    this.place(at_ms);
    marks(this.held, course, course.buffered, 0);
    marks(this.missing, course, course.holes, LEAST_MARK);
    setAttribute(this.root, "aria-label", t("position"));
    // Whole seconds from the beginning: what a screen reader counts by.
    setAttribute(this.root, "aria-valuemin", "0");
    setAttribute(this.root, "aria-valuemax", `${Math.round((course.to_ms - course.from_ms) / 1000)}`);
    setAttribute(this.root, "aria-valuenow", `${Math.round((at_ms - course.from_ms) / 1000)}`);
    setAttribute(this.root, "aria-valuetext", this.words(at_ms));
    this.root.classList.toggle("now", course.behind_ms !== null && course.to_ms - at_ms < (course.to_ms - course.from_ms) * (1 - END_PART));
  }

  /** "1:05 of 4:30", or "0:30 behind live". */
  private words(at_ms: number): string {
    const { course, t } = this;
    if (!course || !t) return "";
    if (course.behind_ms === null) return t("atOf", { at: duration(at_ms), all: duration(course.to_ms) });
    const behind_ms = course.to_ms - at_ms;
    return behind_ms < 1000 ? t("live") : t("behindLive", { time: duration(behind_ms) });
  }

  private place(at_ms: number): void {
    const part = `${partOf(this.course!, at_ms) * 100}%`;
    this.played.style.width = part;
    this.knob.style.left = part;
  }

  private listen(): void {
    const { root } = this;
    root.addEventListener("pointermove", (event) => this.hover(event));
    root.addEventListener("pointerleave", () => this.leave());
    root.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.course) return;
      root.setPointerCapture(event.pointerId);
      this.drag(event);
    });
    root.addEventListener("pointerup", (event) => {
      if (this.dragged_ms === null) return;
      const to_ms = this.momentOf(event);
      this.dragged_ms = null;
      if (event.pointerType !== "mouse") this.leave();
      if (to_ms !== null) this.actions.seekTo(to_ms);
    });
    root.addEventListener("pointercancel", () => {
      this.dragged_ms = null;
      this.leave();
    });
  }

  private drag(event: PointerEvent): void {
    this.dragged_ms = this.momentOf(event);
    this.hover(event);
  }

  private hover(event: PointerEvent): void {
    const at_ms = this.momentOf(event);
    if (at_ms === null || (event.pointerType !== "mouse" && this.dragged_ms === null)) return;
    if (this.dragged_ms !== null) {
      this.dragged_ms = at_ms;
      this.place(at_ms);
    }
    this.show(at_ms);
  }

  private show(at_ms: number): void {
    const { course, tip } = this;
    if (!course) return;
    tip.hidden = false;
    const isLive = course.behind_ms !== null;
    setText(this.time, isLive ? `−${duration(course.to_ms - at_ms)}` : duration(at_ms));
    const clock_ms = this.actions.clockAt(at_ms);
    setText(this.clock, clock_ms === null ? "" : clockTime(clock_ms, this.language));
    this.picture.hidden = !this.thumbnails.draw(this.picture, at_ms);
    // Not beyond either end of the bar.
    const half = tip.offsetWidth / 2;
    const width = this.root.clientWidth;
    tip.style.left = `${Math.min(Math.max(partOf(course, at_ms) * width, half), Math.max(half, width - half))}px`;
  }

  private leave(): void {
    if (this.dragged_ms === null) this.tip.hidden = true;
  }

  private momentOf(event: PointerEvent): number | null {
    const { course } = this;
    const { left, width } = this.track.getBoundingClientRect();
    if (!course || width === 0) return null;
    const part = Math.min(1, Math.max(0, (event.clientX - left) / width));
    return course.from_ms + part * (course.to_ms - course.from_ms);
  }
}

/** Where on the bar that is, 0 to 1. */
export function partOf({ from_ms, to_ms }: Span, at_ms: number): number {
  return to_ms > from_ms ? Math.min(1, Math.max(0, (at_ms - from_ms) / (to_ms - from_ms))) : 0;
}

/** The time of day; with the day where that is not today. */
export function clockTime(at_ms: number, language: string | undefined, now_ms = Date.now()): string {
  const day = (ms: number) => new Date(ms).toDateString();
  const date = day(at_ms) === day(now_ms) ? {} : ({ month: "short", day: "numeric" } as const);
  return new Intl.DateTimeFormat(language, { ...date, hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at_ms);
}

/** Touches the document only where something changes. */
function marks(place: HTMLElement, course: Span, spans: readonly Span[], least: number): void {
  const shown = spans.filter((span) => span.to_ms >= course.from_ms && span.from_ms <= course.to_ms).slice(0, MOST_MARKS);
  while (place.children.length > shown.length) place.lastChild!.remove();
  while (place.children.length < shown.length) place.append(h("i"));
  shown.forEach((span, at) => {
    const { style } = place.children[at] as HTMLElement;
    const left = partOf(course, span.from_ms) * 100;
    const width = Math.max(least, partOf(course, span.to_ms) * 100 - left);
    const words: [string, string] = [`${left.toFixed(2)}%`, `${width.toFixed(2)}%`];
    if (style.left !== words[0]) style.left = words[0];
    if (style.width !== words[1]) style.width = words[1];
  });
}
