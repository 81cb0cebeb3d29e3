//! Past broadcasts as cards.

import { duration } from "../format";
import { Placeholder } from "../ui/Placeholder";
import { begunAt, replayPath, type Replay } from "./replays";
import { v } from "./strings";

/** `shown` is the one that is on this page already. */
export function Replays({ all, shown }: { all: Replay[]; shown: string | null }) {
  const others = all.filter(({ id }) => id !== shown);
  if (others.length === 0) return null;
  return (
    <section class="replays" aria-labelledby="replays">
      <h2 id="replays">{v("past")}</h2>
      <ul>
        {others.map((replay) => (
          <li key={replay.id}>
            <a class="replay-card" href={replayPath(replay)} data-replay={replay.id}>
              <span class="replay-picture">
                {replay.poster ? <img src={replay.poster} alt="" loading="lazy" decoding="async" /> : <Placeholder name={replay} />}
                <span class="length">{replay.state === "recording" ? v("goesOn") : duration(replay.duration_ms)}</span>
              </span>
              <strong>{replay.title || replay.stream}</strong>
              <span class="when">{begunAt(replay)}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
