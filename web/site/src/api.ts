//! The API as every page of ours asks it: by the browser's cookie, or by the operator's token on a node that keeps no
//! accounts. Files are sent by `account/api.ts`, which tells how far they are.

import { Api } from "@weir/api";

export { Refused } from "@weir/api";

let client = new Api();

/** From now on the token says who asks; without one the cookie does. */
export function signWith(token: string): void {
  client = token ? new Api({ token }) : new Api();
}

/** One operation of the API, by its name in the document. Throws {@link Refused}, or what `fetch` throws. */
export const ask: Api["call"] = (...asked) => client.call(...asked);

/** The same, with the tag of the version that was answered. */
export const askTagged: Api["tagged"] = (...asked) => client.tagged(...asked);
