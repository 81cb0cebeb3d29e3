//! A desk for a page: opened with it, drawn again with each change, closed when it goes.

import { useEffect, useRef, useState } from "preact/hooks";
import { ask } from "../../api";
import { Desk, type DeskApi } from "./desk";

const api: DeskApi = {
  claim: (count) => ask("review_claim", { body: { count } }),
  renew: async (claim) => (await ask("review_renew", { path: { claim } })).items,
  release: (claim) => ask("review_release", { path: { claim } }),
  decide: (body) => ask("review_decide", { body }),
  undo: (id) => ask("review_undo", { path: { id } }),
  preload: (url) => {
    new Image().src = url;
  },
};

export function useDesk(): Desk {
  const [, redraw] = useState(0);
  const desk = useRef<Desk | null>(null);
  desk.current ??= new Desk(api, () => redraw((count) => count + 1));
  useEffect(() => {
    const open = desk.current!;
    open.open();
    const leave = () => open.close();
    addEventListener("pagehide", leave);
    return () => {
      removeEventListener("pagehide", leave);
      leave();
    };
  }, []);
  return desk.current;
}
