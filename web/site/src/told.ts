//! What the server's own list says of live streams: which of them stand in it, what they are called, where they lead.
//! The first page is asked for again, as anybody would, when something is live that it did not tell of.

import { useEffect, useRef, useState } from "preact/hooks";

/** A live stream as the server's list has it. */
export interface Told {
  title: string;
  href: string;
  /** Its category, or its app. */
  about: string;
  /** The server's own markup of its picture; empty for none. */
  picture: string;
}

/** By `app/stream`. */
export type ToldOf = ReadonlyMap<string, Told>;

/** Before a look at the server's list, milliseconds: it follows what is live within about so many. */
const LOOK_MS = 500;
/** Looks for one stream: what is in no list by then is meant to be in none. */
const LOOKS = 5;

export function toldIn(page: ParentNode): ToldOf {
  const cards = [...page.querySelectorAll<HTMLElement>("article.card[data-stream]")];
  return new Map(
    cards.flatMap((card): [string, Told][] => {
      const { stream = "" } = card.dataset;
      const picture = card.querySelector("picture")?.outerHTML ?? "";
      const link = card.querySelector("strong a[href]");
      const about = card.querySelector(".app")?.textContent ?? "";
      return link ? [[stream, { title: link.textContent ?? stream, href: link.getAttribute("href") ?? "", about, picture }]] : [];
    }),
  );
}

/** What is told, and what is told of `names` as soon as it is. null where the server wrote no list. */
export function useTold(first: ToldOf | null, names: string[]): ToldOf | null {
  const [told, setTold] = useState(first);
  const looks = useRef(new Map<string, number>());
  const untold = told === null ? [] : names.filter((name) => !told.has(name) && (looks.current.get(name) ?? 0) < LOOKS);
  useEffect(() => {
    if (untold.length === 0) return;
    let gone = false;
    const look = async () => {
      for (const name of untold) looks.current.set(name, (looks.current.get(name) ?? 0) + 1);
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!gone && answer.ok) setTold(toldIn(new DOMParser().parseFromString(await answer.text(), "text/html")));
    };
    // A look that fails is one that is over; the next comes with the next list.
    const timer = setTimeout(() => void look().catch(() => {}), LOOK_MS);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  });
  return told;
}
