//! LL-HLS and HLS-TS by the light build of hls.js (no subtitles, no DRM, no alternate audio).

import type { LevelDetails } from "hls.js";
import Hls, { ErrorTypes, Events } from "hls.js/light";
import { probeMedia } from "../api";
import type { Latency } from "../types";
import { trueLatency, type Engine, type EngineContext } from "./engine";
import { forgottenParts } from "./parts";
import { piecesOf } from "./pieces";

const BACK_BUFFER_S = 15;
/** The bitrate is that of the last so many seconds of media. */
const BITRATE_WINDOW_S = 10;

/** A live segment that does not come soon is gone; the player has better to do than to insist. */
const LIVE_LOAD = {
  maxTimeToFirstByteMs: 8000,
  maxLoadTimeMs: 20_000,
  timeoutRetry: { maxNumRetry: 2, retryDelayMs: 0, maxRetryDelayMs: 0 },
  errorRetry: { maxNumRetry: 2, retryDelayMs: 500, maxRetryDelayMs: 2000 },
};

/** After a publisher's return its first part is waited for so long, ms: then what is there has to do. */
const RETURN_LIMIT_MS = 4000;

export function startHls(context: EngineContext): Engine {
  const lowLatency = context.protocol === "hls";
  const hls = new Hls({
    lowLatencyMode: lowLatency,
    enableWorker: false,
    backBufferLength: BACK_BUFFER_S,
    liveDurationInfinity: true,
    // The player does that, by what is really in the buffer.
    maxLiveSyncPlaybackRate: 1,
    fragLoadPolicy: { default: LIVE_LOAD },
  });
  // So many target durations late are too late: then it jumps. Set here, as the constructor would
  // want the distance from the edge too, and that is the server's word (HOLD-BACK, PART-HOLD-BACK).
  hls.config.liveMaxLatencyDurationCount = lowLatency ? 4 : 8;
  const pieces: { seconds: number; bytes: number }[] = [];
  let recovered = false;
  let stopped = false;
  let newest: number | null = null;
  let { after } = context;
  const waiting = new AbortController();

  hls.on(Events.ERROR, (_event, data) => {
    if (stopped || !data.fatal) return;
    const message = `${data.details} ${data.response?.code ?? data.error?.message ?? ""}`.trim();
    if (data.type === ErrorTypes.MEDIA_ERROR && !recovered) {
      recovered = true;
      hls.recoverMediaError();
      return;
    }
    context.onFail(data.type === ErrorTypes.NETWORK_ERROR ? "network" : "media", message);
  });
  hls.on(Events.FRAG_BUFFERED, (_event, data) => {
    const piece = data.part ?? data.frag;
    if (!(piece.duration > 0) || data.stats.total <= 0) return;
    pieces.push({ seconds: piece.duration, bytes: data.stats.total });
    while (sum(pieces, "seconds") > BITRATE_WINDOW_S && pieces.length > 1) pieces.shift();
  });

  hls.on(Events.LEVEL_UPDATED, (_event, { details }) => {
    newest = details.lastPartSn;
    if (!details.live) return;
    context.onPieces(piecesOf(details, lowLatency));
    const new_s = after === null ? null : startAfter(details, after);
    after = null;
    if (new_s !== null) hls.startLoad(new_s);
  });

  // Evicting what was watched, hls.js (1.7) also forgets that it has parts of the segment that it is loading. It
  // would then load nothing behind that segment until its parts leave the playlist, three target durations later.
  hls.on(Events.BUFFER_FLUSHED, () => {
    for (const part of forgottenParts(hls.latestLevelDetails?.partList ?? [], context.video.buffered)) {
      const { start, end } = part;
      part.elementaryStreams.audiovideo = { startPTS: start, endPTS: end, startDTS: start, endDTS: end };
    }
  });

  hls.attachMedia(context.video);
  const load = () => void (stopped || hls.loadSource(context.url));
  if (after === null || !lowLatency) load();
  else void untilListed(context.url, after + 1, waiting.signal).finally(load);

  return {
    name: `hls.js ${Hls.version}`,
    needsCatchUp: true,
    stop() {
      stopped = true;
      waiting.abort();
      hls.destroy();
    },
    bitrate_kbps() {
      const seconds = sum(pieces, "seconds");
      return seconds > 0 ? (sum(pieces, "bytes") * 8) / 1000 / seconds : null;
    },
    latency(): Latency | null {
      const wall_ms = hls.playingDate?.getTime() ?? null;
      const exact = trueLatency(wall_ms, context.serverNow_ms());
      if (exact) return exact;
      return hls.latency > 0 ? { kind: "edge", ms: hls.latency * 1000 } : null;
    },
    liveEdge_s: () => hls.liveSyncPosition ?? null,
    newest: () => newest,
    levels: () =>
      hls.levels.map((level, id) => ({
        id,
        width: level.width,
        height: level.height,
        bitrate_kbps: Math.round(level.bitrate / 1000),
        current: id === (hls.autoLevelEnabled ? hls.currentLevel : hls.loadLevel),
        chosen: !hls.autoLevelEnabled && id === hls.loadLevel,
      })),
    setLevel(id) {
      hls.nextLevel = id ?? -1;
    },
  };
}

/**
 * Where the first segment after `after` begins, seconds; null where all that is listed is older. The playlist
 * that a publisher has come back to still has what was before, which the usual distance from its end would show
 * once more.
 */
function startAfter({ partList, fragments }: LevelDetails, after: number): number | null {
  const part = partList?.find(({ fragment }) => fragment.sn > after);
  return part?.start ?? fragments.find(({ sn }) => sn > after)?.start ?? null;
}

/** Has the server hold a request for the playlist until it has the first part of this segment, or refuses. */
async function untilListed(url: string, segment: number, signal: AbortSignal): Promise<void> {
  const playlist = new URL(url.replace(/\.m3u8(?=\?|$)/, "/hls.m3u8"));
  playlist.searchParams.set("_HLS_msn", `${segment}`);
  playlist.searchParams.set("_HLS_part", "0");
  await probeMedia(playlist.href, signal, RETURN_LIMIT_MS);
}

function sum<K extends string>(items: Record<K, number>[], key: K): number {
  let total = 0;
  for (const item of items) total += item[key];
  return total;
}
