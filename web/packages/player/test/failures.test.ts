//! What is tried after a failure.

import { expect, test } from "vitest";
import type { Capabilities } from "../src/choose";
import { Failures } from "../src/failures";

const can: Capabilities = { mediaSource: true, managedMediaSource: false, nativeHls: false, typeSupported: () => true };

test("the network may fail once, the second time the next protocol has its turn", () => {
  const failures = new Failures(can);
  expect(failures.add("network", "flv", "weir", null)).toBe(false);
  expect(failures.next(["flv", "wsflv"])).toBe("flv");
  expect(failures.add("network", "flv", "weir", null)).toBe(true);
  expect(failures.next(["flv", "wsflv"])).toBe("wsflv");
  failures.pardon("flv");
  expect(failures.next(["flv", "wsflv"])).toBe("flv");
});

test("media that one engine cannot play goes to the other before the protocol is given up", () => {
  const failures = new Failures(can);
  expect(failures.engineFor("flv", null)).toBe("weir");
  expect(failures.add("media", "flv", "weir", null)).toBe(false);
  expect(failures.engineFor("flv", null)).toBe("mpegts");
  expect(failures.add("media", "flv", "mpegts", null)).toBe(true);
  expect(failures.next(["flv", "hls"])).toBe("hls");
});

test("when all have failed there is none, until it is forgotten", () => {
  const failures = new Failures(can);
  failures.add("media", "hls", "hlsjs", null);
  expect(failures.next(["hls"])).toBeUndefined();
  failures.forgetProtocols();
  expect(failures.next(["hls"])).toBe("hls");
});
