//! Numbers and names for people. Pure.

export { bitrate, codecName, duration, PROTOCOL_NAME } from "@weir/player";

/** "640×360" stays, common heights are called by name. */
export function resolution(width: number, height: number): string {
  const name: Record<number, string> = { 2160: "4K", 1440: "1440p", 1080: "1080p", 720: "720p", 480: "480p", 360: "360p" };
  return name[Math.min(width, height)] ?? `${width}×${height}`;
}

/** 29.97 stays, 30.000 becomes 30. */
export function rate(fps: number): string {
  return String(Math.round(fps * 100) / 100);
}

export function count(n: number, locale: string): string {
  return new Intl.NumberFormat(locale, { notation: n >= 10_000 ? "compact" : "standard" }).format(n);
}

/** Two hues for a name, always the same for the same name. */
export function huesOf(name: string): [number, number] {
  let hash = 2166136261;
  for (const unit of name) hash = Math.imul(hash ^ (unit.codePointAt(0) ?? 0), 16777619) >>> 0;
  const hue = hash % 360;
  return [hue, (hue + 35 + ((hash >>> 9) % 50)) % 360];
}
