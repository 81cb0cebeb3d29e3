//! A button for what cannot be undone: it asks first, and says what was refused.

import { useEffect, useRef, useState } from "preact/hooks";
import { wordsOf } from "../api";

interface Props {
  label: string;
  /** The button that does it. */
  sure: string;
  /** The one that does not. */
  keep: string;
  /** Said where the server could not be asked. */
  failed: string;
  /** What it is done to, where there are many. */
  named?: string;
  data?: string;
  act: () => Promise<unknown>;
}

export function Sure({ label, sure, keep, failed, named, data, act }: Props) {
  const [state, setState] = useState<"still" | "asked" | "busy">("still");
  const [words, setWords] = useState("");
  const [first, second] = [useRef<HTMLButtonElement>(null), useRef<HTMLButtonElement>(null)];
  const wasAsked = useRef(false);
  // Who asked by a key goes on by keys, from what does no harm.
  useEffect(() => {
    if (state === "asked") second.current?.focus();
    else if (state === "still" && wasAsked.current) first.current?.focus();
    wasAsked.current = state !== "still";
  }, [state]);
  const name = (what: string) => (named === undefined ? undefined : `${what}: ${named}`);
  const press = async () => {
    setState("busy");
    setWords("");
    try {
      await act();
    } catch (error) {
      setWords(wordsOf(error, failed));
      setState("still");
    }
  };
  if (state === "still") {
    return (
      <>
        <button ref={first} type="button" class="button small quiet" aria-label={name(label)} data-ask={data} onClick={() => setState("asked")}>{label}</button>
        {words && <span class="ac-words" role="alert">{words}</span>}
      </>
    );
  }
  return (
    <span class="sure" onKeyDown={(event) => event.key === "Escape" && setState("still")}>
      <button type="button" class="button small danger" aria-label={name(sure)} disabled={state === "busy"} data-act={data} onClick={() => void press()}>{sure}</button>
      <button ref={second} type="button" class="button small quiet" disabled={state === "busy"} onClick={() => setState("still")}>{keep}</button>
    </span>
  );
}
