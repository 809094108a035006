// Values of any kind, kept by reference: the value stays where it is, in JavaScript; the engine has its key, deadline, size and eviction.

import { noMemory, putLong, referenceInstance, type RawReferences } from './holder.js';
import type { Instance } from './instance.js';
import { pack, packedRoom, putKey, takeText } from './lanes.js';
import { moduleSoon } from './module.js';
import type { Arg } from './resp.js';
import { Slots } from './slots.js';

/** Options of `new References(options)` and `References.create(options)`. */
export interface ReferencesOptions<V> {
  /** The most keys. */
  max?: number;
  /** The greatest sum of sizes, in whatever unit `sizeOf` and `size` count. */
  maxSize?: number;
  /** The most bytes that keys take, with the sizes of their values: for sizes that are bytes. As for a cache. */
  maxmemory?: number | string;
  /** The size of a value that is set without one. Default: 0. */
  sizeOf?: (value: V, key: Arg) => number;
  /** Milliseconds that a value lives if it is set without a time. */
  ttl?: number;
  /** Who goes when a limit is reached, of the engine's policies. Default: `'allkeys-s3fifo'`. */
  policy?: string;
  /** The clock: Unix milliseconds, read once a turn of the event loop. Default: `Date.now`. */
  now?: () => number;
  /** Seed of hashes and of random choices, for runs that must repeat. */
  seed?: bigint;
  /** A compiled module to use in place of the package's own. */
  module?: object;
}

/** How a value is set. */
export interface ReferenceSetOptions {
  /** Milliseconds that it lives; 0: until it is deleted or evicted. */
  ttl?: number;
  size?: number;
}

/** The greatest size of one value. */
const MOST_SIZE = 2 ** 32 - 1;
const LONGEST_TTL = 2 ** 48;

/**
 * An object cache: keys as a {@link Cachette} has them, values of any kind, by reference and never copied. Values that expired or were evicted are
 * let go of at the end of the turn of the event loop at the latest.
 */
export class References<V> {
  private readonly core: Instance;
  private readonly slots = new Slots<V>();
  private readonly ttl: number;
  private readonly sizeOf: ((value: V, key: Arg) => number) | undefined;

  /** A new, empty one. In a browser the WebAssembly must have been loaded first: use {@link References.create} once. */
  constructor(options: ReferencesOptions<V> = {}) {
    this.ttl = checked('ttl', options.ttl ?? 0, LONGEST_TTL);
    this.sizeOf = options.sizeOf;
    for (const name of ['max', 'maxSize'] as const) checked(name, options[name] ?? 0, Number.MAX_SAFE_INTEGER);
    this.core = referenceInstance(options, options.now ?? Date.now);
    this.core.settle = () => this.collectAll();
  }

  /** A new, empty one, wherever this runs. */
  static async create<V>(options: ReferencesOptions<V> = {}): Promise<References<V>> {
    await (options.module ?? moduleSoon('core'));
    return new References<V>(options);
  }

  private get raw(): RawReferences {
    return this.core.raw as RawReferences;
  }

  /** The value under a key, or undefined. */
  get(key: Arg): V | undefined {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const length = putKey(core, key);
      const told = (core.raw as RawReferences).ref_get(length < 0 ? putLong(core, key) : length);
      if (told !== 0) return this.slots.at(told - 1);
      if (core.u32[core.header] !== 0) this.collect();
      return undefined;
    } catch (error) {
      throw core.failed(error);
    }
  }

  /** As {@link References.get}, but it does not count as a use. */
  peek(key: Arg): V | undefined {
    const slot = this.find(key);
    return slot < 0 ? undefined : this.slots.at(slot);
  }

  has(key: Arg): boolean {
    return this.find(key) >= 0;
  }

  /** The values under many keys, which cross into the engine together. */
  mget(keys: readonly Arg[]): (V | undefined)[] {
    const { core, slots } = this;
    if (core.left-- <= 0) core.turn();
    try {
      let { at, end } = packedRoom(core);
      for (let i = 0; i < keys.length && at >= 0; i++) at = pack(core, keys[i]!, at, end);
      if (at < 0) return keys.map((key) => this.get(key));
      (core.raw as RawReferences).ref_mget(keys.length);
      if (core.u32.length === 0) core.look();
      const { u32, header } = core;
      const words = u32[header + 2]! >>> 2;
      const values = new Array<V | undefined>(keys.length);
      for (let i = 0; i < values.length; i++) {
        const told = u32[words + i]!;
        values[i] = told === 0 ? undefined : slots.at(told - 1);
      }
      if (u32[header] !== 0) this.collectAll();
      return values;
    } catch (error) {
      throw core.failed(error);
    }
  }

  /** Puts a value under a key. Throws an `OOM` {@link ReplyError} where there is no memory left for the key. */
  set(key: Arg, value: V, options?: ReferenceSetOptions): this {
    const { core, slots } = this;
    if (core.left-- <= 0) core.turn();
    let { ttl } = this;
    let size = 0;
    if (options !== undefined) {
      if (options.ttl !== undefined) ttl = checked('ttl', options.ttl, LONGEST_TTL);
      if (options.size !== undefined) size = checked('size', options.size, MOST_SIZE);
    }
    if (this.sizeOf !== undefined && options?.size === undefined) size = checked('size', this.sizeOf(value, key), MOST_SIZE);
    try {
      const { next } = slots;
      const length = putKey(core, key);
      const told = (core.raw as RawReferences).ref_set(length < 0 ? putLong(core, key) : length, next, size, ttl);
      if (told - 1 === next) slots.take();
      if (told !== 0) slots.put(told - 1, value);
      // Also where memory has grown, which makes the old view tell `undefined`.
      if (core.u32[core.header] !== 0) this.collect();
      if (told === 0) throw noMemory();
      return this;
    } catch (error) {
      throw core.failed(error);
    }
  }

  /** Removes a key; false where there was none. */
  delete(key: Arg): boolean {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const length = putKey(core, key);
      const told = this.raw.ref_delete(length < 0 ? putLong(core, key) : length);
      if (told !== 0) this.slots.give(told - 1);
      if (core.u32[core.header] !== 0) this.collect();
      return told !== 0;
    } catch (error) {
      throw core.failed(error);
    }
  }

  /** Removes all keys. */
  clear(): void {
    this.core.enter(() => this.raw.ref_clear());
    this.slots.clear();
  }

  /** Milliseconds that a key still lives: 0 where there is none, Infinity where it has no end. */
  remaining(key: Arg): number {
    const { core } = this;
    const deadline = core.enter(() => {
      const length = putKey(core, key);
      return this.raw.ref_deadline(length < 0 ? putLong(core, key) : length);
    });
    return deadline === -2 ? 0 : deadline === -1 ? Infinity : Math.max(deadline - core.now(), 0);
  }

  /** Keys, expired ones that nobody met yet included. */
  get size(): number {
    return this.count()[0]!;
  }

  /** Sum of the sizes of all values. */
  get totalSize(): number {
    return this.count()[1]!;
  }

  private count(): Float64Array {
    const { core } = this;
    core.enter(() => this.raw.ref_count());
    return new Float64Array(core.raw.memory.buffer, core.valueAt, 2);
  }

  /** Keys as text, with their values, in no order. What is set meanwhile may be among them or not. */
  *entries(): Generator<[string, V], void, undefined> {
    const { core, slots } = this;
    for (let slot = 0; slot < slots.top; slot++) {
      const value = slots.at(slot);
      const at = core.enter(() => this.raw.ref_key(slot)) >>> 0;
      if (at !== 0) yield [takeText(core, at), value as V];
    }
  }

  [Symbol.iterator](): Generator<[string, V], void, undefined> {
    return this.entries();
  }

  *keys(): Generator<string, void, undefined> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): Generator<V, void, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  /** Ends it: values are let go of, the engine's memory is given back, later calls throw. */
  close(): void {
    this.core.close();
    this.slots.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private find(key: Arg): number {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const length = putKey(core, key);
      const told = this.raw.ref_peek(length < 0 ? putLong(core, key) : length);
      if (told === 0 && core.u32[core.header] !== 0) this.collect();
      return told - 1;
    } catch (error) {
      throw core.failed(error);
    }
  }

  /** Lets go of the values whose keys are gone, as the header tells. */
  private collect(): void {
    const { core } = this;
    if (core.u32.length === 0) core.look();
    const { u32, header } = core;
    if (u32[header] === 1) this.slots.give(u32[header + 2]!);
    else this.collectAll();
  }

  private collectAll(): void {
    const { core, slots } = this;
    if (core.u32.length === 0) core.look();
    for (let count = this.raw.ref_freed(); count > 0; count = this.raw.ref_freed()) {
      const start = core.valueAt >>> 2;
      for (let i = start; i < start + count; i++) slots.give(core.u32[i]!);
    }
  }
}

function checked(name: string, given: number, most: number): number {
  if (Number.isSafeInteger(given) && given >= 0 && given <= most) return given;
  throw new TypeError(`${name} must be a whole number from 0 to ${most}, not ${String(given)}`);
}
