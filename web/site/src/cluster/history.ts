//! The last minutes of each node, and the shape of a curve. Pure.

import type { ClusterState, Load } from "./model";

export const METRICS = ["out_kbps", "cpu_permille", "viewers"] as const;
export type Metric = (typeof METRICS)[number];

export type Sample = { at_ms: number } & Pick<Load, Metric>;

/** What the curves show. */
export const KEEP_MS = 5 * 60_000;
/** A curve younger than this is drawn over a span of this. */
const LEAST_SPAN_MS = 30_000;
/** Without an answer for longer the curve has a gap. */
const GAP_MS = 6_000;
/** Points of a small curve: more than its pixels can show is work for nothing. */
const POINTS = 75;
/** Nodes remembered at most: twice what the picture is made for. */
const MAX_NODES = 1000;

/** Of all nodes together. */
export const TOTAL = "";

export class History {
  #samples = new Map<string, Sample[]>();

  push(cluster: ClusterState, now_ms: number): void {
    const total: Sample = { at_ms: now_ms, out_kbps: 0, cpu_permille: 0, viewers: 0 };
    for (const { id, load } of cluster.nodes) {
      const { out_kbps, cpu_permille, viewers } = load;
      this.#add(id, { at_ms: now_ms, out_kbps, cpu_permille, viewers });
      total.out_kbps += out_kbps;
      total.viewers += viewers;
      total.cpu_permille += cpu_permille / cluster.nodes.length;
    }
    this.#add(TOTAL, total);
    for (const [id, samples] of this.#samples) {
      if ((samples.at(-1)?.at_ms ?? 0) < now_ms - KEEP_MS) this.#samples.delete(id);
    }
  }

  #add(id: string, sample: Sample): void {
    let samples = this.#samples.get(id);
    if (!samples) {
      if (this.#samples.size >= MAX_NODES) return;
      this.#samples.set(id, (samples = []));
    }
    samples.push(sample);
    const old = samples.findIndex((one) => one.at_ms >= sample.at_ms - KEEP_MS);
    if (old > 0) samples.splice(0, old);
  }

  of(id: string): readonly Sample[] {
    return this.#samples.get(id) ?? [];
  }

  /** How far back curves reach now, milliseconds. */
  span(now_ms: number): number {
    const first = this.#samples.get(TOTAL)?.[0]?.at_ms ?? now_ms;
    return Math.min(KEEP_MS, Math.max(LEAST_SPAN_MS, now_ms - first));
  }
}

export interface Frame {
  now_ms: number;
  span_ms: number;
  /** The value at the upper edge. */
  top: number;
  width: number;
  height: number;
}

/** `d` of an SVG path for the line, and of one that is closed at the bottom; empty without samples. */
export function curve(samples: readonly Sample[], metric: Metric, frame: Frame): { line: string; area: string } {
  const { now_ms, span_ms, top, width, height } = frame;
  const x = (at_ms: number) => round(width - ((now_ms - at_ms) / span_ms) * width);
  const y = (value: number) => round(height - 1 - (Math.min(value, top) / (top || 1)) * (height - 2));
  let [line, area] = ["", ""];
  for (const run of runs(samples, now_ms - span_ms)) {
    const points = thin(run, metric, POINTS).map(({ at_ms, value }) => `${x(at_ms)} ${y(value)}`);
    // One sample alone is a dot: a line of no length with round ends.
    if (points.length === 1) points.push(points[0]!);
    line += `M${points.join("L")}`;
    area += `M${x(run[0]!.at_ms)} ${height}L${points.join("L")}L${x(run.at(-1)!.at_ms)} ${height}Z`;
  }
  return { line, area };
}

/** Cuts where nothing was heard for long. */
function runs(samples: readonly Sample[], from_ms: number): Sample[][] {
  const all: Sample[][] = [];
  let last_ms = -Infinity;
  for (const sample of samples) {
    if (sample.at_ms < from_ms) continue;
    if (sample.at_ms - last_ms > GAP_MS) all.push([]);
    all.at(-1)!.push(sample);
    last_ms = sample.at_ms;
  }
  return all;
}

/** At most about `most` points; of each step its highest, so that no peak is lost. */
function thin(samples: readonly Sample[], metric: Metric, most: number): { at_ms: number; value: number }[] {
  const step = Math.ceil(samples.length / most);
  const points: { at_ms: number; value: number }[] = [];
  for (let at = 0; at < samples.length; at += step) {
    const part = samples.slice(at, at + step);
    const highest = part.reduce((high, one) => (one[metric] > high[metric] ? one : high));
    points.push({ at_ms: highest.at_ms, value: highest[metric] });
  }
  const newest = samples.at(-1);
  if (newest && points.at(-1)?.at_ms !== newest.at_ms) points.push({ at_ms: newest.at_ms, value: newest[metric] });
  return points;
}

const round = (n: number) => Math.round(n * 10) / 10;

/** The upper edge for all curves of one metric, so that they can be compared: 1, 2 or 5 times a power of ten. */
export function topOf(values: readonly number[], least: number): number {
  const most = values.reduce((high, value) => Math.max(high, value), least);
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((factor) => factor * power).find((top) => top >= most) ?? most;
}
