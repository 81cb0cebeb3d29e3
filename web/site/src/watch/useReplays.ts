//! What of a stream can be watched again, and whether it is live.

import { fetchLive, type StreamName } from "@weir/player";
import { useCallback, useEffect, useState } from "preact/hooks";
import { usePolled } from "../ui/poll";
import { replaysOf, type Replay } from "./replays";

/** A broadcast that has just ended is ready within the linger: it is looked for so often, each time later by half, ms. */
const LOOKS = 10;
const LOOK_MS = 1000;
/** All who watch see the end at the same moment; they ask within this, ms. */
const CROWD_MS = 800;
const LIVE_MS = 10_000;

/** `isOver`: nothing is live here, so that what was is waited for. Who watches what is live asks once. */
export function useReplays({ app, stream }: StreamName, isOver: boolean): Replay[] {
  const [replays, setReplays] = useState<Replay[]>([]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    const look = async (left: number, wait_ms: number) => {
      const found = await replaysOf({ app, stream }).catch(() => null);
      if (gone) return;
      if (found) setReplays(found);
      const isReady = found !== null && (found.length === 0 || found[0]!.state === "ready");
      if (isOver && left > 1 && !isReady) timer = setTimeout(() => void look(left - 1, wait_ms * 1.5), wait_ms);
    };
    if (isOver) timer = setTimeout(() => void look(LOOKS, LOOK_MS), Math.random() * CROWD_MS);
    else void look(1, 0);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [app, stream, isOver]);
  return replays;
}

export function useIsLive({ app, stream }: StreamName): boolean {
  const load = useCallback(async () => {
    const { streams } = await fetchLive(undefined, undefined, { app, stream });
    return streams.some((one) => one.app === app && one.stream === stream);
  }, [app, stream]);
  return usePolled(load, LIVE_MS).value ?? false;
}
