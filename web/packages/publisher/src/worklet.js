// Gives sound to the page in blocks of about 20 ms, for browsers without MediaStreamTrackProcessor.
const BLOCK = 960;

class Tap extends AudioWorkletProcessor {
  planes = [];
  filled = 0;

  process([input]) {
    const channels = input.length || 1;
    if (this.planes.length !== channels) {
      this.planes = Array.from({ length: channels }, () => new Float32Array(BLOCK));
      this.filled = 0;
    }
    const count = input[0]?.length ?? 128;
    for (let index = 0; index < count; index++) {
      for (let channel = 0; channel < channels; channel++) this.planes[channel][this.filled] = input[channel]?.[index] ?? 0;
      this.filled++;
      if (this.filled < BLOCK) continue;
      this.port.postMessage({ planes: this.planes.map((plane) => plane.slice()), end: currentFrame + index + 1 });
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor("weir-tap", Tap);
