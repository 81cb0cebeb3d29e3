//! Numbers for those who ask, with the latency of the last minute as a curve.

import { bitrate, PROTOCOL_NAME, seconds } from "../names";
import type { Stats } from "../types";
import { drawCurve, KEEP_MS, type Point } from "./curve";
import { h, icon, setText } from "./dom";
import { latencyName } from "./format";
import type { Translate } from "./texts";

export class StatsPanel {
  private readonly list = h("dl");
  private readonly canvas = h("canvas", { "aria-hidden": "true" });
  private readonly note = h("p");
  private readonly closer = h("button", { type: "button", class: "closer", onclick: () => this.onClose() }, icon("close", 16));
  readonly root = h("section", { class: "stats", part: "stats", hidden: true }, this.closer, this.list, this.canvas, this.note);
  private points: Point[] = [];

  constructor(private readonly onClose: () => void) {}

  get isOpen(): boolean {
    return !this.root.hidden;
  }

  toggle(open: boolean): void {
    this.root.hidden = !open;
  }

  /** To be fed whether it is open or not: the curve shall be there when it opens. */
  feed(stats: Stats | null, t: Translate): void {
    const now_ms = performance.now();
    this.points = this.points.filter((point) => now_ms - point.at_ms < KEEP_MS);
    this.points.push({ at_ms: now_ms, ms: stats?.latency?.ms ?? null });
    if (!this.isOpen) return;
    this.root.setAttribute("aria-label", t("statistics"));
    this.closer.setAttribute("aria-label", t("close"));
    setText(this.note, `${latencyName(stats?.latency ?? null, t)} · ${t("lastMinute")}`);
    if (stats) this.fill(rows(stats, t));
    drawCurve(this.canvas, this.points, now_ms);
  }

  private fill(rows: [string, string][]): void {
    while (this.list.children.length > rows.length) this.list.lastElementChild!.remove();
    while (this.list.children.length < rows.length) this.list.append(h("div", {}, h("dt"), h("dd")));
    rows.forEach(([name, value], at) => {
      const [dt, dd] = this.list.children[at]!.children;
      setText(dt!, name);
      setText(dd!, value);
    });
  }
}

function rows(stats: Stats, t: Translate): [string, string][] {
  const none = "–";
  return [
    [t("protocol"), stats.protocol ? PROTOCOL_NAME[stats.protocol] : none],
    [t("sEngine"), stats.engine || none],
    [t("sVideo"), stats.videoCodec || none],
    [t("sAudio"), stats.audioCodec || none],
    [t("sResolution"), stats.width > 0 ? `${stats.width} × ${stats.height}` : none],
    [t("sFps"), String(Math.round(stats.fps * 10) / 10)],
    [t("sDropped"), `${stats.framesDropped} / ${stats.framesTotal}`],
    [t("sBitrate"), bitrate(stats.bitrate_kbps) + (stats.bitrateMeasured ? "" : ` (${t("sTold")})`)],
    [t("sBuffer"), `${seconds(stats.buffer_ms)} / ${seconds(stats.target_ms)}`],
    [t("sSpeed"), `${stats.playbackRate.toFixed(2)} ×`],
    [t("sStalls"), stats.stalls === 0 ? "0" : `${stats.stalls} · ${seconds(stats.stalled_ms)}`],
    [t("sJoin"), stats.join_ms === null ? none : seconds(stats.join_ms)],
    [t("sReconnects"), String(stats.reconnects)],
    [latencyName(stats.latency, t), stats.latency ? seconds(stats.latency.ms) : none],
  ];
}
