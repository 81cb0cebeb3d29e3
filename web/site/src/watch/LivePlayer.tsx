//! `<weir-player>` in a page of ours, for a stream that is live or a recording of it: its settings are kept, and the
//! root element says what it does, for tests.

import type { Course, PlayerStatus, StreamName } from "@weir/player";
import type { PlayerSettings, WeirPlayerElement } from "@weir/player/element";
import "@weir/player/element";
import { useEffect, useRef, useState } from "preact/hooks";
import { locale } from "../i18n";
import { store } from "../store";
import type { PlayerQuery } from "./query";

export interface LivePlayerProps {
  name: StreamName;
  query: PlayerQuery;
  /** Whether what the viewer chose on this site applies, and is kept. */
  keep: boolean;
  /** Of the stream, in place of what is live. */
  recording?: string | null;
  /** Where to begin. */
  start?: string | null;
  /** The recording that is offered when what is live is over. */
  again?: string | null;
  onStatus?: (status: PlayerStatus) => void;
  onCourse?: (course: Course) => void;
  /** The viewer wants what is offered. Without this the player plays it by itself. */
  onAgain?: () => void;
  /** The element, for who has to do with it. */
  onElement?: (element: WeirPlayerElement) => void;
}

export function LivePlayer(props: LivePlayerProps) {
  const { keep } = props;
  // The newest of them, for listeners that stay.
  const told = useRef(props);
  told.current = props;
  const place = useRef<HTMLDivElement>(null);
  const [element] = useState(() => document.createElement("weir-player"));
  useEffect(() => {
    element.addEventListener("state", ({ detail }) => {
      mark(detail);
      told.current.onStatus?.(detail);
    });
    element.addEventListener("course", ({ detail }) => told.current.onCourse?.(detail));
    element.addEventListener("again", (event) => {
      const { onAgain, again } = told.current;
      if (!onAgain || !again || element.status?.kind === "recording") return;
      event.preventDefault();
      onAgain();
    });
    if (keep) element.addEventListener("settings", ({ detail }) => keepSettings(detail));
    setUp(element, props);
    place.current!.append(element);
    props.onElement?.(element);
    return () => element.remove();
  }, []);
  const language = locale();
  useEffect(() => element.setAttribute("lang", language), [language]);
  const { again } = props;
  useEffect(() => {
    if (again) element.setAttribute("replay", `/r/${again}`);
    else element.removeAttribute("replay");
  }, [again]);
  return <div class="live-player" ref={place} />;
}

function setUp(element: WeirPlayerElement, { name, query, keep, recording = null, start = null }: LivePlayerProps): void {
  const set = (key: string, value: string | boolean | null) => {
    if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  };
  const muted = query.muted ?? (keep ? store.muted() : null);
  set("src", recording && `/r/${recording}`);
  set("app", name.app);
  set("stream", name.stream);
  set("start", start);
  set("dvr", true);
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
  dataset["playerKind"] = status.kind;
  if (status.protocol) dataset["protocol"] = status.protocol;
}
