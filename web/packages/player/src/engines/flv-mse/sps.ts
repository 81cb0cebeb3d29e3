//! The picture size from H.264's sequence parameter set (ITU-T H.264 §7.3.2.1.1). Pure.

const WITH_CHROMA = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

/** Of the first parameter set in an avcC record; null if it cannot be read. */
export function avcSize(config: Uint8Array): { width: number; height: number } | null {
  if ((config[5]! & 31) === 0) return null;
  const length = (config[6]! << 8) | config[7]!;
  if (config.length < 8 + length || length < 4) return null;
  try {
    return spsSize(new Bits(withoutEmulation(config.subarray(8, 8 + length))));
  } catch {
    return null;
  }
}

function spsSize(bits: Bits): { width: number; height: number } | null {
  bits.skip(8);
  const profile = bits.read(8);
  bits.skip(16);
  bits.golomb();
  let chroma = 1;
  if (WITH_CHROMA.has(profile)) {
    chroma = bits.golomb();
    if (chroma === 3) bits.skip(1);
    bits.golomb();
    bits.golomb();
    bits.skip(1);
    if (bits.read(1)) skipScaling(bits, chroma === 3 ? 12 : 8);
  }
  bits.golomb();
  const order = bits.golomb();
  if (order === 0) bits.golomb();
  else if (order === 1) {
    bits.skip(1);
    bits.golomb();
    bits.golomb();
    for (let left = Math.min(255, bits.golomb()); left > 0; left--) bits.golomb();
  }
  bits.golomb();
  bits.skip(1);
  const columns = bits.golomb() + 1;
  const rows = bits.golomb() + 1;
  const frames = bits.read(1);
  if (!frames) bits.skip(1);
  bits.skip(1);
  const crop = bits.read(1) ? [bits.golomb(), bits.golomb(), bits.golomb(), bits.golomb()] : [0, 0, 0, 0];
  const stepX = chroma === 1 || chroma === 2 ? 2 : 1;
  const stepY = (chroma === 1 ? 2 : 1) * (2 - frames);
  const width = columns * 16 - (crop[0]! + crop[1]!) * stepX;
  const height = rows * 16 * (2 - frames) - (crop[2]! + crop[3]!) * stepY;
  return width > 0 && height > 0 && width <= 16384 && height <= 16384 ? { width, height } : null;
}

function skipScaling(bits: Bits, lists: number): void {
  for (let list = 0; list < lists; list++) {
    if (!bits.read(1)) continue;
    let last = 8;
    let next = 8;
    for (let at = 0; at < (list < 6 ? 16 : 64); at++) {
      if (next !== 0) next = (last + bits.signed() + 256) % 256;
      last = next === 0 ? last : next;
    }
  }
}

function withoutEmulation(bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === 3 && at >= 2 && bytes[at - 1] === 0 && bytes[at - 2] === 0) continue;
    out.push(bytes[at]!);
  }
  return Uint8Array.from(out);
}

/** Bits from the high end; throws at the end of the bytes. */
class Bits {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  skip(count: number): void {
    this.at += count;
  }

  read(count: number): number {
    let value = 0;
    for (let left = count; left > 0; left--) {
      const byte = this.bytes[this.at >> 3];
      if (byte === undefined) throw new RangeError("end of bits");
      value = value * 2 + ((byte >> (7 - (this.at++ & 7))) & 1);
    }
    return value;
  }

  golomb(): number {
    let length = 0;
    while (this.read(1) === 0) if (++length > 31) throw new RangeError("no such number");
    return 2 ** length - 1 + this.read(length);
  }

  signed(): number {
    const code = this.golomb();
    return code & 1 ? (code + 1) / 2 : -code / 2;
  }
}
