//! AMF0 as script data of FLV uses it. Pure; what it cannot read is left out, never thrown.

/** Objects in objects; more is nothing that belongs into a live stream. */
const MAX_DEPTH = 8;
/** Values in one script tag. */
const MAX_VALUES = 2000;

/** A name and the object behind it (`onMetaData`); null if it is no such thing. */
export function readScript(body: Uint8Array): { name: string; value: Record<string, unknown> } | null {
  const reader = new Reader(body);
  try {
    const name = reader.value(0);
    const value = reader.value(0);
    if (typeof name !== "string" || typeof value !== "object" || value === null) return null;
    return { name, value: value as Record<string, unknown> };
  } catch {
    return null;
  }
}

class Reader {
  private readonly view: DataView;
  private at = 0;
  private values = 0;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Throws a RangeError at the end of the bytes, as DataView does. */
  value(depth: number): unknown {
    if (depth > MAX_DEPTH || ++this.values > MAX_VALUES) throw new RangeError("too much");
    const type = this.u8();
    switch (type) {
      case 0:
        return this.number();
      case 1:
        return this.u8() !== 0;
      case 2:
        return this.text(this.u16());
      case 3:
        return this.properties(depth);
      case 5:
      case 6:
        return null;
      case 8:
        this.at += 4;
        return this.properties(depth);
      case 10:
        return this.list(depth);
      case 11: {
        const ms = this.number();
        this.at += 2;
        return ms;
      }
      case 12:
        return this.text(this.u32());
      default:
        throw new RangeError(`type ${type}`);
    }
  }

  private properties(depth: number): Record<string, unknown> {
    const out: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (;;) {
      // Some writers end the object with the tag instead of its end marker.
      if (this.at >= this.bytes.length) return out;
      const name = this.text(this.u16());
      if (this.at < this.bytes.length && this.bytes[this.at] === 9) {
        this.at++;
        return out;
      }
      out[name] = this.value(depth + 1);
    }
  }

  private list(depth: number): unknown[] {
    const out: unknown[] = [];
    for (let left = this.u32(); left > 0; left--) out.push(this.value(depth + 1));
    return out;
  }

  private u8(): number {
    return this.view.getUint8(this.at++);
  }

  private u16(): number {
    this.at += 2;
    return this.view.getUint16(this.at - 2);
  }

  private u32(): number {
    this.at += 4;
    return this.view.getUint32(this.at - 4);
  }

  private number(): number {
    this.at += 8;
    return this.view.getFloat64(this.at - 8);
  }

  private text(length: number): string {
    if (this.at + length > this.bytes.length) throw new RangeError("text");
    this.at += length;
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
  }
}
