//! All that somebody follows.

import type { ChannelShown } from "@weir/api";
import { ask } from "../api";

/** Channels in one answer, and answers that are read: as many as an account may follow. */
const [PAGE, PAGES] = [200, 10];

/** The newest first. Throws {@link Refused} where nobody is signed in. */
export async function followed(): Promise<ChannelShown[]> {
  const all: ChannelShown[] = [];
  let after: string | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const { items, next } = await ask("following", { query: { limit: PAGE, ...(after !== undefined && { after }) } });
    all.push(...items);
    if (!next) break;
    after = next;
  }
  return all;
}
