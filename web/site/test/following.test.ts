//! What of the channels that somebody follows is live, and which comes first.

import type { ChannelShown } from "@weir/api";
import type { StreamInfo } from "@weir/player";
import { expect, test } from "vitest";
import { parted } from "../src/pages/Following";
import { wantsLeave } from "../src/watch/leave";

const channel = (name: string, live = false, title = name) => ({ name, title, live, stream: `live/${name}` }) as ChannelShown;
const stream = (name: string, viewers: number) => ({ app: "live", stream: name, viewers }) as StreamInfo;

test("what is live comes first, most viewers before others, and the rest by its title", () => {
  const channels = [channel("c", false, "Zoo"), channel("b"), channel("d", false, "Art"), channel("a"), channel("e", true)];
  const { on, off } = parted(channels, [stream("a", 1), stream("b", 9), stream("other", 99)]);
  expect(on.map(([{ name }, viewers]) => [name, viewers])).toEqual([["b", 9], ["a", 1], ["e", 0]]);
  expect(off.map(({ title }) => title)).toEqual(["Art", "Zoo"]);
});

test("while nobody knows what is live here, the server's word counts", () => {
  const { on, off } = parted([channel("a"), channel("b", true)], null);
  expect([on.length, off.length, on[0]?.[0].name]).toEqual([1, 1, "b"]);
});

test("leave to watch is asked for where the server wants it, and for no other fault", () => {
  const faulted = (code?: number) => wantsLeave({ fault: { kind: "refused", message: "", ...(code !== undefined && { code }) } });
  expect([1001, 1003, 1006, 2007].map(faulted)).toEqual([true, true, true, true]);
  expect([undefined, 3002, 2006].map(faulted)).toEqual([false, false, false]);
});
