//! What the attributes of the element name: a stream or a recording, on a server, with a query. Pure.

import type { Origin, StreamName } from "../urls";

export type Source = StreamSource | RecordingSource;

export interface StreamSource extends Place {
  name: StreamName;
}

export interface RecordingSource extends Place {
  recording: string;
}

interface Place {
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

/** A recording's addresses: its page of files, its playlist, its MP4. */
const RECORDING = /^\/r\/([0-9a-f-]{36})(?:\/(?:index\.m3u8)?|\.mp4)?$/i;

/**
 * `src` is "live/x", a page-relative address, or a full one of any of the stream's forms
 * ("https://host/live/x", "wss://host/live/x.flv?key=…"), or that of a recording ("/r/ID", "https://host/r/ID/index.m3u8");
 * or `app` and `stream` say it. Null if nothing is named.
 */
export function readSource(attributes: SourceAttributes, page: string): Source | null {
  const { src, app, stream, origin, query } = attributes;
  try {
    const base = new URL(origin || page, page);
    if (!src && !(app && stream)) return null;
    const path = src ?? [...app!.split("/"), stream!].map(encodeURIComponent).join("/");
    const address = new URL(/^[a-z][a-z0-9+.-]*:|^\//i.test(path) ? path : `/${path}`, base);
    const secure = address.protocol === "https:" || address.protocol === "wss:";
    const place: Place = {
      origin: { protocol: secure ? "https:" : "http:", host: address.host, hostname: address.hostname },
      query: merge(address.search, query),
    };
    const recording = RECORDING.exec(address.pathname)?.[1];
    if (recording !== undefined) return { recording: recording.toLowerCase(), ...place };
    const levels = address.pathname
      .replace(/(\/ts\.m3u8|\.flv|\.m3u8)$/, "")
      .split("/")
      .filter(Boolean)
      .map(decodeURIComponent);
    const last = levels.pop();
    if (!last || levels.length === 0) return null;
    return { name: { app: levels.join("/"), stream: last }, ...place };
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
