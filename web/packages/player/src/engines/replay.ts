//! A playlist of what was recorded, by hls.js or by the browser itself. It is played from any place in it, and may
//! still grow.

import Hls, { ErrorTypes, Events } from "hls.js/light";
import type { LevelDetails } from "hls.js";
import { piecesIn, Timeline } from "../timeline";
import type { Engine } from "./engine";

/** What was watched and is held for a step back, seconds. */
const BACK_BUFFER_S = 30;
/** What is fetched ahead, seconds. */
const AHEAD_S = 30;
/** The bitrate is that of so many newest segments. */
const BITRATE_OF = 5;

export interface ReplayContext {
  video: HTMLVideoElement;
  url: string;
  /** Where to begin: a position of the media, or a moment of the clock (Unix ms). */
  begin: { position_s: number } | { wall_ms: number };
  onTimeline: (timeline: Timeline) => void;
  onFail: (kind: "network" | "media", message: string) => void;
}

export function startReplay(context: ReplayContext): Engine {
  return Hls.isSupported() ? startHls(context) : startNative(context);
}

function startHls(context: ReplayContext): Engine {
  const { begin } = context;
  const hls = new Hls({
    lowLatencyMode: false,
    enableWorker: false,
    backBufferLength: BACK_BUFFER_S,
    maxBufferLength: AHEAD_S,
    maxMaxBufferLength: AHEAD_S * 2,
    maxLiveSyncPlaybackRate: 1,
    // What grows is watched where the viewer is, not at its end.
    startPosition: "position_s" in begin ? begin.position_s : 0,
  });
  const newest: { seconds: number; bytes: number }[] = [];
  let wall_ms = "wall_ms" in begin ? begin.wall_ms : null;
  let recovered = false;
  let stopped = false;
  hls.on(Events.ERROR, (_event, data) => {
    if (stopped || !data.fatal) return;
    if (data.type === ErrorTypes.MEDIA_ERROR && !recovered) {
      recovered = true;
      hls.recoverMediaError();
      return;
    }
    const message = `${data.details} ${data.response?.code ?? data.error?.message ?? ""}`.trim();
    context.onFail(data.type === ErrorTypes.NETWORK_ERROR ? "network" : "media", message);
  });
  hls.on(Events.LEVEL_UPDATED, (_event, { details }) => {
    const timeline = new Timeline(piecesOf(details));
    context.onTimeline(timeline);
    const position_s = wall_ms === null ? null : timeline.positionAt(wall_ms);
    wall_ms = null;
    if (position_s !== null) hls.startLoad(position_s);
  });
  hls.on(Events.FRAG_BUFFERED, (_event, { frag, stats }) => {
    if (!(frag.duration > 0) || stats.total <= 0) return;
    newest.push({ seconds: frag.duration, bytes: stats.total });
    if (newest.length > BITRATE_OF) newest.shift();
  });
  hls.attachMedia(context.video);
  hls.loadSource(context.url);
  return {
    name: `hls.js ${Hls.version}`,
    needsCatchUp: false,
    stop() {
      stopped = true;
      hls.destroy();
    },
    bitrate_kbps() {
      const seconds = newest.reduce((sum, piece) => sum + piece.seconds, 0);
      const bytes = newest.reduce((sum, piece) => sum + piece.bytes, 0);
      return seconds > 0 ? (bytes * 8) / 1000 / seconds : null;
    },
    latency: () => null,
    liveEdge_s: () => null,
  };
}

function piecesOf({ fragments }: LevelDetails) {
  return fragments.map(({ start, duration, programDateTime }) => ({ start_s: start, duration_s: duration, wall_ms: programDateTime }));
}

/** Safari, and above all the iPhone. It does not tell what is in the playlist, so that is read beside it. */
function startNative(context: ReplayContext): Engine {
  const { video, url, begin } = context;
  const gone = new AbortController();
  const { signal } = gone;
  let timeline: Timeline | null = null;
  const read = async () => {
    const answer = await fetch(url, { signal });
    if (!answer.ok) return;
    timeline = new Timeline(piecesIn(await answer.text()));
    context.onTimeline(timeline);
  };
  const known = read().catch(() => {});
  const onError = () => {
    const { code = 0, message = "" } = video.error ?? {};
    context.onFail(code === MediaError.MEDIA_ERR_NETWORK ? "network" : "media", message || `media error ${code}`);
  };
  const onMetadata = async () => {
    await known;
    const position_s = "position_s" in begin ? begin.position_s : (timeline?.positionAt(begin.wall_ms) ?? 0);
    if (!signal.aborted) video.currentTime = position_s;
  };
  video.addEventListener("error", onError, { signal });
  video.addEventListener("loadedmetadata", () => void onMetadata(), { signal, once: true });
  // It grows when the browser has read it anew.
  video.addEventListener("durationchange", () => void read().catch(() => {}), { signal });
  video.src = url;
  return {
    name: "native HLS",
    needsCatchUp: false,
    stop() {
      gone.abort();
      video.removeAttribute("src");
      video.load();
    },
    bitrate_kbps: () => null,
    latency: () => null,
    liveEdge_s: () => null,
  };
}
