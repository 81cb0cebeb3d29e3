//! The bare player, filling the frame it is in. The address may say `muted`, `autoplay=0`, `controls=0`,
//! `protocol` and `latency`; `r` and `t` name a recording and a moment of it.

import type { StreamName } from "@weir/player";
import { useEffect, useMemo } from "preact/hooks";
import { Playing } from "../watch/Playing";
import { readPlayerQuery } from "../watch/query";

export function Embed({ name }: { name: StreamName }) {
  const query = useMemo(() => readPlayerQuery(location.search), []);
  useEffect(() => {
    document.title = `${name.stream} · weir`;
  }, []);
  return (
    <main id="main" class="embed">
      <Playing name={name} query={query} recording={query.recording} start={query.start} keep={false} />
    </main>
  );
}
