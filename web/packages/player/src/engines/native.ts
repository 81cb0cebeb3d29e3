//! HLS by the browser itself: Safari, and above all the iPhone.

import type { Latency } from "../types";
import { trueLatency, type Engine, type EngineContext } from "./engine";

/** Safari tells the `EXT-X-PROGRAM-DATE-TIME` of position 0 here. */
type DatedVideo = HTMLVideoElement & { getStartDate?: () => Date };

export function startNative(context: EngineContext): Engine {
  const video: DatedVideo = context.video;
  const onError = () => {
    const { code = 0, message = "" } = video.error ?? {};
    const kind = code === MediaError.MEDIA_ERR_NETWORK ? "network" : "media";
    context.onFail(kind, message || `media error ${code}`);
  };
  video.addEventListener("error", onError);
  video.src = context.url;

  return {
    name: "native HLS",
    needsCatchUp: false,
    stop() {
      video.removeEventListener("error", onError);
      video.removeAttribute("src");
      video.load();
    },
    bitrate_kbps: () => null,
    latency(): Latency | null {
      const start_ms = video.getStartDate?.().getTime() ?? NaN;
      if (Number.isFinite(start_ms)) {
        const wall_ms = start_ms + video.currentTime * 1000;
        const exact = trueLatency(wall_ms, context.serverNow_ms());
        if (exact) return exact;
      }
      const edge_s = seekableEnd(video);
      return edge_s === null ? null : { kind: "edge", ms: Math.max(0, (edge_s - video.currentTime) * 1000) };
    },
    liveEdge_s: () => seekableEnd(video),
  };
}

function seekableEnd(video: HTMLVideoElement): number | null {
  const { seekable } = video;
  return seekable.length > 0 ? seekable.end(seekable.length - 1) : null;
}
