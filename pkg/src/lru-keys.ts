// Any JavaScript value as a key: the bytes by which the engine knows it, and the value back from the bytes.
//
// Text is UTF-8, which has no byte 0xFF; all else begins with that byte and a letter. Two keys are the same when `Map` says so.
//
//   0xFF n 0 0 + 8 bytes   a number         0xFF b + digits       a bigint       0xFF s + UTF-16   text with half a surrogate pair
//   0xFF c + one byte      a constant       0xFF o 0 0 + 8 bytes  an object, a function or a symbol, by a number that it is given here

import { putLong } from './holder.js';
import type { Instance } from './instance.js';
import { putKey } from './lanes.js';

const ESCAPE = 0xff;
const NUMBER = 'n'.charCodeAt(0);
const BIGINT = 'b'.charCodeAt(0);
const CONSTANT = 'c'.charCodeAt(0);
const TEXT = 's'.charCodeAt(0);
const OBJECT = 'o'.charCodeAt(0);
const CONSTANTS: readonly unknown[] = [undefined, null, false, true];

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Half of a surrogate pair without the other: UTF-8 cannot say it. */
const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

export class Keys {
  /** Numbers of keys that have no bytes of their own. */
  private readonly numbers = new Map<unknown, number>();
  private readonly objects = new Map<number, unknown>();
  private last = 0;

  /** Writes a key to its place; returns its bytes. -1: a key like this was never set (unless `isNew`, which gives it a number). */
  put(core: Instance, key: unknown, isNew: boolean): number {
    if (typeof key === 'string') {
      const length = putKey(core, key);
      // As many bytes as characters: all ASCII.
      if (length === key.length) return length;
      if (HALF.test(key)) return putLong(core, halves(key));
      return length < 0 ? putLong(core, key) : length;
    }
    if (typeof key === 'number') return putDouble(core, NUMBER, key);
    if (typeof key === 'bigint') return putLong(core, escaped(BIGINT, encoder.encode(String(key))));
    const constant = CONSTANTS.indexOf(key);
    if (constant >= 0) return putLong(core, escaped(CONSTANT, [constant]));
    let number = this.numbers.get(key);
    if (number === undefined) {
      if (!isNew) return -1;
      number = ++this.last;
      this.numbers.set(key, number);
      this.objects.set(number, key);
    }
    return putDouble(core, OBJECT, number);
  }

  /** The key that these bytes stand for. */
  take(core: Instance, at: number, length: number): unknown {
    const bytes = core.u8.subarray(at, at + length);
    if (bytes[0] !== ESCAPE) return decoder.decode(bytes);
    switch (bytes[1]) {
      case NUMBER:
        return doubleOf(bytes);
      case OBJECT:
        return this.objects.get(doubleOf(bytes));
      case CONSTANT:
        return CONSTANTS[bytes[2]!];
      case BIGINT:
        return BigInt(decoder.decode(bytes.subarray(2)));
      default:
        return String.fromCharCode(...new Uint16Array(bytes.slice(2).buffer));
    }
  }

  /** Forgets the number of a key that is gone. */
  drop(key: unknown): void {
    if (this.objects.size === 0) return;
    const number = this.numbers.get(key);
    if (number === undefined) return;
    this.numbers.delete(key);
    this.objects.delete(number);
  }

  /** Whether any key has a number. */
  get any(): boolean {
    return this.objects.size > 0;
  }

  clear(): void {
    this.numbers.clear();
    this.objects.clear();
  }
}

function putDouble(core: Instance, kind: number, value: number): number {
  const { u32 } = core;
  const at = core.keyAt >>> 2;
  // -0 is 0, and all that is no number is the same.
  double[0] = value === 0 ? 0 : value;
  u32[at] = ESCAPE | (kind << 8);
  u32[at + 1] = words[0]!;
  u32[at + 2] = value === value ? words[1]! : 0x7ff80000;
  return 12;
}

function doubleOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(4, true);
}

function escaped(kind: number, rest: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(2 + rest.length);
  bytes.set([ESCAPE, kind]);
  bytes.set(rest, 2);
  return bytes;
}

function halves(text: string): Uint8Array {
  const units = Uint16Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
  return escaped(TEXT, new Uint8Array(units.buffer));
}
