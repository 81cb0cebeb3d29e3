//! The big button. Going live is one click; ending takes a second one, or holding it, so that nobody
//! ends by accident; the space bar alone never ends.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Phase } from "./broadcast";
import { s, type StudioKey } from "./strings";

/** A second click counts for so long, ms. */
const ARMED_MS = 3000;
/** … but not so soon: that would be a double click. */
const DOUBLE_MS = 400;
const HOLD_MS = 900;
/** After an end, a click too many must not begin anew. */
const SETTLE_MS = 800;

interface Props {
  phase: Phase;
  /** What is still to be done before going live. */
  missing: StudioKey | null;
  onStart: () => void;
  onCancel: () => void;
  onEnd: () => void;
}

export function Actions({ phase, missing, onStart, onCancel, onEnd }: Props) {
  const ended_ms = useRef(Number.NEGATIVE_INFINITY);
  useEffect(() => {
    if (phase === "ended") ended_ms.current = performance.now();
  }, [phase]);
  if (phase === "live" || phase === "reconnecting") return <End onEnd={onEnd} />;
  if (phase === "connecting") {
    return (
      <div class="st-actions">
        <button type="button" class="st-go" disabled><i class="st-spinner small" />{s("goingLive")}</button>
        <button type="button" class="button quiet" onClick={onCancel}>{s("cancel")}</button>
      </div>
    );
  }
  return (
    <div class="st-actions">
      <button type="button" class={missing ? "st-go waits" : "st-go"} data-action="go" aria-describedby="st-missing" onClick={() => performance.now() - ended_ms.current > SETTLE_MS && onStart()}>
        <i class="st-dot" />{s(phase === "ended" ? "again" : "goLive")}
      </button>
      <p id="st-missing" class="st-hint">{missing ? s(missing) : ""}</p>
    </div>
  );
}

function End({ onEnd }: { onEnd: () => void }) {
  const [armed_ms, setArmed] = useState(0);
  const hold = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    if (!armed_ms) return;
    const timer = setTimeout(() => setArmed(0), ARMED_MS);
    return () => clearTimeout(timer);
  }, [armed_ms]);
  useEffect(() => () => clearTimeout(hold.current), []);

  const press = () => {
    const now_ms = performance.now();
    if (!armed_ms) setArmed(now_ms);
    else if (now_ms - armed_ms > DOUBLE_MS) onEnd();
  };
  const release = () => clearTimeout(hold.current);
  return (
    <div class="st-actions">
      <button
        type="button"
        class={armed_ms ? "st-end armed" : "st-end"}
        data-action="end"
        aria-describedby="st-end-hint"
        onClick={press}
        onPointerDown={() => {
          release();
          hold.current = setTimeout(onEnd, HOLD_MS);
        }}
        onPointerUp={release}
        onPointerLeave={release}
        onPointerCancel={release}
        onContextMenu={(event) => event.preventDefault()}
        onKeyDown={(event) => {
          // Space scrolls, pauses, presses whatever has the focus: it must not end a broadcast. Nor
          // does an Enter that is held down.
          if (event.key === " " || event.repeat) event.preventDefault();
        }}
        onKeyUp={(event) => {
          if (event.key === " ") event.preventDefault();
        }}
      >
        <i class="st-square" />{s(armed_ms ? "endNow" : "end")}
      </button>
      <p id="st-end-hint" class="st-hint">{s("endHint")}</p>
    </div>
  );
}
