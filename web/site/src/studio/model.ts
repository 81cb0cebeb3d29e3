//! State outside of the page that the page draws: one object, replaced when it changes.

import { useEffect, useState } from "preact/hooks";

export class Model<S extends object> {
  #state: S;
  #listeners = new Set<() => void>();

  constructor(state: S) {
    this.#state = state;
  }

  get state(): S {
    return this.#state;
  }

  protected patch(change: Partial<S>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }

  /** Returns what ends the listening. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** Draws the page again when the model changes. */
export function useModel<S extends object>(model: Model<S>): S {
  const [state, setState] = useState(model.state);
  useEffect(() => {
    setState(model.state);
    return model.listen(() => setState(model.state));
  }, [model]);
  return state;
}
