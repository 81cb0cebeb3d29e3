//! `<track>` children of the element, moved into its video; subtitles on and off.

/** Moves what is there now; called again when children are added. */
export function adoptTracks(host: HTMLElement, video: HTMLVideoElement): void {
  for (const track of host.querySelectorAll(":scope > track")) video.append(track);
}

export function captionState(video: HTMLVideoElement): "none" | "off" | "on" {
  const tracks = textTracks(video);
  if (tracks.length === 0) return "none";
  return tracks.some((track) => track.mode === "showing") ? "on" : "off";
}

/** The browser's or viewer's default of several is the first. */
export function toggleCaptions(video: HTMLVideoElement): void {
  const tracks = textTracks(video);
  const show = captionState(video) === "off";
  tracks.forEach((track, at) => (track.mode = show && at === 0 ? "showing" : "disabled"));
}

function textTracks(video: HTMLVideoElement): TextTrack[] {
  return [...video.textTracks].filter((track) => track.kind === "captions" || track.kind === "subtitles");
}
