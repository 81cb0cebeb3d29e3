//! How loud the sound is, for the meter beside the microphone.

const READ_MS = 60;
/** Quieter than this shows nothing, dBFS. */
const FLOOR_DB = -54;
/** The meter falls at most this much per reading. */
const FALL = 0.06;

/** 0 for silence, 1 for full scale. Pure. */
export function levelOf(samples: Float32Array): number {
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  return peak > 0 ? Math.min(1, Math.max(0, 1 - (20 * Math.log10(peak)) / FLOOR_DB)) : 0;
}

/** Reads until what it returns is called. */
export function watchLevel(stream: MediaStream, onLevel: (level: number) => void): () => void {
  const tracks = stream.getAudioTracks();
  if (tracks.length === 0) return () => {};
  let context: AudioContext;
  try {
    context = new AudioContext();
  } catch {
    return () => {};
  }
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  try {
    context.createMediaStreamSource(new MediaStream(tracks)).connect(analyser);
  } catch {
    // Firefox takes no stream of another sample rate: then there is no meter.
    void context.close();
    return () => {};
  }
  const samples = new Float32Array(analyser.fftSize);
  let shown = 0;
  const timer = setInterval(() => {
    // A page may use sound only after a click.
    if (context.state === "suspended" && (navigator.userActivation?.hasBeenActive ?? true)) void context.resume().catch(() => {});
    analyser.getFloatTimeDomainData(samples);
    shown = Math.max(levelOf(samples), shown - FALL);
    onLevel(shown);
  }, READ_MS);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}
