//! The groups that one wants to be in, and how far one has come in each: the place goes on with every post of the lane
//! that loses nothing, and decides which of them are new.

import { isObject, type Line } from "./read";
import type { Place } from "./types";

interface Membership {
  place: Place | null;
  /** The highest post that wants a receipt; sent with the next acknowledgement. */
  owed: number;
  acked: number;
}

export class Groups {
  private readonly wanted = new Map<string, Membership>();

  add(name: string): boolean {
    if (this.wanted.has(name)) return false;
    this.wanted.set(name, { place: null, owed: 0, acked: 0 });
    return true;
  }

  remove(name: string): boolean {
    return this.wanted.delete(name);
  }

  has(name: string): boolean {
    return this.wanted.has(name);
  }

  /** As a greeting names them. */
  places(): Record<string, Place | null> {
    return Object.fromEntries([...this.wanted].map(([name, { place }]) => [name, place]));
  }

  placeOf(name: string): Place | null {
    return this.wanted.get(name)?.place ?? null;
  }

  /**
   * Takes the place that an answer tells, and says which of the missed posts are new. With another epoch the numbers
   * begin anew, so all of them are.
   */
  enter(name: string, told: Line): Line[] {
    this.add(name);
    const group = this.wanted.get(name)!;
    const epoch = typeof told["e"] === "string" ? told["e"] : "";
    if (group.place?.e !== epoch) Object.assign(group, { place: null, owed: 0, acked: 0 });
    const missed = Array.isArray(told["ms"]) ? told["ms"].filter(isObject) : [];
    const reached = group.place?.o ?? 0;
    const fresh = missed.filter((line) => this.owe(name, line) && !(typeof line["o"] === "number" && line["o"] <= reached));
    if (typeof told["o"] === "number") group.place = { o: told["o"], e: epoch };
    return fresh;
  }

  /** Goes on by a post; `false` for one that has come before. */
  advance(name: string, line: Line): boolean {
    const group = this.wanted.get(name);
    const offset = line["o"];
    if (!group || typeof offset !== "number") return true;
    // The numbering goes on elsewhere, and its numbers may be smaller.
    if (line["p"] === "ep" && typeof line["e"] === "string") {
      Object.assign(group, { place: { o: offset, e: line["e"] }, owed: 0, acked: 0 });
      return true;
    }
    this.owe(name, line);
    if (group.place === null) return true;
    if (offset <= group.place.o) return false;
    group.place = { o: offset, e: group.place.e };
    return true;
  }

  get owesReceipts(): boolean {
    return [...this.wanted.values()].some(({ owed, acked }) => owed > acked);
  }

  /** What is to be acknowledged now; it is then taken as done until a new connection. */
  receipts(): { group: string; offset: number }[] {
    const due = [...this.wanted].filter(([, { owed, acked }]) => owed > acked);
    return due.map(([group, membership]) => {
      membership.acked = membership.owed;
      return { group, offset: membership.owed };
    });
  }

  private owe(name: string, line: Line): true {
    const group = this.wanted.get(name);
    if (group && line["rc"] === 1 && typeof line["o"] === "number") {
      group.owed = Math.max(group.owed, line["o"]);
      // It came again, so the server does not know.
      if (line["o"] <= group.acked) group.acked = line["o"] - 1;
    }
    return true;
  }
}
