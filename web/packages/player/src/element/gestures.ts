//! Keyboard, pointer, fullscreen and picture in picture.

/** iPhones can only put the video itself in fullscreen. */
type PhoneVideo = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

/** Controls go after this long without a movement, ms. */
const IDLE_MS = 3000;

export function toggleFullscreen(host: HTMLElement, video: HTMLVideoElement): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  else if (host.requestFullscreen) void host.requestFullscreen().catch(() => {});
  else (video as PhoneVideo).webkitEnterFullscreen?.();
}

export function togglePip(video: HTMLVideoElement): void {
  if (document.pictureInPictureElement) void document.exitPictureInPicture();
  else void video.requestPictureInPicture?.().catch(() => {});
}

/** What a slider does with a key by itself. */
const SLIDER_KEYS = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"]);

/** Fields, dialogs and open menus keep their keys; a focused button keeps the space bar. */
export function isForPlayer(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  const target = event.composedPath()[0];
  if (!(target instanceof Element)) return true;
  if (target.closest("[role=menu], dialog, textarea, select, [contenteditable]")) return false;
  const input = target.closest("input");
  if (input) return input.type === "range" && !SLIDER_KEYS.has(event.key);
  return !((event.key === " " || event.key === "Enter") && target.closest("button, a"));
}

export function keyOf(event: KeyboardEvent): string {
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

/** Calls back when the viewer has been quiet for a while, and when not any more. */
export class Idle {
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly onIdle: (idle: boolean) => void) {}

  wake(): void {
    this.onIdle(false);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.onIdle(true), IDLE_MS);
  }

  sleep(): void {
    clearTimeout(this.timer);
    this.onIdle(true);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
