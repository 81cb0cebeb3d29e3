//! Moderation of a channel that one owns or helps with: team, bans, appeals. Loaded when it is opened.

import { useState, type StateUpdater, type Dispatch } from "preact/hooks";
import type { ComponentType } from "preact";
import { a } from "./strings";

interface Parts {
  Moderation: ComponentType<{ channel: string }>;
  Team: ComponentType<{ channel: string }>;
}

async function load(set: Dispatch<StateUpdater<Parts | null>>): Promise<void> {
  const [bans, channels] = await Promise.all([import("../console/Bans"), import("../console/Channels"), import("../css/console.css")]);
  set({ Moderation: bans.Moderation, Team: channels.Team });
}

export function Moderate({ channel, owns }: { channel: string; owns: boolean }) {
  const [parts, setParts] = useState<Parts | null>(null);
  return (
    <details class="console" data-moderate={channel} onToggle={(event) => event.currentTarget.open && !parts && void load(setParts)}>
      <summary>{a("moderate")}</summary>
      {parts && owns && <parts.Team channel={channel} />}
      {parts && <parts.Moderation channel={channel} />}
    </details>
  );
}
