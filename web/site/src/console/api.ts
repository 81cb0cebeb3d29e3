//! Who asks in the console, and how names stand in its addresses.

import { signWith } from "../api";
import { keepToken, takeToken } from "../cluster/api";

/** The operator's token, from the address or this tab; empty for the cookie. */
export function begin(): string {
  const token = takeToken();
  signWith(token);
  return token;
}

export function setToken(next: string): void {
  signWith(next);
  keepToken(next || null);
}

export const enc = encodeURIComponent;

/** Each level of a name on its own. */
export const levels = (name: string) => name.split("/").map(enc).join("/");
