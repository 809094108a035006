// The hand glue of the hot lanes: text into and out of the area. What does not fit, or is not text, is handled without hurry.

import type { Instance } from './instance.js';
import type { Arg } from './resp.js';
import { decodeShortAscii, decodeText, QUICK_WRITE, SHORT, SHORTEST, WORDWISE, type Strings } from './text.js';

const encoder = new TextEncoder();

/** What a lane returns when it is no pointer; see pkg/crate/src/raw.rs. */
export const MISS = 0;
export const REFUSED = 1;
export const DOOR = 2;
export const DONE = 3;

/** Writes a key to its place; returns its bytes, or -1 if it does not fit. */
export function putKey(core: Instance, key: Arg): number {
  return typeof key === 'string'
    ? key.length <= SHORT
      ? putShort(core, key, core.keyAt, core.keyView)
      : putText(core, key, core.keyAt, core.keyView)
    : putOther(core, key, core.keyAt, core.keyView);
}

/** Writes a hash's field to its place; returns its bytes, or -1 if it does not fit. */
export function putField(core: Instance, field: Arg): number {
  return typeof field === 'string'
    ? field.length <= SHORT
      ? putShort(core, field, core.fieldAt, core.fieldView)
      : putText(core, field, core.fieldAt, core.fieldView)
    : putOther(core, field, core.fieldAt, core.fieldView);
}

/** Writes a value to its place; returns its bytes, or -1 if it does not fit. */
export function putValue(core: Instance, value: Arg): number {
  return typeof value === 'string'
    ? value.length <= SHORT
      ? putShort(core, value, core.valueAt, core.valueView)
      : putText(core, value, core.valueAt, core.valueView)
    : putOther(core, value, core.valueAt, core.valueView);
}

function putShort(core: Instance, text: string, at: number, view: Uint8Array): number {
  const length = putQuickly(core, text, at);
  return length >= 0 ? length : putText(core, text, at, view);
}

/** Writes text that is `SHORT` at `at`, a multiple of four, as {@link putAscii} does. Returns -1 if that has no quick way. */
function putQuickly(core: Instance, text: string, at: number): number {
  const { strings } = core;
  if (strings !== undefined && text.length >= SHORTEST) return strings.put(text, at);
  return text.length <= WORDWISE ? putAscii(core, text, at) : -1;
}

/**
 * Writes ASCII text at `at`, a multiple of four, four characters a store: for short text quicker than any call. Returns -1 if it is not
 * ASCII. May write up to three bytes beyond the text.
 */
function putAscii(core: Instance, text: string, at: number): number {
  const { u32 } = core;
  const { length } = text;
  const whole = length & ~3;
  let word = at >>> 2;
  let all = 0;
  let i = 0;
  for (; i < whole; i += 4) {
    const a = text.charCodeAt(i);
    const b = text.charCodeAt(i + 1);
    const c = text.charCodeAt(i + 2);
    const d = text.charCodeAt(i + 3);
    all |= a | b | c | d;
    u32[word++] = a | (b << 8) | (c << 16) | (d << 24);
  }
  if (i < length) {
    let last = text.charCodeAt(i);
    all |= last;
    if (i + 1 < length) {
      const b = text.charCodeAt(i + 1);
      all |= b;
      last |= b << 8;
      if (i + 2 < length) {
        const c = text.charCodeAt(i + 2);
        all |= c;
        last |= c << 16;
      }
    }
    u32[word] = last;
  }
  return all < 128 ? length : -1;
}

function putText(core: Instance, text: string, at: number, view: Uint8Array): number {
  const { length } = text;
  if (length * 3 > view.length) return -1;
  return QUICK_WRITE ? core.buffer!.utf8Write(text, at, length * 3) : encoder.encodeInto(text, view).written;
}

function putOther(core: Instance, arg: Arg, at: number, view: Uint8Array): number {
  if (typeof arg === 'number' || typeof arg === 'bigint') {
    const text = arg === Infinity || arg === -Infinity ? '' : String(arg);
    return text === '' || text.length > view.length ? -1 : putAscii(core, text, at);
  }
  // Whatever else it is, the door says what is wrong with it.
  if (!(arg instanceof Uint8Array) || arg.length > view.length) return -1;
  view.set(arg);
  return arg.length;
}

/** Where words that are packed together may lie. */
export function packedRoom(core: Instance): { at: number; end: number } {
  return { at: core.valueAt, end: core.valueAt + core.valueView.length };
}

/** Packs one word at `at`, a multiple of four: its length, its bytes. Returns where the next goes, or -1 if it does not fit. */
export function pack(core: Instance, word: Arg, at: number, end: number): number {
  const start = at + 4;
  let length: number;
  if (typeof word === 'string') {
    if (start + word.length * 3 > end) return -1;
    if (word.length <= SHORT) {
      length = putQuickly(core, word, start);
      if (length < 0) length = encoder.encodeInto(word, core.u8.subarray(start, end)).written;
    } else if (QUICK_WRITE) length = core.buffer!.utf8Write(word, start, word.length * 3);
    else length = encoder.encodeInto(word, core.u8.subarray(start, end)).written;
  } else if (typeof word === 'number' || typeof word === 'bigint') {
    // Infinity is spelled otherwise in Redis; the door knows.
    if (start + 400 > end || word === Infinity || word === -Infinity) return -1;
    length = putAscii(core, String(word), start);
  } else {
    if (!(word instanceof Uint8Array) || start + word.length > end) return -1;
    core.u8.set(word, start);
    length = word.length;
  }
  core.u32[at >>> 2] = length;
  return (start + length + 3) & ~3;
}

/** Values of many keys are made into one string, of which they are slices, as long as it is no longer than this: a slice keeps it alive. */
const SLICED = 16384;

/** The `count` values that MGET's lane left. */
export function takeMany(core: Instance, count: number, asBytes: boolean): (string | Uint8Array | null)[] {
  const { u8, u32, header, buffer, strings } = core;
  const lengths = u32[header + 2]! >>> 2;
  let at = u32[header + 3]!;
  const values: (string | Uint8Array | null)[] = new Array(count);
  let i = 0;
  while (i < count) {
    const word = u32[lengths + i]!;
    const length = word & 0x7fffffff;
    if (word === 0xffffffff) values[i++] = null;
    else if (asBytes) {
      values[i++] = u8.slice(at, at + length);
      at += length;
    } else if (word === length || length > SLICED) {
      values[i++] = buffer === undefined ? decodeText(u8, at, length) : buffer.utf8Slice(at, at + length);
      at += length;
    } else {
      // ASCII: as many as fit into one string.
      let next = i + 1;
      let sum = length;
      for (; next < count; next++) {
        const more = u32[lengths + next]!;
        if (more === 0xffffffff) continue;
        if (more < 0x80000000 || sum + (more & 0x7fffffff) > SLICED) break;
        sum += more & 0x7fffffff;
      }
      const all = buffer === undefined ? decodeText(u8, at, sum, strings) : buffer.latin1Slice(at, at + sum);
      at += sum;
      let from = 0;
      for (; i < next; i++) {
        const own = u32[lengths + i]!;
        if (own === 0xffffffff) values[i] = null;
        else values[i] = all.slice(from, (from += own & 0x7fffffff));
      }
    }
  }
  return values;
}

/** The value that the header describes, as text. */
export function takeText(core: Pick<Instance, 'u8' | 'u32' | 'header' | 'buffer'> & { strings?: Strings | undefined }, at: number): string {
  const { u32, header } = core;
  const length = u32[header]!;
  const ascii = u32[header + 1] !== 0;
  if (ascii && length <= 16) return decodeShortAscii(core.u8, at, length);
  const { buffer } = core;
  if (buffer !== undefined) return ascii ? buffer.latin1Slice(at, at + length) : buffer.utf8Slice(at, at + length);
  if (ascii && length <= 64 && core.strings === undefined) return decodeShortAscii(core.u8, at, length);
  return decodeText(core.u8, at, length, ascii ? core.strings : undefined);
}

/** The integer in the header: a number when safe, else a bigint. */
export function takeInteger(core: Instance): number | bigint {
  const { u32, header } = core;
  const low = u32[header + 2]!;
  const high = u32[header + 3]! | 0;
  const value = high * 4294967296 + low;
  return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) | BigInt(low);
}

/** The value that the header describes, copied. */
export function takeBytes(core: Instance, at: number): Uint8Array {
  return core.u8.slice(at, at + core.u32[core.header]!);
}
