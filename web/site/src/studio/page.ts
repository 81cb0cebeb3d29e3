//! What the page asks of the browser while live: the screen stays on, leaving asks first; and the rest
//! of the small effects.

import { useEffect, useState } from "preact/hooks";
import { fetchApp, type AppRules } from "./api";
import { nameFault } from "./target";
import { s } from "./strings";

/** Typing a name asks the server once, not with each letter. */
const TYPING_MS = 350;

export function useAppRules(app: string): AppRules | null {
  const [rules, setRules] = useState<AppRules | null>(null);
  useEffect(() => {
    if (nameFault(app, true)) return;
    let gone = false;
    const timer = setTimeout(
      async () => {
        const found = await fetchApp(app);
        if (!gone) setRules(found);
      },
      rules ? TYPING_MS : 0,
    );
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [app]);
  return rules;
}

export function useStayAwake(live: boolean): void {
  useEffect(() => {
    if (!live || !("wakeLock" in navigator)) return;
    let lock: WakeLockSentinel | null = null;
    let over = false;
    // A hidden page loses its lock.
    const ask = async () => {
      if (document.hidden || over) return;
      lock = await navigator.wakeLock.request("screen").catch(() => null);
      if (over) void lock?.release();
    };
    void ask();
    document.addEventListener("visibilitychange", ask);
    return () => {
      over = true;
      document.removeEventListener("visibilitychange", ask);
      void lock?.release().catch(() => {});
    };
  }, [live]);
}

export function useAskBeforeLeaving(live: boolean): void {
  useEffect(() => {
    if (!live) return;
    const ask = (event: BeforeUnloadEvent) => {
      event.preventDefault();
      // Old browsers want words, though none shows them.
      event.returnValue = s("unloadWarning");
    };
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [live]);
}

/** Now, told once a second while `running`. */
export function useClock(running: boolean): number {
  const [now_ms, setNow] = useState(Date.now());
  useEffect(() => {
    if (!running) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [running]);
  return now_ms;
}
