//! What lies over the picture when there is something to say: connecting, waiting, ended, refused, and
//! the buttons for sound and for the first play.

import { codecName } from "../names";
import type { PlayerStatus } from "../types";
import { h, icon } from "./dom";
import { stateText } from "./format";
import type { TextKey, Translate } from "./texts";

export interface OverlayActions {
  play: () => void;
  retry: () => void;
  unmute: () => void;
  /** From the beginning; of what is over. */
  again: () => void;
}

export class Overlay {
  readonly root = h("div", { class: "overlay", part: "overlay" });
  private shown = "";

  constructor(private readonly actions: OverlayActions) {}

  /** Drawn anew only when it says something else: a button under a finger must stay. */
  update(status: PlayerStatus | null, t: Translate, hasSource: boolean, hasReplay: boolean): void {
    const kind = hasSource ? kindOf(status) : "empty";
    const { fault, info } = status ?? {};
    const isOver = kind === "ended" || (kind === "offline" && hasReplay);
    const key = [kind, isOver, t("play"), kind === "loading" && stateText(status, t), kind === "error" && JSON.stringify([fault, info?.video, info?.audio])].join("|");
    if (key === this.shown) return;
    this.shown = key;
    this.root.replaceChildren(...(isOver ? [this.over(t, kind)] : this.draw(kind, status, t)));
  }

  private draw(kind: Kind, status: PlayerStatus | null, t: Translate): HTMLElement[] {
    const { play, unmute } = this.actions;
    switch (kind) {
      case "blocked":
        return [h("button", { type: "button", class: "veil big-play", part: "big-play", onclick: play }, icon("play", 56), h("span", {}, t("tapToPlay")))];
      case "paused":
        return [h("button", { type: "button", class: "resume", part: "big-play", "aria-label": t("play"), onclick: play }, icon("play", 44))];
      case "waiting":
      case "offline":
        return [still(t, kind, `${kind}Hint`)];
      case "empty":
        return [still(t, "noSource", null)];
      case "error":
        return [this.trouble(status!, t)];
      case "loading":
        return [h("div", { class: "veil thin" }, h("div", { class: "spinner", part: "spinner" }), h("p", {}, stateText(status, t)))];
      case "sound":
        return [h("button", { type: "button", class: "sound", part: "sound-button", onclick: unmute }, icon("muted", 20), t("tapForSound"))];
      case "ended":
      case "none":
        return [];
    }
  }

  private over(t: Translate, kind: Kind): HTMLElement {
    const again = h("button", { type: "button", class: "button again", part: "again-button", onclick: this.actions.again }, icon("replay", 20), t("watchAgain"));
    return h("div", { class: "veil over" }, h("h2", {}, t(kind === "offline" ? "offline" : "ended")), again, kind === "offline" && h("p", {}, t("offlineHint")));
  }

  private trouble({ fault, info }: PlayerStatus, t: Translate): HTMLElement {
    const kind = fault?.kind ?? "unreachable";
    const codecs = [info?.video, info?.audio].flatMap((track) => (track ? [codecName(track.codec)] : [])).join(" + ");
    const hint =
      kind === "refused"
        ? [fault?.message, fault?.advice].filter(Boolean).join(" · ")
        : kind === "unplayable"
          ? t("unplayableHint", { codecs: codecs || "?" })
          : t("unreachableHint");
    const code = fault?.code === undefined ? "" : t("code", { code: `${fault.code} ${fault.name ?? ""}`.trim() });
    return h(
      "div",
      { class: "veil", role: "alert" },
      h("span", { class: "alert" }, icon("alert", 44)),
      h("h2", {}, t(kind)),
      h("p", {}, hint),
      code && h("p", { class: "code" }, code),
      h("button", { type: "button", class: "button", part: "retry-button", onclick: this.actions.retry }, t("retry")),
    );
  }
}

type Kind = "blocked" | "paused" | "waiting" | "offline" | "ended" | "error" | "loading" | "sound" | "empty" | "none";

function kindOf(status: PlayerStatus | null): Kind {
  if (!status) return "loading";
  if (status.playBlocked) return "blocked";
  const { state } = status;
  if (state === "waiting" || state === "offline" || state === "ended" || state === "error") return state;
  if (status.paused) return "paused";
  if (state === "loading") return "loading";
  return status.soundBlocked && status.info?.audio !== null ? "sound" : "none";
}

/** Nothing is wrong: it is quiet water. */
function still(t: Translate, title: TextKey, hint: TextKey | null): HTMLElement {
  const ripples = h("div", { class: "ripples" }, h("i"), h("i"), h("i"));
  return h("div", { class: "veil" }, ripples, h("h2", {}, t(title)), hint && h("p", {}, t(hint)));
}
