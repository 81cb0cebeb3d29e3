//! What the two menus offer: quality (renditions, protocol) and latency (how close, and how to catch up).

import { bitrate, PROTOCOL_NAME } from "../names";
import { PRESETS, STRATEGIES, type LatencyMode, type PacingConfig, type Strategy } from "../pacing";
import { PROTOCOLS, type Level, type PlayerStatus, type Protocol } from "../types";
import { shortSeconds } from "./format";
import type { MenuGroup, MenuItem } from "./menu";
import type { TextKey, Translate } from "./texts";

export function qualityMenu(
  t: Translate,
  view: { status: PlayerStatus | null; levels: Level[]; choice: Protocol | null },
  choose: { protocol: (protocol: Protocol | null) => void; level: (id: number | null) => void },
): MenuGroup[] {
  const { status, levels, choice } = view;
  const protocols = ([null, ...PROTOCOLS] as const).map((protocol): MenuItem => {
    const possible = protocol === null || (status?.available.includes(protocol) ?? true);
    return {
      label: protocol === null ? t("automatic") : PROTOCOL_NAME[protocol],
      hint: protocol === null ? t("autoProtocol") : t(possible ? protocol : "notHere"),
      checked: choice === protocol,
      disabled: !possible,
      choose: () => choose.protocol(protocol),
    };
  });
  // What was recorded comes in one way.
  const groups = status && status.kind !== "live" ? [] : [{ title: t("protocol"), items: protocols }];
  if (levels.length > 1) groups.unshift({ title: t("quality"), items: levelItems(t, levels, choose.level) });
  return groups;
}

function levelItems(t: Translate, levels: Level[], choose: (id: number | null) => void): MenuItem[] {
  const chosen = levels.find((level) => level.chosen);
  const current = levels.find((level) => level.current);
  const name = (level: Level) => (level.height > 0 ? `${Math.min(level.width, level.height)}p` : bitrate(level.bitrate_kbps));
  const auto = { label: t("automatic"), checked: !chosen, choose: () => choose(null), ...(current ? { hint: name(current) } : {}) };
  const best = [...levels].sort((a, b) => b.bitrate_kbps - a.bitrate_kbps);
  return [
    auto,
    ...best.map((level) => ({ label: name(level), hint: bitrate(level.bitrate_kbps), checked: level.chosen, choose: () => choose(level.id) })),
  ];
}

/** How fast the past can be had. */
export const RATES = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];

export function speedMenu(t: Translate, rate: number, choose: (rate: number) => void): MenuGroup[] {
  const items = RATES.map((each) => ({
    label: each === 1 ? t("normalSpeed") : `${each}×`,
    checked: each === rate,
    choose: () => choose(each),
  }));
  return [{ title: t("playbackSpeed"), items }];
}

/** The next faster or slower one. */
export function nextRate(rate: number, isFaster: boolean): number {
  const found = isFaster ? RATES.find((each) => each > rate) : [...RATES].reverse().find((each) => each < rate);
  return found ?? rate;
}

const MODES: { mode: LatencyMode; label: TextKey; hint: TextKey }[] = [
  { mode: "auto", label: "mAuto", hint: "mAutoHint" },
  { mode: "low", label: "mLow", hint: "mLowHint" },
  { mode: "normal", label: "mNormal", hint: "mNormalHint" },
  { mode: "smooth", label: "mSmooth", hint: "mSmoothHint" },
];

export function latencyMenu(
  t: Translate,
  view: { mode: LatencyMode; own_ms: number | null; config: PacingConfig },
  choose: { mode: (mode: LatencyMode) => void; strategy: (strategy: Strategy) => void },
): MenuGroup[] {
  const modes = MODES.map(({ mode, label, hint }): MenuItem => {
    const s = shortSeconds(PRESETS[mode].target_ms ?? 0);
    return { label: t(label), hint: t(hint, { s }), checked: view.own_ms === null && view.mode === mode, choose: () => choose.mode(mode) };
  });
  if (view.own_ms !== null) modes.push({ label: t("mOwn", { s: shortSeconds(view.own_ms) }), checked: true, choose: () => {} });
  const strategies = STRATEGIES.map((strategy) => ({
    label: t(strategy),
    checked: view.config.strategy === strategy,
    choose: () => choose.strategy(strategy),
  }));
  return [
    { title: t("latencyMenu"), items: modes },
    { title: t("catchUp"), items: strategies },
  ];
}
