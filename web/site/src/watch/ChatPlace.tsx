//! Where a page has its chat. What it takes is fetched apart, and a server without chat leaves nothing here.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

/** `stream` is `app/name`, as its room is called. */
export function ChatPlace({ stream }: { stream: string }) {
  const [Panel, setPanel] = useState<ComponentType<{ stream: string }> | null>(null);
  useEffect(() => {
    // Who cannot have it watches without.
    void import("./chat/ChatPanel").then((part) => setPanel(() => part.ChatPanel), () => {});
  }, []);
  return Panel && <Panel key={stream} stream={stream} />;
}
