//! Repeats a request while the page is seen.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface Polled<T> {
  /** The newest good answer. */
  value: T | null;
  /** Whether the newest try failed. */
  failed: boolean;
  refresh: () => void;
}

/** `load` runs at once, then `period_ms` after each answer; not while the page is hidden. */
export function usePolled<T>(load: () => Promise<T>, period_ms: number): Polled<T> {
  const [value, setValue] = useState<T | null>(null);
  const [failed, setFailed] = useState(false);
  const run = useRef<() => void>(() => {});

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let busy = false;
    let gone = false;
    const once = async () => {
      clearTimeout(timer);
      if (busy || gone || document.hidden) return;
      busy = true;
      try {
        const next = await load();
        if (gone) return;
        setValue(next);
        setFailed(false);
      } catch {
        if (gone) return;
        setFailed(true);
      } finally {
        busy = false;
      }
      timer = setTimeout(() => void once(), period_ms);
    };
    run.current = () => void once();
    const onVisible = () => void once();
    document.addEventListener("visibilitychange", onVisible);
    void once();
    return () => {
      gone = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [load, period_ms]);

  return { value, failed, refresh: useCallback(() => run.current(), []) };
}
