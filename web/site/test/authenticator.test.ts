import { expect, test } from "vitest";
import { bytes, text } from "../src/account/authenticator";

test("bytes of every value go to base64url and back", () => {
  const all = Uint8Array.from({ length: 256 }, (_, value) => value);
  for (let length = 250; length <= 256; length++) {
    const written = text(all.slice(0, length).buffer);
    expect(written).toMatch(/^[\w-]+$/);
    expect(bytes(written)).toEqual(all.slice(0, length));
  }
  expect(text(Uint8Array.of(0xfb, 0xff).buffer)).toBe("-_8");
});
