// The hand glue of the hot lanes: text into and out of the area. What does not fit, or is not text, is handled without hurry.

import type { Instance } from './instance.js';
import type { Arg } from './resp.js';
import { decodeShortAscii, decodeText, QUICK_WRITE, WORDWISE } from './text.js';

const encoder = new TextEncoder();

/** What a lane returns when it is no pointer; see pkg/crate/src/raw.rs. */
export const MISS = 0;
export const REFUSED = 1;
export const DOOR = 2;
export const DONE = 3;

/** Writes a key to its place; returns its bytes, or -1 if it does not fit. */
export function putKey(core: Instance, key: Arg): number {
  return typeof key === 'string'
    ? key.length <= WORDWISE
      ? putWords(core, key, core.keyAt, core.keyView)
      : putText(core, key, core.keyAt, core.keyView)
    : putOther(core, key, core.keyAt, core.keyView);
}

/** Writes a hash's field to its place; returns its bytes, or -1 if it does not fit. */
export function putField(core: Instance, field: Arg): number {
  return typeof field === 'string'
    ? field.length <= WORDWISE
      ? putWords(core, field, core.fieldAt, core.fieldView)
      : putText(core, field, core.fieldAt, core.fieldView)
    : putOther(core, field, core.fieldAt, core.fieldView);
}

/** Writes a value to its place; returns its bytes, or -1 if it does not fit. */
export function putValue(core: Instance, value: Arg): number {
  return typeof value === 'string'
    ? value.length <= WORDWISE
      ? putWords(core, value, core.valueAt, core.valueView)
      : putText(core, value, core.valueAt, core.valueView)
    : putOther(core, value, core.valueAt, core.valueView);
}

/** Four characters a store: for short text quicker than any call. The parts of the area begin at multiples of 16. */
function putWords(core: Instance, text: string, at: number, view: Uint8Array): number {
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
    all |= last & 0xff80;
    u32[word] = last;
  }
  return all < 128 ? length : putText(core, text, at, view);
}

function putText(core: Instance, text: string, at: number, view: Uint8Array): number {
  const { length } = text;
  if (length * 3 > view.length) return -1;
  return QUICK_WRITE ? core.buffer!.utf8Write(text, at, length * 3) : encoder.encodeInto(text, view).written;
}

function putOther(core: Instance, arg: Arg, at: number, view: Uint8Array): number {
  if (typeof arg === 'number' || typeof arg === 'bigint') return putWords(core, String(arg), at, view);
  // Whatever else it is, the door says what is wrong with it.
  if (!(arg instanceof Uint8Array) || arg.length > view.length) return -1;
  view.set(arg);
  return arg.length;
}

/** The value that the header describes, as text. */
export function takeText(core: Instance, at: number): string {
  const { u32, header } = core;
  const length = u32[header]!;
  const ascii = u32[header + 1] !== 0;
  if (ascii && length <= 16) return decodeShortAscii(core.u8, at, length);
  const { buffer } = core;
  if (buffer === undefined) {
    return ascii && length <= 64 ? decodeShortAscii(core.u8, at, length) : decodeText(core.u8, at, length);
  }
  return ascii ? buffer.latin1Slice(at, at + length) : buffer.utf8Slice(at, at + length);
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
