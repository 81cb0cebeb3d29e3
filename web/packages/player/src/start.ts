//! Moments as people and addresses write them: "90", "1m30s", "1:30", "-30s". Pure.

/** Where to begin: so far from the beginning, so far behind what happens now, or at a time of the clock; ms. */
export type Start = { after_ms: number } | { behind_ms: number } | { at_ms: number };

/** Plain numbers above this are times of the clock and not seconds: 2001 in ms. */
const CLOCK_FROM = 1e12;
const UNITS_S: Record<string, number> = { d: 86_400, h: 3600, m: 60, s: 1, ms: 0.001 };

/** "90", "90s", "1h2m3s", "1:02:03" and "1500ms" in ms; null for what is no time. */
export function parseTime(text: string): number | null {
  const trimmed = text.trim();
  if (/^\d{1,9}(\.\d+)?$/.test(trimmed)) return Number(trimmed) * 1000;
  if (/^\d{1,4}(:\d{1,2}){1,2}(\.\d+)?$/.test(trimmed)) {
    return Math.round(trimmed.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) * 1000);
  }
  const parts = [...trimmed.matchAll(/(\d{1,9}(?:\.\d+)?)(ms|[dhms])/g)];
  if (parts.length === 0 || parts.map(([all]) => all).join("") !== trimmed) return null;
  return Math.round(parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNITS_S[unit!]!, 0) * 1000);
}

/** The attribute `start`, and `t=` of an address. */
export function parseStart(text: string | null): Start | null {
  if (text === null || text.trim() === "") return null;
  const trimmed = text.trim();
  if (/^\d+$/.test(trimmed) && Number(trimmed) >= CLOCK_FROM) return { at_ms: Number(trimmed) };
  if (/^\d{4}-\d\d-\d\dT/.test(trimmed)) {
    const at_ms = Date.parse(trimmed);
    return Number.isFinite(at_ms) ? { at_ms } : null;
  }
  const isBehind = /^[-−]/.test(trimmed);
  const ms = parseTime(isBehind ? trimmed.slice(1) : trimmed);
  if (ms === null) return null;
  return isBehind ? { behind_ms: ms } : { after_ms: ms };
}
