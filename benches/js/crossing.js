// The least that a cache in WebAssembly can cost. Keys are brought into linear memory, and a call is made. Of objects, the benchmark knows a key's place in an index:
// what is read there leads to an entry, whose key is compared, and to the value in an array. Of text it knows where in linear memory the value lies, and the call
// looks nothing up.

import { decodeShortAscii } from '../../pkg/js/text.js';

/**
 * Of wasm-as, in base64. What two numbers would be chosen between is branched to: a choice waits for the entry, where a processor that expects a branch fetches the
 * value meanwhile.
 *
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
 *       (br_if $each (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
 *   ;; What an index's word says, its upper half, if the entry at its lower half has this key; else 0.
 *   (func $told (param $word i64) (param $key i32) (result i32) (local $entry i32)
 *     (local.set $entry (i32.wrap_i64 (local.get $word)))
 *     (block $other
 *       (br_if $other (i64.ne (i64.const 0) (i64.or
 *         (i64.or
 *           (i64.xor (i64.load offset=16 (local.get $entry)) (i64.load (local.get $key)))
 *           (i64.xor (i64.load offset=24 (local.get $entry)) (i64.load offset=8 (local.get $key))))
 *         (i64.xor (i64.load32_u offset=32 (local.get $entry)) (i64.load32_u offset=16 (local.get $key))))))
 *       (return (i32.wrap_i64 (i64.shr_u (local.get $word) (i64.const 32)))))
 *     (i32.const 0))
 *   (func (export "look") (param $place i32) (param $key i32) (result i32)
 *     (call $told (i64.load (local.get $place)) (local.get $key)))
 *   (func (export "renew") (param $place i32) (param $key i32) (param $deadline f64) (result i32) (local $word i64) (local $told i32)
 *     (local.set $word (i64.load (local.get $place)))
 *     (if (local.tee $told (call $told (local.get $word) (local.get $key)))
 *       (then (f64.store offset=8 (i32.wrap_i64 (local.get $word)) (local.get $deadline))))
 *     (local.get $told))
 *   (func (export "lookMany") (param $list i32) (param $count i32) (param $key i32)
 *     (loop $each
 *       (i32.store (local.get $list) (call $told (i64.load (i32.load (local.get $list))) (local.get $key)))
 *       (local.set $list (i32.add (local.get $list) (i32.const 4)))
 *       (local.set $key (i32.add (local.get $key) (i32.const 32)))
 *       (br_if $each (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))))
 */
const MODULE =
  'AGFzbQEAAAABJgZgAX8Bf2AEf39/fwBgAn5/AX9gAn9/AX9gA39/fAF/YAN/f38AAwcGAAECAwQFBQMBAAEHNAYGbWVtb3J5AgAEY2FsbAAABmdhdGhlcgABBGxvb2sAAwVyZW5ldwAECGxvb2tNYW' +
  '55AAUK5wEGBAAgAAtFAQJ/A0AgACgCACEEIAIgA2ohBQNAIAIgBCkDADcDACAEQQhqIQQgAkEIaiICIAVJDQALIABBBGohACABQQFrIgENAAsLPQEBfyAApyECAkBCACACKQMQIAEpAwCFIAIpAxgg' +
  'ASkDCIWEIAI1AiAgATUCEIWEUg0AIABCIIinDwtBAAsLACAAKQMAIAEQAgsiAgF+AX8gACkDACEDIAMgARACIgQEQCADpyACOQMICyAECy0AA0AgACAAKAIAKQMAIAIQAjYCACAAQQRqIQAgAkEgai' +
  'ECIAFBAWsiAQ0ACws=';

// Where keys go, the list of addresses, what is gathered; then the values, or the index and its entries.
const [KEYS, LIST, GATHERED, VALUES] = [64, 16_384, 32_768, 65_536];
/** What lies from one of many keys to the next, of which none is longer than twenty characters, or shorter than seventeen. */
const KEY = 32;
/** From one entry to the next: eight bytes of header, eight of deadline, the key. cachette's take as many. */
const ENTRY = 40;

class Crossing {
  constructor() {
    const module = Uint8Array.from(atob(MODULE), (character) => character.charCodeAt(0));
    this.raw = new WebAssembly.Instance(new WebAssembly.Module(module)).exports;
    this.u32 = new Uint32Array(this.raw.memory.buffer);
  }

  /** Writes a key at an index of words; tells where the next goes. As quick as the package does it: a character beyond the end would be no whole number. */
  write(key, word) {
    const { u32 } = this;
    const { length } = key;
    const whole = length & ~3;
    let i = 0;
    for (; i < whole; i += 4) {
      u32[word++] = key.charCodeAt(i) | (key.charCodeAt(i + 1) << 8) | (key.charCodeAt(i + 2) << 16) | (key.charCodeAt(i + 3) << 24);
    }
    if (i < length) {
      let last = key.charCodeAt(i);
      if (i + 1 < length) last |= key.charCodeAt(i + 1) << 8;
      if (i + 2 < length) last |= key.charCodeAt(i + 2) << 16;
      u32[word++] = last;
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
}

/** An index of the keys of `n` objects in which the benchmark knows every key's place: what is left is to compare the key, and to fetch what its entry stands for. */
export class ObjectCrossing extends Crossing {
  constructor(n) {
    super();
    const places = 2 ** Math.ceil(Math.log2(n));
    this.last = places - 1;
    this.entries = VALUES + 8 * places;
    this.raw.memory.grow(Math.ceil((this.entries + n * ENTRY) / 65_536));
    this.u32 = new Uint32Array(this.raw.memory.buffer);
    this.held = [];
  }

  /** The address of a key's word in the index: anywhere, as by a hash. */
  place(index) {
    return VALUES + 8 * (Math.imul(index, 0x9e3779b1) & this.last);
  }

  get(key, index) {
    this.write(key, KEYS >> 2);
    const told = this.raw.look(this.place(index), KEYS);
    return told === 0 ? undefined : this.held[told - 1];
  }

  put(key, index, value) {
    this.write(key, KEYS >> 2);
    const told = this.raw.renew(this.place(index), KEYS, 3_600_000);
    if (told === 0) this.add(key, index, value);
    else this.held[told - 1] = value;
  }

  delete(key, index) {
    this.write(key, KEYS >> 2);
    const place = this.place(index);
    const told = this.raw.look(place, KEYS);
    if (told === 0) return false;
    this.u32[place >> 2] = 0;
    this.held[told - 1] = undefined;
    return true;
  }

  add(key, index, value) {
    const entry = this.entries + index * ENTRY;
    this.write(key, (entry + 16) >> 2);
    const word = this.place(index) >> 2;
    this.u32[word] = entry;
    this.u32[word + 1] = index + 1;
    this.held[index] = value;
  }

  /** The objects of many keys, which are those at `indexes[from]` and on. */
  getMany(keys, indexes, from) {
    const { u32, held } = this;
    const { length } = keys;
    for (let i = 0; i < length; i++) {
      this.write(keys[i], (GATHERED + i * KEY) >> 2);
      u32[(LIST >> 2) + i] = this.place(indexes[from + i] & -2);
    }
    this.raw.lookMany(LIST, length, GATHERED);
    const values = new Array(length);
    for (let i = 0; i < length; i++) values[i] = held[u32[(LIST >> 2) + i] - 1];
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
