// RESP: commands written into linear memory, replies read out of it. What a command means is not known here.

import { ReplyError } from './errors.js';
import { decodeText, LONGEST, SHORTEST, type Strings } from './text.js';

/** What a command's argument may be. Numbers are sent in decimal, strings as UTF-8. */
export type Arg = string | number | bigint | Uint8Array;

/** What a reply may be: values as strings, or as `Uint8Array` where bytes were asked for. */
export type Reply = null | boolean | number | bigint | string | Uint8Array | ReplyError | Reply[] | { [field: string]: Reply };

/** Fields with values: an object where values are strings; pairs where they are bytes, since bytes are no property's name. */
export type Fields<V, T = V> = V extends string ? { [field: string]: T } : [field: V, value: T][];

const CR = 13;
const LF = 10;
const encoder = new TextEncoder();

/** A command's name as errors show it. */
export function nameOf(word: Arg): string {
  return String(word).toUpperCase();
}

/** The text that an argument which is no bytes is sent as. */
export function textOf(arg: string | number | bigint): string {
  // Redis's words for what JavaScript spells "Infinity".
  if (arg === Infinity || arg === -Infinity) return arg > 0 ? 'inf' : '-inf';
  return String(arg);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? (value.constructor?.name ?? 'object') : typeof value;
}

/** Bytes of a header: kind, digits, CRLF, and of the CRLF behind a word. */
const AROUND = 24;
/** The longest number of JavaScript's: `-2.2250738585072014e-308`. */
const LONGEST_NUMBER = 24;

/** The most bytes that `args` can take as one RESP command. A TypeError names the argument that cannot be sent. */
export function upperBound(args: readonly Arg[]): number {
  let bytes = AROUND;
  for (let i = 0; i < args.length; i++) bytes += AROUND + mostBytes(args, i);
  return bytes;
}

function mostBytes(args: readonly Arg[], index: number): number {
  const arg = args[index]!;
  if (typeof arg === 'string') return arg.length * 3;
  if (typeof arg === 'number') return LONGEST_NUMBER;
  if (typeof arg === 'bigint') return String(arg).length;
  if (arg instanceof Uint8Array) return arg.length;
  throw new TypeError(`argument ${index} of ${nameOf(args[0]!)} must be a string, number, bigint or Uint8Array, not ${kindOf(arg)}`);
}

/** Writes `args` as one RESP command at `at`, where `upperBound` bytes must be free; returns the end. `strings` are those of the memory. */
export function writeCommand(memory: Uint8Array, at: number, args: readonly Arg[], strings?: Strings): number {
  at = writeHeader(memory, at, 42 /* * */, args.length);
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (typeof arg === 'string') at = writeText(memory, at, arg, strings);
    else at = arg instanceof Uint8Array ? writeBytes(memory, at, arg) : writeText(memory, at, textOf(arg));
  }
  return at;
}

function writeHeader(memory: Uint8Array, at: number, kind: number, count: number): number {
  memory[at++] = kind;
  const digits = digitsOf(count);
  for (let i = digits - 1; i >= 0; i--) {
    memory[at + i] = 48 + (count % 10);
    count = (count / 10) | 0;
  }
  at += digits;
  memory[at++] = CR;
  memory[at++] = LF;
  return at;
}

function writeBytes(memory: Uint8Array, at: number, bytes: Uint8Array): number {
  at = writeHeader(memory, at, 36 /* $ */, bytes.length);
  memory.set(bytes, at);
  at += bytes.length;
  memory[at++] = CR;
  memory[at++] = LF;
  return at;
}

function writeText(memory: Uint8Array, at: number, text: string, strings?: Strings): number {
  // Written as if each character were one byte, which is nearly always so; else the text moves to make room for a longer length.
  let start = writeHeader(memory, at, 36 /* $ */, text.length);
  let bytes = -1;
  if (strings !== undefined && text.length >= SHORTEST && text.length <= LONGEST) {
    bytes = strings.put(text, start);
  } else if (text.length <= 32) {
    let ascii = 0;
    for (let i = 0; i < text.length; i++) ascii |= memory[start + i] = text.charCodeAt(i);
    // A stored code unit above 255 was cut to its low byte, so the units are tested and not what was stored.
    if (ascii < 128) bytes = text.length;
  }
  if (bytes < 0) {
    bytes = encoder.encodeInto(text, memory.subarray(start)).written;
    const moved = digitsOf(bytes) - digitsOf(text.length);
    if (moved > 0) memory.copyWithin(start + moved, start, start + bytes);
    start = writeHeader(memory, at, 36, bytes);
  }
  at = start + bytes;
  memory[at++] = CR;
  memory[at++] = LF;
  return at;
}

function digitsOf(count: number): number {
  let digits = 1;
  while (count >= 10) {
    count = (count / 10) | 0;
    digits++;
  }
  return digits;
}

/** Reads replies (RESP3) out of a stretch of memory. Everything is copied: nothing read stays valid in linear memory. */
export class ReplyReader {
  /** Where the next reply begins. */
  at: number;

  constructor(
    private readonly memory: Uint8Array,
    start: number,
    private readonly end: number,
    private readonly asBytes: boolean,
    /** Those of the memory, where there are any. */
    private readonly strings?: Strings,
  ) {
    this.at = start;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  /** All that has not been read, as the bytes that it is. */
  rest(): Uint8Array {
    const bytes = this.memory.slice(this.at, this.end);
    this.at = this.end;
    return bytes;
  }

  /**
   * The next reply; an error reply is returned as a ReplyError naming `command`. Pushes before it are passed over. Null where nothing follows: a
   * subscription is answered by pushes alone.
   */
  next(command: Arg): Reply {
    this.pushes();
    return this.done ? null : this.value(command);
  }

  /** Hands all pushes that come next to `take`. */
  pushes(take?: (message: Reply[]) => void): void {
    while (!this.done && this.memory[this.at] === 62 /* > */) {
      this.at++;
      const message = this.items(this.count(), 'push');
      take?.(message);
    }
  }

  private value(command: Arg): Reply {
    const { memory } = this;
    switch (memory[this.at++]) {
      case 43: // +
        return this.line();
      case 45: // -
        return new ReplyError(this.line(), nameOf(command));
      case 58: // :
        return this.integer();
      case 36: // $
        return this.blob();
      case 61: // = verbatim: "txt:" before the text
        return this.verbatim();
      case 42: // *
      case 126: // ~ set
      case 62: // > push inside
        return this.list(this.count(), command);
      case 37: // %
        return this.map(this.count(), command);
      case 95: // _
        this.at += 2;
        return null;
      case 35: // #
        this.at += 3;
        return memory[this.at - 3] === 116;
      case 44: // ,
        return double(this.line());
      case 40: // (
        return BigInt(this.line());
      default:
        throw new Error(`cachette: the reply to ${nameOf(command)} is no RESP3`);
    }
  }

  private line(): string {
    const start = this.at;
    let at = start;
    while (this.memory[at] !== CR && at < this.end) at++;
    this.at = at + 2;
    return decodeText(this.memory, start, at - start);
  }

  /** A number when safe, else a bigint. */
  private integer(): number | bigint {
    const start = this.at;
    const { memory } = this;
    let at = start;
    const negative = memory[at] === 45;
    if (negative) at++;
    let value = 0;
    for (let byte = memory[at]!; byte !== CR && at < this.end; byte = memory[++at]!) value = value * 10 + (byte - 48);
    this.at = at + 2;
    if (value > Number.MAX_SAFE_INTEGER) return BigInt(decodeText(memory, start, at - start));
    return negative ? 0 - value : value;
  }

  private count(): number {
    return Number(this.integer());
  }

  private blob(): string | Uint8Array | null {
    const length = this.count();
    if (length < 0) return null;
    const start = this.at;
    this.at = start + length + 2;
    return this.asBytes ? this.memory.slice(start, start + length) : decodeText(this.memory, start, length, this.strings);
  }

  private verbatim(): string | Uint8Array {
    const length = this.count() - 4;
    const start = this.at + 4;
    this.at = start + length + 2;
    return this.asBytes ? this.memory.slice(start, start + length) : decodeText(this.memory, start, length, this.strings);
  }

  /** An array, or null where RESP2 was asked for and says so by its length. */
  private list(count: number, command: Arg): Reply {
    return count < 0 ? null : this.items(count, command);
  }

  private items(count: number, command: Arg): Reply[] {
    const items: Reply[] = [];
    for (let i = 0; i < count; i++) items.push(this.value(command));
    return items;
  }

  /** An object; in bytes an array of pairs, because a field that is no text would be lost as a property's name. */
  private map(count: number, command: Arg): Reply {
    const pairs: [Reply, Reply][] = [];
    for (let i = 0; i < count; i++) pairs.push([this.value(command), this.value(command)]);
    if (this.asBytes) return pairs;
    // fromEntries makes `__proto__` an ordinary property.
    return Object.fromEntries(pairs.map(([field, value]) => [String(field), value]));
  }
}

function double(text: string): number {
  if (text === 'inf') return Infinity;
  if (text === '-inf') return -Infinity;
  return Number(text);
}
