//! What the console makes of what is written, and of what the server says.

import { describe, expect, it } from "vitest";
import { rulesOf } from "../src/console/Apps";
import { levels } from "../src/console/api";
import { stateOf } from "../src/console/Bans";
import { inDays } from "../src/console/parts";

describe("an app's rules", () => {
  it("are its fields over all else that is written", () => {
    const values = { rules: '{"publish":"key","max_streams":1}', max_streams: "20", max_viewers: " ", priority: "high" };
    expect(rulesOf(values)).toEqual({ publish: "key", max_streams: 20, priority: "high" });
    expect(rulesOf({ rules: "", priority: "normal" })).toEqual({});
  });

  it("are refused at their field where they are no object", () => {
    for (const rules of ["[]", "7", "{", "null"]) {
      expect(() => rulesOf({ rules })).toThrowError(expect.objectContaining({ fields: { rules: expect.any(String) } }));
    }
  });
});

describe("a ban", () => {
  it("stands until it is lifted or over", () => {
    expect(stateOf({ lifted_ms: null, expires_ms: null }, 5)).toBe("stands");
    expect(stateOf({ lifted_ms: null, expires_ms: 6 }, 5)).toBe("stands");
    expect(stateOf({ lifted_ms: null, expires_ms: 5 }, 5)).toBe("over");
    expect(stateOf({ lifted_ms: 1, expires_ms: 9 }, 5)).toBe("lifted");
  });

  it("ends in so many days, or with nobody's number never", () => {
    expect(inDays("2").expires_ms! - Date.now()).toBeGreaterThan(2 * 86_400_000 - 5_000);
    for (const text of ["", " ", undefined, "soon", "-1", "0"]) expect(inDays(text)).toEqual({});
  });
});

it("a name keeps its levels in an address", () => {
  expect(levels("live/班级 a?")).toBe("live/%E7%8F%AD%E7%BA%A7%20a%3F");
});
