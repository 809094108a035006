// The glue of the bare store: the shortest that text can take into WebAssembly and back.

import { readFileSync } from 'node:fs';

/** Characters up to which a loop beats the host's call. */
const SHORT = 20;

export class Bare {
  constructor(path) {
    this.raw = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path))).exports;
    this.keyAt = this.raw.start(Math.random());
    this.valueAt = this.raw.value_at();
    this.length = this.raw.length_at() >>> 2;
    this.look();
    this.left = 0;
  }

  look() {
    this.u8 = new Uint8Array(this.raw.memory.buffer);
    this.u32 = new Uint32Array(this.raw.memory.buffer);
    this.buffer = Buffer.from(this.raw.memory.buffer);
  }

  turn() {
    this.left = 256;
    this.raw.turn(Date.now());
  }

  put(text, at) {
    const { length } = text;
    if (length > SHORT) return this.buffer.latin1Write(text, at, length);
    const { u32 } = this;
    let word = at >>> 2;
    for (let i = 0; i < length; i += 4) {
      u32[word++] = text.charCodeAt(i) | (text.charCodeAt(i + 1) << 8) | (text.charCodeAt(i + 2) << 16) | (text.charCodeAt(i + 3) << 24);
    }
    return length;
  }

  get(key) {
    if (this.left-- <= 0) this.turn();
    const at = this.raw.get(this.put(key, this.keyAt));
    if (at === 0) return null;
    const length = this.u32[this.length];
    if (length !== 16) return this.buffer.latin1Slice(at, at + length);
    const m = this.u8;
    return String.fromCharCode(
      m[at], m[at + 1], m[at + 2], m[at + 3], m[at + 4], m[at + 5], m[at + 6], m[at + 7],
      m[at + 8], m[at + 9], m[at + 10], m[at + 11], m[at + 12], m[at + 13], m[at + 14], m[at + 15],
    );
  }

  set(key, value, ttl) {
    if (this.left-- <= 0) this.turn();
    this.raw.set(this.put(key, this.keyAt), this.put(value, this.valueAt), ttl);
    if (this.u32.length === 0) this.look();
  }
}
