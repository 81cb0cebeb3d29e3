//! `<weir-player>` in a page of ours: its settings are kept, and the root element says what it does,
//! for tests.

import type { PlayerStatus, StreamName } from "@weir/player";
import type { PlayerSettings, WeirPlayerElement } from "@weir/player/element";
import "@weir/player/element";
import { useEffect, useRef, useState } from "preact/hooks";
import { locale } from "../i18n";
import { store } from "../store";
import type { PlayerQuery } from "./query";

interface Props {
  name: StreamName;
  query: PlayerQuery;
  /** Whether what the viewer chose on this site applies, and is kept. */
  keep: boolean;
  onStatus?: (status: PlayerStatus) => void;
}

export function LivePlayer({ name, query, keep, onStatus }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const [element] = useState(() => document.createElement("weir-player"));
  useEffect(() => {
    element.addEventListener("state", ({ detail }) => {
      mark(detail);
      onStatus?.(detail);
    });
    if (keep) element.addEventListener("settings", ({ detail }) => keepSettings(detail));
    setUp(element, name, query, keep);
    place.current!.append(element);
    return () => element.remove();
  }, []);
  const language = locale();
  useEffect(() => element.setAttribute("lang", language), [language]);
  return <div class="live-player" ref={place} />;
}

function setUp(element: WeirPlayerElement, name: StreamName, query: PlayerQuery, keep: boolean): void {
  const set = (key: string, value: string | boolean | null) => {
    if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  };
  const muted = query.muted ?? (keep ? store.muted() : null);
  set("app", name.app);
  set("stream", name.stream);
  set("query", query.media || null);
  set("protocol", query.protocol ?? (keep ? store.protocol() : null));
  set("latency", query.latency ?? (keep ? store.latency() : null));
  set("muted", muted === null ? null : String(muted));
  set("volume", keep ? String(store.volume()) : null);
  set("stats", keep && store.stats());
  set("autoplay", query.autoplay);
  set("controls", query.controls);
  set("hotkeys", "page");
  set("lang", locale());
}

function keepSettings(settings: PlayerSettings): void {
  store.setVolume(settings.volume);
  store.setMuted(settings.muted);
  store.setStats(settings.stats);
  store.setLatency(settings.latency);
  if (settings.protocol !== store.protocol()) {
    store.setProtocol(settings.protocol);
    // What is chosen by hand wins over the address from now on.
    const url = new URL(location.href);
    url.searchParams.delete("protocol");
    history.replaceState(null, "", url);
  }
}

function mark(status: PlayerStatus): void {
  const { dataset } = document.documentElement;
  dataset["playerState"] = status.state;
  if (status.protocol) dataset["protocol"] = status.protocol;
}
