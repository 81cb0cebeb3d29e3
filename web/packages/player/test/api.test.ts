//! Asking the server again and again.

import { afterEach, expect, test, vi } from "vitest";
import { fetchLive, isForAllProtocols } from "../src/api";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("a request leaves no listener behind at a signal that lives on", async () => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ streams: [], server_time_ms: 1 })));
  const { signal } = new AbortController();
  const added = vi.spyOn(signal, "addEventListener");
  const removed = vi.spyOn(signal, "removeEventListener");
  await fetchLive(signal, { protocol: "http:", host: "host" });
  vi.advanceTimersByTime(10_000);
  expect(added).toHaveBeenCalledTimes(1);
  expect(removed.mock.calls.map(([, listener]) => listener)).toEqual([added.mock.calls[0]![1]]);
});

test("a signal that has fired ends the request before it begins", async () => {
  vi.stubGlobal("fetch", async (_url: string, { signal }: RequestInit) => signal!.throwIfAborted());
  await expect(fetchLive(AbortSignal.abort(), { protocol: "http:", host: "host" })).rejects.toThrow();
});

test("a refusal with a code holds for every protocol, but not of a codec, and a proxy's for none", () => {
  expect(isForAllProtocols({ kind: "refused", code: 2006 })).toBe(true);
  expect(isForAllProtocols({ kind: "refused", code: 3006 })).toBe(false);
  expect(isForAllProtocols({ kind: "refused", message: "HTTP 403" })).toBe(false);
});
