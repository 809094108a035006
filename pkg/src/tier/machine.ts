// The tier's policy: a WebAssembly instance of its own for each tier. Words in, actions out; what they mean is known in there (src/tier of the crate).

import { CacheClosedError, CacheCrashedError, isCrash } from '../errors.js';
import { takeText } from '../lanes.js';
import { ReplyReader, textOf, upperBound, writeCommand, type Arg, type Reply } from '../resp.js';
import { drawSeed } from '../seed.js';
import { bufferView, type NodeBuffer } from '../text.js';
import { tierModule } from './module.js';

interface Raw extends WebAssembly.Exports {
  memory: WebAssembly.Memory;
  area(): number;
  input(bytes: number): number;
  hit(key: number, now: number): number;
  tell(bytes: number, now: number): number;
  due(): number;
  actions(): number;
  journal(): number;
  stats(): number;
}

/** Where the key lies in the area, and its room; as pkg/crate/src/area.rs draws it. */
const KEY = 64;
const KEY_ROOM = 2048;
const VALUE = KEY + 2 * 2048;
const encoder = new TextEncoder();

/** The first word is what is to be done. */
export type Action = [verb: string, ...Reply[]];

export class Machine {
  private readonly raw: Raw;
  private readonly area: number;
  /** Of the area's header, as words. */
  readonly header: number;
  u8: Uint8Array;
  u32: Uint32Array;
  buffer: NodeBuffer | undefined;
  private key: Uint8Array;
  private failure: CacheCrashedError | CacheClosedError | undefined;

  constructor(now: number, options: readonly string[]) {
    this.raw = new WebAssembly.Instance(tierModule()).exports as Raw;
    this.area = this.raw.area() >>> 0;
    this.header = this.area >>> 2;
    this.u8 = this.key = new Uint8Array(0);
    this.u32 = new Uint32Array(0);
    this.look();
    if (!this.tell(now, 'open', String(drawSeed()), ...options)) throw new TypeError('cachette: an option of the tier is of no known kind');
  }

  private look(): void {
    const { buffer } = this.raw.memory;
    this.u8 = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.buffer = bufferView(buffer);
    this.key = new Uint8Array(buffer, this.area + KEY, KEY_ROOM);
  }

  /** The value that L1 may give out at once, or undefined; and how old it is. */
  hit(key: string, now: number, asBytes: boolean): string | Uint8Array | undefined {
    if (typeof key !== 'string' || this.failure !== undefined) return undefined;
    const { length } = key;
    if (length * 3 > KEY_ROOM) return undefined;
    if (this.u8.length === 0) this.look();
    const bytes = this.putKey(key, length);
    const at = this.raw.hit(bytes, now) >>> 0;
    if (at === 0) return undefined;
    // Memory may have grown since: reading never does that.
    return asBytes ? this.u8.slice(at, at + this.u32[this.header]!) : takeText(this, at);
  }

  private putKey(key: string, length: number): number {
    const { u8 } = this;
    const start = this.area + KEY;
    if (length > 64) return encoder.encodeInto(key, this.key).written;
    let all = 0;
    for (let i = 0; i < length; i++) all |= u8[start + i] = key.charCodeAt(i);
    // A code unit above 255 was cut to its low byte, so the units are tested.
    return all < 128 ? length : encoder.encodeInto(key, this.key).written;
  }

  /** Age in milliseconds of the last hit. */
  age(): number {
    return this.u32[this.header + 2]!;
  }

  /** Tells what happened; false if it was not understood. */
  tell(now: number, ...words: readonly (string | Uint8Array)[]): boolean {
    if (this.failure !== undefined) throw this.failure;
    try {
      const at = this.raw.input(upperBound(words)) >>> 0;
      if (at === 0) throw new Error('cachette: no memory is left for the tier');
      if (this.u8.length === 0) this.look();
      const bytes = writeCommand(this.u8, at, words) - at;
      return this.raw.tell(bytes, now) === 0;
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** What is to be done; each thing once. */
  actions(): Action[] {
    if (this.failure !== undefined) throw this.failure;
    const at = this.taken();
    if (this.u8.length === 0) this.look();
    const length = this.u32[this.header]!;
    if (length === 0) return [];
    const reader = new ReplyReader(this.u8, at, at + length, true);
    const actions: Action[] = [];
    while (!reader.done) {
      const [verb, ...rest] = reader.next('tier') as Reply[];
      actions.push([text(verb), ...rest]);
    }
    return actions;
  }

  private taken(): number {
    try {
      return this.raw.actions() >>> 0;
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** All that waits in the journal, as a storage keeps it. */
  journal(): Uint8Array {
    if (this.failure !== undefined) throw this.failure;
    const at = this.raw.journal() >>> 0;
    if (this.u8.length === 0) this.look();
    return this.u8.slice(at, at + this.u32[this.header]!);
  }

  /** From now on there are no hits, and nothing is due. */
  close(): void {
    this.failure ??= new CacheClosedError('the tier is closed');
  }

  due(): number {
    return this.failure === undefined ? this.raw.due() : -1;
  }

  /** Figures, in the order in which pkg/crate/src/tier.rs writes them. */
  stats(): number[] {
    const count = this.raw.stats();
    if (this.u8.length === 0) this.look();
    return [...new Float64Array(this.u8.slice(this.area + VALUE, this.area + VALUE + count * 8).buffer)];
  }

  private failed(error: unknown): unknown {
    if (!isCrash(error)) return error;
    return (this.failure ??= new CacheCrashedError(error));
  }
}

// A byte order mark is text like any other.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** What came as bytes, as text. */
export function text(reply: Reply | undefined): string {
  return reply instanceof Uint8Array ? decoder.decode(reply) : String(reply ?? '');
}

/** A command's words as they are sent; a TypeError where one cannot be. */
export function wordsOf(args: readonly Arg[]): (string | Uint8Array)[] {
  upperBound(args);
  return args.map((arg) => (arg instanceof Uint8Array ? arg : textOf(arg)));
}
