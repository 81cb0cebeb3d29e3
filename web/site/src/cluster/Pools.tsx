//! How many nodes each pool should have, has, and why.

import type { Pool } from "./model";
import { c } from "./strings";

export function Pools({ pools }: { pools: Pool[] }) {
  if (pools.length === 0) return null;
  return (
    <section class="cl-card cl-pools" aria-labelledby="cl-pools">
      <div class="cl-head"><h2 id="cl-pools">{c("pools")}</h2></div>
      <ul>
        {pools.map((pool) => {
          const missing = pool.desired - pool.current;
          const state = missing === 0 ? c("poolGood") : c(missing > 0 ? "poolGrow" : "poolShrink", { n: Math.abs(missing) });
          return (
            <li key={pool.name} class={missing > 0 ? "grow" : missing < 0 ? "shrink" : ""}>
              <b>{pool.name}</b>
              <span class="cl-soft">{c("desired", { desired: pool.desired, current: pool.current })}{pool.max > 0 && ` (${pool.min}–${pool.max})`}</span>
              <Slots pool={pool} />
              <span>{pool.dry_run ? c("dryRun") : state}{pool.reason && <span class="cl-soft"> · {pool.reason}</span>}</span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** Squares drawn at most. */
const MAX_SLOTS = 60;

/** A square for each node: there, wanted, or to go. */
function Slots({ pool }: { pool: Pool }) {
  const most = Math.min(Math.max(pool.current, pool.desired), MAX_SLOTS);
  return (
    <span class="cl-slots" aria-hidden="true">
      {Array.from({ length: most }, (_, at) => <i key={at} class={at >= pool.current ? "wanted" : at >= pool.desired ? "surplus" : ""} />)}
    </span>
  );
}
