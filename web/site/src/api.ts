//! The API as every page of ours asks it: by the browser's cookie, or by the operator's token on a node that keeps no
//! accounts. Files are sent by `account/api.ts`, which tells how far they are.

import { Api, Refused, type Problem } from "@weir/api";

export { Refused } from "@weir/api";

let client = new Api();
let shown = "";

/** From now on the token says who asks; without one the cookie does. */
export function signWith(token: string): void {
  client = token ? new Api({ token }) : new Api();
  shown = token;
}

/** One operation of the API, by its name in the document. Throws {@link Refused}, or what `fetch` throws. */
export const ask: Api["call"] = (...asked) => client.call(...asked);

/** The same, with the tag of the version that was answered. */
export const askTagged: Api["tagged"] = (...asked) => client.tagged(...asked);

/** What the server said of why not; other words where it did not answer. */
export const wordsOf = (error: unknown, otherwise: string): string => (error instanceof Refused ? error.message : otherwise);

/** Where an `<img>` finds a picture that not everybody may see: the cookie goes along by itself, a token does not. */
export async function pictureAt(url: string): Promise<string> {
  if (!shown) return url;
  const answer = await fetch(url, { headers: { authorization: `Bearer ${shown}` } });
  if (!answer.ok) throw new Error(`a picture was refused: ${answer.status}`);
  return URL.createObjectURL(await answer.blob());
}

/** Sends a file as the whole body, by whoever asks. Throws as {@link ask}. */
export async function sendFile<T>(path: string, file: File): Promise<T> {
  const headers = { "content-type": file.type.startsWith("image/") ? file.type : "application/octet-stream", ...(shown && { authorization: `Bearer ${shown}` }) };
  const answer = await fetch(`/api/v1${path}`, { method: "POST", headers, body: file });
  const said = (await answer.json().catch(() => ({}))) as T & Partial<Problem>;
  if (!answer.ok) throw new Refused(answer.status, said);
  return said;
}
