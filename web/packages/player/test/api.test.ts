//! Asking the server again and again.

import { afterEach, expect, test, vi } from "vitest";
import { awaitMedia, fetchLive, isForAllProtocols } from "../src/api";

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

test("one stream is asked for by its whole name", async () => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    return new Response(JSON.stringify({ streams: [], server_time_ms: 1 }));
  });
  await fetchLive();
  await fetchLive(undefined, { protocol: "http:", host: "host" }, { app: "live/tv", stream: "a&b" });
  expect(asked).toEqual(["/api/v1/live", "http://host/api/v1/live?stream=live%2Ftv%2Fa%26b"]);
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

test("who waits for a stream lets the server hold the request, with whatever else the address says", async () => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    return asked.length > 1 ? new Response("x") : new Response(JSON.stringify({ code: 3002 }), { status: 404 });
  });
  expect(await awaitMedia("http://host/live/a.flv")).toEqual({ live: false, fault: expect.objectContaining({ code: 3002 }) });
  expect(await awaitMedia("http://host/live/a.flv?key=k")).toEqual({ live: true });
  expect(asked).toEqual(["http://host/live/a.flv?wait=30", "http://host/live/a.flv?key=k&wait=30"]);
});
