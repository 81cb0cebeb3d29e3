//! A picture for a stream that has none yet: colours and an initial by its name.

import type { StreamName } from "@weir/player";
import { huesOf } from "../format";

export function Placeholder({ name }: { name: StreamName }) {
  const [from, to] = huesOf(`${name.app}/${name.stream}`);
  const initial = [...name.stream][0]?.toLocaleUpperCase() ?? "?";
  return (
    <div class="placeholder" style={{ "--from": String(from), "--to": String(to) }} aria-hidden="true">
      <svg viewBox="0 0 320 180" preserveAspectRatio="none">
        <path d="M0 118c40-26 80-26 120 0s80 26 120 0 60-22 80-12v74H0z" />
        <path d="M0 140c36-20 72-20 108 0s72 20 108 0 72-20 104-2v42H0z" />
      </svg>
      <span>{initial}</span>
    </div>
  );
}
