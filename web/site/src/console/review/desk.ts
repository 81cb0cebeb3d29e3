//! A reviewer's desk: the page of items in front, the next one already fetched, claims kept alive, verdicts sent and
//! taken back. Knows no page: it says when something has changed.

import type { ReviewItem } from "@weir/api";

/** Tiles on a page. */
export const PAGE = 20;
/** Between two times that claims are renewed: a third of what they are good for. */
const RENEW_MS = 20_000;
/** Between two looks for work where the next page is not full. What is in front gets no more tiles: nobody passes what
 * they have not seen. */
const LOOK_MS = 2_000;

export type Verdict = "ok" | "warn" | "end" | "ban" | "escalate";

/** An item, and the claim that it is held by. */
export interface Held {
  item: ReviewItem;
  claim: string;
}

export interface Decision {
  claim: string;
  items: string[];
  verdict: Verdict;
  reason?: string;
  hours?: number;
}

/** What the desk asks of the server. */
export interface DeskApi {
  claim: (count: number) => Promise<{ claim: string; items: ReviewItem[] }>;
  renew: (claim: string) => Promise<string[]>;
  release: (claim: string) => Promise<unknown>;
  decide: (decision: Decision) => Promise<{ decided: { item: string }[]; lost: string[]; undo_ms: number }>;
  undo: (item: string) => Promise<{ claim: string; item: ReviewItem }>;
  /** Fetches a picture before it is shown. */
  preload: (url: string) => void;
}

/** What was decided last, and until when it can be taken back. */
interface Last {
  ids: string[];
  until_ms: number;
}

export class Desk {
  page: Held[] = [];
  next: Held[] = [];
  /** The tile that keys are about. */
  at = 0;
  marked = new Set<string>();
  last: Last | null = null;
  /** Something went wrong, in the server's words. */
  words = "";
  /** How many were somebody else's by then. */
  lost = 0;
  /** Pictures that were decided since the desk was opened. */
  seen = 0;
  isResting = false;

  private filling = false;
  private isClosed = false;
  private timers: ReturnType<typeof setInterval>[] = [];

  constructor(private readonly api: DeskApi, private readonly changed: () => void, private readonly now = () => Date.now()) {}

  /** Fetches work and keeps claims until it is closed. */
  open(): void {
    void this.fill();
    this.timers = [
      setInterval(() => void this.renew(), RENEW_MS),
      setInterval(() => {
        if (this.next.length < PAGE) void this.fill();
      }, LOOK_MS),
    ];
  }

  /** Gives everything back. */
  close(): void {
    this.isClosed = true;
    this.timers.forEach(clearInterval);
    for (const claim of this.claims()) void this.api.release(claim).catch(() => {});
  }

  /** Hands everything back for a while, or goes on. */
  async rest(isResting: boolean): Promise<void> {
    this.isResting = isResting;
    if (isResting) {
      const claims = this.claims();
      this.page = this.next = [];
      this.marked.clear();
      await Promise.all(claims.map((claim) => this.api.release(claim).catch(() => {})));
    } else {
      await this.fill();
    }
    this.changed();
  }

  get current(): Held | undefined {
    return this.page[this.at];
  }

  /** Those that are marked; the one that keys are about where none is. */
  get chosen(): Held[] {
    const marked = this.page.filter(({ item }) => this.marked.has(item.id));
    return marked.length > 0 ? marked : this.page.slice(this.at, this.at + 1);
  }

  move(by: number): void {
    const to = this.at + by;
    if (to < 0 || to >= this.page.length) return;
    this.at = to;
    this.changed();
  }

  mark(id: string): void {
    this.at = Math.max(0, this.page.findIndex(({ item }) => item.id === id));
    if (!this.marked.delete(id)) this.marked.add(id);
    this.changed();
  }

  /** All of the page is right, but what is marked and what nobody may pass by the way. */
  pageOk(): Promise<void> {
    return this.decide(this.page.filter(({ item }) => !this.marked.has(item.id) && item.kind !== "appeal"), "ok");
  }

  /** Sends a verdict on some of the page; the next page comes when nothing is left of it. */
  async decide(held: Held[], verdict: Verdict, more: { reason?: string; hours?: number } = {}): Promise<void> {
    if (held.length === 0) return;
    const ids = new Set(held.map(({ item }) => item.id));
    this.page = this.page.filter(({ item }) => !ids.has(item.id));
    ids.forEach((id) => this.marked.delete(id));
    this.words = "";
    this.turn();
    const answers = await Promise.all([...byClaim(held)].map(async ([claim, of]) => {
      try {
        return await this.api.decide({ claim, items: of.map(({ item }) => item.id), verdict, ...more });
      } catch (error) {
        // It is decided by nobody: it comes back to where it was.
        this.page = [...of, ...this.page];
        this.words = error instanceof Error ? error.message : String(error);
        return null;
      }
    }));
    const done = answers.flatMap((answer) => answer?.decided ?? []).map(({ item }) => item);
    this.lost = answers.reduce((sum, answer) => sum + (answer?.lost.length ?? 0), 0);
    this.seen += held.filter(({ item }) => done.includes(item.id)).reduce((sum, { item }) => sum + Math.max(1, item.pictures), 0);
    const undo_ms = answers.find((answer) => answer !== null)?.undo_ms ?? 0;
    // What was handed on is no verdict.
    this.last = done.length > 0 && verdict !== "escalate" ? { ids: done, until_ms: this.now() + undo_ms } : this.last;
    this.changed();
    await this.fill();
  }

  get canUndo(): boolean {
    return this.last !== null && this.now() < this.last.until_ms;
  }

  /** Takes the last verdicts back: what they were on is in front again. */
  async undo(): Promise<void> {
    if (!this.canUndo || this.last === null) return;
    const { ids } = this.last;
    this.last = null;
    const back = await Promise.allSettled(ids.map((id) => this.api.undo(id)));
    const held = back.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const refused = back.find((one) => one.status === "rejected");
    this.words = refused ? String((refused as PromiseRejectedResult).reason?.message ?? "") : "";
    this.page = [...held, ...this.page];
    this.at = 0;
    this.changed();
  }

  /** Has the page in front and the one behind it full. */
  async fill(): Promise<void> {
    if (this.filling || this.isClosed || this.isResting) return;
    this.filling = true;
    try {
      if (this.page.length === 0 && this.next.length === 0) this.page = await this.fetched(PAGE);
      this.turn();
      if (this.page.length > 0 && this.next.length < PAGE) {
        const more = await this.fetched(PAGE - this.next.length);
        this.next = [...this.next, ...more];
        this.turn();
      }
    } catch (error) {
      this.words = error instanceof Error ? error.message : String(error);
    } finally {
      this.filling = false;
      this.changed();
    }
  }

  private async fetched(count: number): Promise<Held[]> {
    const { claim, items } = await this.api.claim(count);
    if (this.isClosed || this.isResting) {
      void this.api.release(claim).catch(() => {});
      return [];
    }
    items.flatMap(({ shots }) => shots).forEach(({ url }) => url && this.api.preload(url));
    this.changed();
    return items.map((item) => ({ item, claim }));
  }

  /** Where nothing is left of the page, the next one is in front. */
  private turn(): void {
    if (this.page.length === 0 && this.next.length > 0) {
      [this.page, this.next] = [this.next, []];
      this.at = 0;
    }
    this.at = Math.min(this.at, Math.max(0, this.page.length - 1));
    this.changed();
  }

  private claims(): string[] {
    return [...new Set([...this.page, ...this.next].map(({ claim }) => claim))];
  }

  /** What ran out is somebody else's: it goes. */
  async renew(): Promise<void> {
    await Promise.all(this.claims().map(async (claim) => {
      let kept: string[];
      try {
        kept = await this.api.renew(claim);
      } catch (error) {
        // Where nobody answers the claim may still be good.
        if ((error as { status?: number }).status !== 404) return;
        kept = [];
      }
      const stays = (one: Held) => one.claim !== claim || kept.includes(one.item.id);
      this.page = this.page.filter(stays);
      this.next = this.next.filter(stays);
    }));
    this.turn();
    await this.fill();
  }
}

function byClaim(held: Held[]): Map<string, Held[]> {
  const groups = new Map<string, Held[]>();
  for (const one of held) groups.set(one.claim, [...(groups.get(one.claim) ?? []), one]);
  return groups;
}
