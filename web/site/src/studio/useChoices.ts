//! What the broadcaster chose: read, changed, kept; and what follows from it.

import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import type { AppRules } from "./api";
import { takeExpert, type Expert } from "./options";
import { useAppRules } from "./page";
import { videoGoal, type Limits, type VideoGoal } from "./presets";
import { loadSettings, saveSettings, withPasted, type Settings } from "./settings";
import type { StudioKey } from "./strings";
import { nameFault, readQuery, type Pasted, type Target } from "./target";

export interface Uplink {
  kbps: number;
  rtt_ms: number;
}

export interface Choices {
  settings: Settings;
  auth: string;
  expert: Expert;
  /** null: not known yet */
  rules: AppRules | null;
  uplink: Uplink | null;
  limits: Limits;
  goal: VideoGoal;
  target: Target;
  /** What is missing of the target; null when nothing is. */
  missing: StudioKey | null;
  change: (part: Partial<Settings>) => void;
  setAuth: (auth: string) => void;
  setUplink: (uplink: Uplink | null) => void;
  paste: (pasted: Pasted) => void;
}

export function useChoices(): Choices {
  const first = useMemo(begin, []);
  const [settings, setSettings] = useState(first.settings);
  const [auth, setAuth] = useState(first.auth);
  const [uplink, setUplink] = useState<Uplink | null>(null);
  const rules = useAppRules(settings.app);
  useEffect(() => saveSettings(settings, auth), [settings, auth]);

  const change = useCallback((part: Partial<Settings>) => setSettings((before) => ({ ...before, ...part })), []);
  const paste = useCallback((pasted: Pasted) => {
    change({ ...(pasted.app ? { app: pasted.app } : {}), ...(pasted.stream ? { stream: pasted.stream } : {}) });
    if (pasted.auth !== undefined) setAuth(pasted.auth);
  }, []);
  const open = rules?.publish === "open";
  // A key that was left over from another app would only be judged.
  const target = { app: settings.app, stream: settings.stream, auth: open && auth.startsWith("key=") ? "" : auth };
  const limits = { uplink_kbps: uplink?.kbps ?? null, app_kbps: rules?.max_kbps ?? null };
  const goal = videoGoal(settings, limits, settings.audio_kbps);
  const missing = whatIsMissing(target, open);
  return { settings, auth, expert: first.expert, rules, uplink, limits, goal, target, missing, change, setAuth, setUplink, paste };
}

/** Stored choices, and over them what the address says; a key does not stay in the address bar. */
function begin() {
  const { expert, rest } = takeExpert(location.search);
  const stored = loadSettings();
  const query = readQuery(rest);
  if (query.auth) {
    const url = new URL(location.href);
    for (const name of new URLSearchParams(query.auth).keys()) url.searchParams.delete(name);
    history.replaceState(null, "", url);
  }
  return { expert, ...withPasted(stored.settings, stored.auth, query) };
}

/** Pure. */
export function whatIsMissing(target: Target, open: boolean): StudioKey | null {
  const fault = nameFault(target.app, true) ?? nameFault(target.stream, false);
  if (fault) return fault;
  return open || target.auth ? null : "enterKey";
}
