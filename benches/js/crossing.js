// The least that a cache in WebAssembly can cost: keys are brought into linear memory, a call is made that looks nothing up, and the value comes from where the
// benchmark knows that it is: objects out of an array, text out of linear memory.

import { decodeShortAscii } from '../../pkg/dist/text.js';

/**
 * (module (memory (export "memory") 1)
 *   (func (export "call") (param i32) (result i32) local.get 0)
 *   ;; Copies what lies at `count` listed addresses, `stride` bytes each, a multiple of eight, to one place.
 *   (func (export "gather") (param $list i32) (param $count i32) (param $to i32) (param $stride i32)
 *     (local $from i32) (local $end i32)
 *     (loop $each
 *       (local.set $from (i32.load (local.get $list)))
 *       (local.set $end (i32.add (local.get $to) (local.get $stride)))
 *       (loop $word
 *         (i64.store (local.get $to) (i64.load (local.get $from)))
 *         (local.set $from (i32.add (local.get $from) (i32.const 8)))
 *         (br_if $word (i32.lt_u (local.tee $to (i32.add (local.get $to) (i32.const 8))) (local.get $end))))
 *       (local.set $list (i32.add (local.get $list) (i32.const 4)))
 *       (br_if $each (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))))
 */
const MODULE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 13, 2, 96, 1, 127, 1, 127, 96, 4, 127, 127, 127, 127, 0, 3, 3, 2, 0, 1, 5, 3, 1, 0, 1, 7, 26, 3, 6, 109, 101, 109,
  111, 114, 121, 2, 0, 4, 99, 97, 108, 108, 0, 0, 6, 103, 97, 116, 104, 101, 114, 0, 1, 10, 76, 2, 4, 0, 32, 0, 11, 69, 1, 2, 127, 3, 64, 32, 0, 40,
  2, 0, 33, 4, 32, 2, 32, 3, 106, 33, 5, 3, 64, 32, 2, 32, 4, 41, 3, 0, 55, 3, 0, 32, 4, 65, 8, 106, 33, 4, 32, 2, 65, 8, 106, 34, 2, 32, 5, 73, 13,
  0, 11, 32, 0, 65, 4, 106, 33, 0, 32, 1, 65, 1, 107, 34, 1, 13, 0, 11, 11,
];

// Where keys go, the list of addresses, what is gathered; then the values.
const [KEYS, LIST, GATHERED, VALUES] = [64, 16_384, 32_768, 65_536];

export class Crossing {
  constructor() {
    this.raw = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(MODULE))).exports;
    this.u32 = new Uint32Array(this.raw.memory.buffer);
    this.held = [];
  }

  /** Writes a key at an index of words; tells where the next goes. */
  write(key, word) {
    const { u32 } = this;
    const { length } = key;
    for (let i = 0; i < length; i += 4) {
      u32[word++] = key.charCodeAt(i) | (key.charCodeAt(i + 1) << 8) | (key.charCodeAt(i + 2) << 16) | (key.charCodeAt(i + 3) << 24);
    }
    return word;
  }

  cross(key) {
    this.write(key, KEYS >> 2);
    return this.raw.call(key.length);
  }

  /** Many keys in one call, each behind its length. */
  crossMany(keys) {
    let word = KEYS >> 2;
    for (let i = 0; i < keys.length; i++) {
      this.u32[word] = keys[i].length;
      word = this.write(keys[i], word + 1);
    }
    return this.raw.call(keys.length);
  }

  /** The objects of many keys, which are those at `indexes[from]` and on. */
  heldMany(keys, indexes, from) {
    this.crossMany(keys);
    const values = new Array(keys.length);
    for (let i = 0; i < values.length; i++) values[i] = this.held[indexes[from + i] & -2];
    return values;
  }
}

/** The same with text of `size` characters each for values, of which there are `n`. */
export class TextCrossing extends Crossing {
  constructor(n, size) {
    super();
    this.size = size;
    this.stride = (size + 7) & ~7;
    this.raw.memory.grow(Math.ceil((n * this.stride) / 65_536));
    const { buffer } = this.raw.memory;
    this.u8 = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.buffer = Buffer.from(buffer);
  }

  take(index) {
    const at = VALUES + index * this.stride;
    return this.size <= 16 ? decodeShortAscii(this.u8, at, this.size) : this.buffer.latin1Slice(at, at + this.size);
  }

  put(index, text) {
    this.buffer.latin1Write(text, VALUES + index * this.stride);
  }

  /** The values of many keys, decoded together, as slices. */
  takeMany(keys, indexes, from) {
    const { u32, stride, size, raw } = this;
    const { length } = keys;
    this.crossMany(keys);
    for (let i = 0; i < length; i++) u32[(LIST >> 2) + i] = VALUES + (indexes[from + i] & -2) * stride;
    raw.gather(LIST, length, GATHERED, stride);
    const all = this.buffer.latin1Slice(GATHERED, GATHERED + length * stride);
    const values = new Array(length);
    for (let i = 0; i < length; i++) values[i] = all.slice(i * stride, i * stride + size);
    return values;
  }
}
