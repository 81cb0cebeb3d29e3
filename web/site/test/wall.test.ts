//! The wall: a page in front and the next one fetched before somebody asks, and nothing late on another page.

import type { WallTile } from "@weir/api";
import { expect, test } from "vitest";
import { Wall, type WallPage } from "../src/console/review/wall";

const tile = (stream: string): WallTile => ({ stream, app: "live", viewers: 0, since_at: "", url: `/${stream}.jpg`, taken_at: null, age_ms: 1 });

/** Three pages of two streams; what was asked for is answered when the test says so. */
function site() {
  const asked: (string | null)[] = [];
  const waiting: (() => void)[] = [];
  const preloaded: string[] = [];
  const page = (after: string | null) => {
    asked.push(after);
    const at = Number(after ?? 0);
    const answer: WallPage = { items: [tile(`live/${at}a`), tile(`live/${at}b`)], next: at < 2 ? `${at + 1}` : null, live: 6 };
    return new Promise<WallPage>((resolve) => waiting.push(() => resolve(answer)));
  };
  const answer = async () => {
    waiting.splice(0).forEach((one) => one());
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  const wall = new Wall({ page, preload: (url) => preloaded.push(url) }, () => {});
  return { asked, preloaded, answer, wall, shown: () => wall.shown?.items.map(({ stream }) => stream) };
}

test("the next page is there before it is asked for, with its pictures", async () => {
  const { wall, answer, asked, preloaded, shown } = site();
  void wall.look();
  await answer();
  await answer();
  expect([asked, preloaded, shown()]).toEqual([[null, "1"], ["/live/1a.jpg", "/live/1b.jpg"], ["live/0a", "live/0b"]]);
  wall.next();
  expect([shown(), wall.number, wall.at]).toEqual([["live/1a", "live/1b"], 2, 0]);
});

test("an answer for a page that somebody has turned is not shown, and the ends are ends", async () => {
  const { wall, answer, shown } = site();
  void wall.look();
  await answer();
  await answer();
  wall.next();
  wall.previous();
  await answer();
  await answer();
  expect([shown(), wall.number]).toEqual([["live/0a", "live/0b"], 1]);
  wall.previous();
  expect(wall.number).toBe(1);
  for (let turn = 0; turn < 5; turn++) {
    wall.next();
    await answer();
    await answer();
  }
  expect([shown(), wall.number]).toEqual([["live/2a", "live/2b"], 3]);
  wall.move(1);
  wall.move(1);
  expect(wall.current?.stream).toBe("live/2b");
});
