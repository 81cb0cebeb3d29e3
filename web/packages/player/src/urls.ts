//! Addresses of one stream in every protocol. Pure.

import type { Protocol } from "./types";

export interface StreamName {
  /** One or more levels, "live" or "a/b". */
  app: string;
  stream: string;
}

/** Where the server is: what `location` knows. */
export interface Origin {
  /** "http:" or "https:" */
  protocol: string;
  /** with the port, if any */
  host: string;
  hostname: string;
}

const encodePath = (path: string): string => path.split("/").map(encodeURIComponent).join("/");

/** `{app}/{stream}` with each level percent-encoded. */
export function streamPath(name: StreamName): string {
  return `${encodePath(name.app)}/${encodeURIComponent(name.stream)}`;
}

export function watchPath(name: StreamName): string {
  return `/watch/${streamPath(name)}`;
}

/** The bare player, for frames on other sites. */
export function embedPath(name: StreamName): string {
  return `/embed/${streamPath(name)}`;
}

export const parseWatchPath = (pathname: string): StreamName | null => parsePath(pathname, "/watch/");
export const parseEmbedPath = (pathname: string): StreamName | null => parsePath(pathname, "/embed/");

/** The last level is the stream, everything before it the app; null if there are fewer than two. */
function parsePath(pathname: string, prefix: string): StreamName | null {
  if (!pathname.startsWith(prefix)) return null;
  let levels: string[];
  try {
    levels = pathname.slice(prefix.length).split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    return null;
  }
  const stream = levels.pop();
  if (!stream || levels.length === 0) return null;
  return { app: levels.join("/"), stream };
}

/** `query` ("?…" or "") carries a signature or key through to the media requests. */
export function mediaUrl(origin: Origin, name: StreamName, protocol: Protocol, query = ""): string {
  const path = streamPath(name);
  const http = `${origin.protocol}//${origin.host}/${path}`;
  switch (protocol) {
    case "flv":
      return `${http}.flv${query}`;
    case "wsflv":
      return `${origin.protocol === "https:" ? "wss:" : "ws:"}//${origin.host}/${path}.flv${query}`;
    case "hls":
      return `${http}.m3u8${query}`;
    case "ts":
      return `${http}/ts.m3u8${query}`;
  }
}

/** The playlist of a recording. */
export function recordingUrl(origin: Origin, id: string, query = ""): string {
  return `${origin.protocol}//${origin.host}/r/${encodeURIComponent(id)}/index.m3u8${query}`;
}

/** What of a live stream was from `from_ms` (Unix) on, up to now. */
export function shiftedUrl(origin: Origin, name: StreamName, from_ms: number, query = ""): string {
  const more = `${query ? "&" : "?"}from=${Math.floor(from_ms)}`;
  return mediaUrl(origin, name, "hls", `${query}${more}`);
}

/** Where a server speaks RTMP: the answer of `GET /api/v1/addresses`. `host` is null where any name of it will do. */
export interface RtmpAddress {
  host: string | null;
  port: number;
}

/** A browser cannot play it, other players can. Without an address it is the usual port. */
export function rtmpUrl(origin: Origin, name: StreamName, address: RtmpAddress | null = null): string {
  return `${rtmpBase(origin, address)}/${streamPath(name)}`;
}

export function rtmpAppUrl(origin: Origin, app: string, address: RtmpAddress | null = null): string {
  return `${rtmpBase(origin, address)}/${encodePath(app)}`;
}

const RTMP_PORT = 1935;

function rtmpBase(origin: Origin, address: RtmpAddress | null): string {
  const port = address && address.port !== RTMP_PORT ? `:${address.port}` : "";
  return `rtmp://${bracketed(address?.host ?? origin.hostname)}${port}`;
}

/** `location.hostname` keeps the brackets of an IPv6 address, other sources may not. */
function bracketed(hostname: string): string {
  return hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname;
}
