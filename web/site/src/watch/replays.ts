//! What was broadcast and can be watched again: read, kept in mind where one was in it, said in words.

import type { RecordingSeen } from "@weir/api";
import { watchPath, type StreamName } from "@weir/player";
import { ask } from "../api";
import { duration } from "../format";
import { locale } from "../i18n";
import { v } from "./strings";

export type Replay = RecordingSeen;

/** Those of a stream that may be shown here, newest first. None where nobody knows. */
export async function replaysOf(name: StreamName): Promise<Replay[]> {
  const { items } = await ask("replays", { query: { stream: `${name.app}/${name.stream}` } });
  return items.filter(isPlayable);
}

/** Something of it can be seen. */
export const isPlayable = ({ state, duration_ms }: Pick<Replay, "state" | "duration_ms">): boolean =>
  (state === "ready" || state === "recording") && duration_ms > 0;

/** Its page; `at` is what `t=` takes. */
export function replayPath({ id, app, stream }: Pick<Replay, "id" | "app" | "stream">, at?: string): string {
  return `${watchPath({ app, stream })}?r=${encodeURIComponent(id)}${at ? `&t=${encodeURIComponent(at)}` : ""}`;
}

/** "t=" of an address for so many ms from the beginning. */
export const atOf = (ms: number): string => `${Math.max(0, Math.floor(ms / 1000))}s`;

/** The day and the time of day at which it began. */
export function begunAt({ started_at }: Pick<Replay, "started_at">): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(Date.parse(started_at));
}

/** What is missing in it, in words; empty for nothing. */
export function missingIn({ holes }: Pick<Replay, "holes">): string {
  if (holes.length === 0) return "";
  const time = duration(holes.reduce((sum, hole) => sum + hole.duration_ms, 0));
  return v(holes.length === 1 ? "oneHole" : "holes", { n: holes.length, time });
}

/** "1.2 GB" */
export function size(bytes: number): string {
  const [divisor, unit] = bytes >= 1e9 ? [1e9, "GB"] : bytes >= 1e6 ? [1e6, "MB"] : [1e3, "kB"];
  const value = bytes / divisor;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`;
}

const KEY = "weir.replays";
/** Recordings whose place is kept, the newest. */
const KEPT = 30;
/** Nearer to either end than this is no place to come back to, ms. */
const MARGIN_MS = 10_000;

type Places = [id: string, at_ms: number][];

/** Where one was in a recording, ms; null where that is the beginning, or the end. */
export function placeIn(id: string): number | null {
  return places().find(([known]) => known === id)?.[1] ?? null;
}

export function keepPlace(id: string, at_ms: number, length_ms: number): void {
  const rest = places().filter(([known]) => known !== id);
  const isWithin = at_ms > MARGIN_MS && at_ms < length_ms - MARGIN_MS;
  write(isWithin ? [[id, Math.round(at_ms)], ...rest] : rest);
}

function places(): Places {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    const isPlace = (one: unknown): one is Places[number] => Array.isArray(one) && typeof one[0] === "string" && typeof one[1] === "number";
    return Array.isArray(kept) ? kept.filter(isPlace) : [];
  } catch {
    return [];
  }
}

function write(all: Places): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(all.slice(0, KEPT)));
  } catch {
    // A browser that refuses storage just forgets.
  }
}
