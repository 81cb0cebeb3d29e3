//! Numbers of this page for people. Pure but for the language.

import { bitrate, count } from "../format";
import { locale } from "../i18n";
import type { Metric } from "./history";
import { c } from "./strings";
import { percent } from "./words";

/** "12.4 Mbit/s", "42 %", "1,204" */
export function said(metric: Metric, value: number): string {
  if (metric === "cpu_permille") return percent(value);
  return metric === "out_kbps" ? rate(value) : amount(value);
}

export const amount = (n: number): string => count(Math.round(n), locale());

/** Clusters send gigabits. */
export function rate(kbps: number): string {
  if (kbps >= 1_000_000) return `${three(kbps / 1_000_000)} Gbit/s`;
  return kbps >= 1000 ? `${three(kbps / 1000)} Mbit/s` : bitrate(kbps);
}

/** Three digits that mean something: 1.23, 12.3, 123. */
const three = (n: number): string => n.toFixed(n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2);

/** How far back the curves go. */
export function spanText(span_ms: number): string {
  return span_ms < 90_000 ? c("lastSeconds", { n: Math.round(span_ms / 1000) }) : c("lastMinutes", { n: Math.round(span_ms / 60_000) });
}

/** A curve's least upper edge: silence shall not look like a storm. */
export const LEAST: Record<Metric, number> = { out_kbps: 1000, cpu_permille: 1000, viewers: 10 };

export function clockTime(at_ms: number): string {
  const sameDay = new Date(at_ms).toDateString() === new Date().toDateString();
  const day: Intl.DateTimeFormatOptions = sameDay ? {} : { month: "short", day: "numeric" };
  return new Intl.DateTimeFormat(locale(), { ...day, hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at_ms);
}
