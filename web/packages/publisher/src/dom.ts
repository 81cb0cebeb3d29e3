//! What browsers have and TypeScript's DOM library does not know.

/** https://www.w3.org/TR/mediacapture-transform/ */
interface TrackProcessor<T> {
  readonly readable: ReadableStream<T>;
}

type TrackProcessorClass = new <T>(init: { track: MediaStreamTrack; maxBufferSize?: number }) => TrackProcessor<T>;

/** `MediaStreamTrackProcessor`, where it is on the page's thread: Chromium. */
export function trackProcessor(): TrackProcessorClass | null {
  return (globalThis as { MediaStreamTrackProcessor?: TrackProcessorClass }).MediaStreamTrackProcessor ?? null;
}

interface NavigatorExtras {
  connection?: EventTarget;
  userAgentData?: {
    platform?: string;
    getHighEntropyValues?(hints: string[]): Promise<Record<string, unknown>>;
  };
}

export function navigatorExtras(): NavigatorExtras {
  return typeof navigator === "undefined" ? {} : (navigator as NavigatorExtras);
}

export function hasWebCodecs(): boolean {
  return typeof VideoEncoder === "function" && typeof AudioEncoder === "function" && typeof VideoFrame === "function";
}
