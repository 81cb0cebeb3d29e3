//! Gifts as the page knows them: what there is, what is written of one, and an order that is paid once. Pure but for the
//! asking.

import type { GiftGiven, GiftOrder, OfferShown } from "@weir/api";
import type { Post } from "@weir/chat";
import { ask, Refused } from "../../api";
import { language, locale } from "../../i18n";

export type Offer = OfferShown;

/** What a room is told of a gift (docs/ref/chat.md). */
export interface GiftTold {
  gift: string;
  /** The row of the same gifts that it is in, and how many that has. */
  combo: { id: string; n: number };
}

/** How many are given at once; the numbers that people give. */
export const COUNTS = [1, 10, 66, 188, 520, 1314] as const;

/** Whole, as money is shown. */
export const coins = (n: number): string => n.toLocaleString(locale());

/** null for what is no gift of ours: the site's own service may post others. */
export function giftOf(post: Post): GiftTold | null {
  if (post.kind !== "gift" || post.from === null || typeof post.data !== "object" || post.data === null) return null;
  const { gift, combo } = post.data as { gift?: unknown; combo?: { id?: unknown; n?: unknown } };
  if (typeof gift !== "string" || typeof combo?.id !== "string" || typeof combo.n !== "number") return null;
  return { gift, combo: { id: combo.id, n: combo.n } };
}

/** As it is called and shown; one that is not in the catalogue any more is called by its name. */
export function shownOf(offers: readonly Offer[], name: string): { title: string; badge: string } {
  const offer = offers.find((one) => one.name === name);
  if (!offer) return { title: name, badge: "🎁" };
  return { title: language() === "zh" ? offer.title_zh : offer.title, badge: offer.badge || "🎁" };
}

let asked: Promise<Offer[]> | null = null;

/** The catalogue, asked for once; none where this server has none. */
export function offers(): Promise<Offer[]> {
  asked ??= ask("gift_list").then(({ items }) => items, () => []);
  return asked;
}

/** It may have changed: the next who asks gets it anew. */
export function forgetOffers(): void {
  asked = null;
}

/** An order under its key. As long as nobody knows what became of it, it is sent again under the same. */
export interface Order {
  key: string;
  body: GiftOrder;
}

export const orderOf = (body: GiftOrder): Order => ({ key: crypto.randomUUID(), body });

export const send = ({ key, body }: Order): Promise<GiftGiven> => ask("gift_give", { header: { "Idempotency-Key": key }, body });

/** Whether nothing of an order can have happened, or ever will. */
export const isOver = (error: unknown): boolean => error instanceof Refused && error.status < 500 && error.status !== 429 && error.status !== 409;
