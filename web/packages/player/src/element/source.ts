//! What the attributes of the element name: a stream, on a server, with a query. Pure.

import type { Origin, StreamName } from "../urls";

export interface Source {
  name: StreamName;
  origin: Origin;
  /** "?…" or "" */
  query: string;
}

export interface SourceAttributes {
  src: string | null;
  app: string | null;
  stream: string | null;
  origin: string | null;
  query: string | null;
}

/**
 * `src` is "live/x", a page-relative address, or a full one of any of the stream's forms
 * ("https://host/live/x", "wss://host/live/x.flv?key=…"); or `app` and `stream` say it. Null if no
 * stream is named.
 */
export function readSource(attributes: SourceAttributes, page: string): Source | null {
  const { src, app, stream, origin, query } = attributes;
  try {
    const base = new URL(origin || page, page);
    if (!src && !(app && stream)) return null;
    const path = src ?? [...app!.split("/"), stream!].map(encodeURIComponent).join("/");
    const address = new URL(/^[a-z][a-z0-9+.-]*:|^\//i.test(path) ? path : `/${path}`, base);
    const levels = address.pathname
      .replace(/(\/ts\.m3u8|\.flv|\.m3u8)$/, "")
      .split("/")
      .filter(Boolean)
      .map(decodeURIComponent);
    const last = levels.pop();
    if (!last || levels.length === 0) return null;
    const secure = address.protocol === "https:" || address.protocol === "wss:";
    return {
      name: { app: levels.join("/"), stream: last },
      origin: { protocol: secure ? "https:" : "http:", host: address.host, hostname: address.hostname },
      query: merge(address.search, query),
    };
  } catch {
    return null;
  }
}

function merge(search: string, query: string | null): string {
  const own = search.replace(/^\?/, "");
  const more = (query ?? "").replace(/^\?/, "");
  const all = [own, more].filter(Boolean).join("&");
  return all ? `?${all}` : "";
}
