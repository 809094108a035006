// The host's functions of strings as the package uses them: whether this host has them, and what is wrong with what they do.
import { stringsOf } from './node_modules/cachette/dist/engine.js';

const GUARD = 0xaa;
const END = 65536;

/** A text that came in pieces, as keys do. */
const pieces = (length, at) => `${'abc~'.repeat(length).slice(0, length - 4)}${1000 + (at % 9000)}`;
const changed = (text, at, char) => text.slice(0, at) + char + text.slice(at + 1);

export function look() {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const strings = stringsOf(memory);
  if (strings === undefined) return { has: false, wrong: [] };
  const bytes = new Uint8Array(memory.buffer);
  const wrong = [];
  const check = (holds, what) => void (holds || wrong.push(what));
  for (let length = 8; length <= 256; length++) {
    // At odd places, and where memory ends.
    for (const at of [1, 64 + (length % 8), END - length]) {
      const text = pieces(length, at);
      bytes.fill(GUARD);
      check(strings.put(text, at) === length, `put of ${length} at ${at}`);
      check(String.fromCharCode(...bytes.subarray(at, at + length)) === text, `bytes of ${length} at ${at}`);
      check(bytes[at - 1] === GUARD && (at + length === END || bytes[at + length] === GUARD), `beyond ${length} at ${at}`);
      check(strings.take(at, length) === text, `take of ${length} at ${at}`);
    }
    for (const place of [0, 1, length >> 1, length - 2, length - 1]) {
      for (const char of ['\x80', 'ÿ', '語']) check(strings.put(changed(pieces(length, 0), place, char), 0) === -1, `put of ${char} at ${place} of ${length}`);
      bytes.fill(97);
      bytes[place] = 0x80;
      check(strings.take(0, length) === null, `take with ${place} of ${length} beyond ASCII`);
    }
    // What a longer text left is no part of a shorter one.
    check(strings.put('語'.repeat(256), 0) === -1 && strings.put(pieces(length, 0), 0) === length, `put of ${length} after another`);
  }
  return { has: true, wrong };
}
