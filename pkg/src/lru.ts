// An object cache with the interface of the npm package lru-cache 11: whoever uses that may import this in its place.
//
// Keys lie in an engine (its own WebAssembly instance), values stay where they are. Order, times and sizes lie beside the values, by slot, because
// lru-cache's rules for stale values need them apart: a value that is past its time stays until somebody asks for it, and may still be given out.
// Under `policy: 's3fifo'` the engine chooses who goes, and nothing is written when a value is read but two bits beside its key.

import { noMemory, referenceInstance, type RawReferences } from './holder.js';
import type { Instance } from './instance.js';
import { Keys } from './lru-keys.js';
import type { Signal } from './mode.js';
import { hasTimers, moduleSoon } from './module.js';
import { Slots } from './slots.js';

/** The host's `AbortSignal`, where its types know one. */
type AbortSignalOf = typeof globalThis extends { AbortSignal: { prototype: infer Known } } ? Known : Signal;

/** Who is asked for the time. */
export interface Perf {
  now(): number;
}

export declare namespace LRUCache {
  type DisposeReason = 'evict' | 'set' | 'delete' | 'expire' | 'fetch';
  type Disposer<K, V> = (value: V, key: K, reason: DisposeReason) => void;
  type InsertReason = 'add' | 'update' | 'replace';
  type Inserter<K, V> = (value: V, key: K, reason: InsertReason) => void;
  type SizeCalculator<K, V> = (value: V, key: K) => number;
  type Fetcher<K, V, FC = unknown> = (key: K, stale: V | undefined, options: FetcherOptions<K, V, FC>) => Promise<V | undefined | void> | V | undefined | void;
  type Memoizer<K, V, FC = unknown> = (key: K, stale: V | undefined, options: { options: MemoOptions<K, V, FC>; context: FC }) => V;

  interface FetcherOptions<K, V, FC = unknown> {
    signal: AbortSignalOf;
    options: FetchOptions<K, V, FC>;
    context: FC;
  }

  /** What a call says of itself, in an object that it is given. */
  interface Status<V> {
    set?: 'add' | 'update' | 'replace' | 'miss' | 'deleted';
    get?: 'stale' | 'hit' | 'miss' | 'fetching' | 'stale-fetching';
    has?: 'hit' | 'stale' | 'miss';
    peek?: 'hit' | 'miss' | 'stale';
    fetch?: 'get' | 'inflight' | 'miss' | 'hit' | 'stale' | 'refresh';
    memo?: 'hit' | 'miss';
    value?: V;
    oldValue?: V;
    ttl?: number;
    start?: number;
    now?: number;
    remainingTTL?: number;
    entrySize?: number;
    totalCalculatedSize?: number;
    maxEntrySizeExceeded?: true;
    returnedStale?: true;
    fetchDispatched?: true;
    fetchUpdated?: true;
    fetchResolved?: true;
    fetchRejected?: true;
    fetchAborted?: true;
    fetchAbortIgnored?: true;
    fetchError?: unknown;
  }

  interface GetOptions<K, V, FC = unknown> {
    allowStale?: boolean;
    updateAgeOnGet?: boolean;
    noDeleteOnStaleGet?: boolean;
    status?: Status<V>;
  }
  interface HasOptions<K, V, FC = unknown> {
    updateAgeOnHas?: boolean;
    status?: Status<V>;
  }
  interface PeekOptions<K, V, FC = unknown> {
    allowStale?: boolean;
    status?: Status<V>;
  }
  interface SetOptions<K, V, FC = unknown> {
    ttl?: number;
    start?: number;
    size?: number;
    sizeCalculation?: SizeCalculator<K, V>;
    noDisposeOnSet?: boolean;
    noUpdateTTL?: boolean;
    status?: Status<V>;
  }
  interface MemoOptions<K, V, FC = unknown> extends GetOptions<K, V, FC>, SetOptions<K, V, FC> {
    forceRefresh?: boolean;
    context?: FC;
    status?: Status<V>;
  }
  interface FetchOptions<K, V, FC = unknown> extends GetOptions<K, V, FC>, SetOptions<K, V, FC> {
    forceRefresh?: boolean;
    context?: FC;
    signal?: AbortSignalOf;
    noDeleteOnFetchRejection?: boolean;
    allowStaleOnFetchRejection?: boolean;
    allowStaleOnFetchAbort?: boolean;
    ignoreFetchAbort?: boolean;
    status?: Status<V>;
  }

  interface Options<K, V, FC = unknown> {
    /** The most entries. */
    max?: number;
    /** The greatest sum of sizes. */
    maxSize?: number;
    /** The greatest size of one entry: larger ones are not kept. Default: `maxSize`. */
    maxEntrySize?: number;
    sizeCalculation?: SizeCalculator<K, V>;
    /** Milliseconds that an entry lives. Entries past it stay until they are asked for, unless `ttlAutopurge`. */
    ttl?: number;
    /** Milliseconds for which one reading of the clock serves. Default: 1. */
    ttlResolution?: number;
    ttlAutopurge?: boolean;
    updateAgeOnGet?: boolean;
    updateAgeOnHas?: boolean;
    allowStale?: boolean;
    noDeleteOnStaleGet?: boolean;
    noUpdateTTL?: boolean;
    dispose?: Disposer<K, V>;
    disposeAfter?: Disposer<K, V>;
    noDisposeOnSet?: boolean;
    onInsert?: Inserter<K, V>;
    fetchMethod?: Fetcher<K, V, FC>;
    memoMethod?: Memoizer<K, V, FC>;
    noDeleteOnFetchRejection?: boolean;
    allowStaleOnFetchRejection?: boolean;
    allowStaleOnFetchAbort?: boolean;
    ignoreFetchAbort?: boolean;
    /** What a fetch counts as while it is under way and there is no old value. Default: 1. */
    backgroundFetchSize?: number;
    perf?: Perf;
    /**
     * Not of lru-cache. `'lru'` (default): the least recently used goes, and entries are in the order of their use. `'s3fifo'`: the engine
     * chooses, by S3-FIFO, which a scan does not wash out and which writes less when it reads; entries are in no order.
     */
    policy?: 'lru' | 's3fifo';
  }

  interface Entry<V> {
    value: V;
    ttl?: number;
    size?: number;
    start?: number;
  }
}

type Options<K, V, FC> = LRUCache.Options<K, V, FC>;
type Reason = LRUCache.DisposeReason;

const NONE = -1;

/** A fetch under way, in the place of its value. */
class Fetching<V> {
  promise!: Promise<V | undefined>;
  slot = NONE;
  /** Somebody was given the promise, and hears of its failure. */
  awaited = false;
  readonly controller = new AbortController();

  constructor(readonly stale: V | undefined) {}

  wait(): Promise<V | undefined> {
    this.awaited = true;
    return this.promise;
  }
}

/** Entries that there is room for at first, where `max` is unknown or greater than the other. */
const FIRST = 256;
const MOST_AT_FIRST = 1 << 16;
const MOST_ENGINE_SIZE = 2 ** 32 - 1;
const NOTHING = Object.freeze({});

const isCount = (n: unknown): n is number => typeof n === 'number' && Number.isInteger(n) && n > 0;

function positive(name: string, value: unknown): void {
  if (!isCount(value)) throw new TypeError(`${name} must be a positive integer, not ${String(value)}`);
}

function callable(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw new TypeError(`${name} must be a function`);
}

export class LRUCache<K extends {} = {}, V extends {} = {}, FC = unknown> {
  ttl: number;
  ttlResolution: number;
  ttlAutopurge: boolean;
  updateAgeOnGet: boolean;
  updateAgeOnHas: boolean;
  allowStale: boolean;
  noDisposeOnSet: boolean;
  noUpdateTTL: boolean;
  maxEntrySize: number;
  sizeCalculation: LRUCache.SizeCalculator<K, V> | undefined;
  noDeleteOnFetchRejection: boolean;
  noDeleteOnStaleGet: boolean;
  allowStaleOnFetchAbort: boolean;
  allowStaleOnFetchRejection: boolean;
  ignoreFetchAbort: boolean;
  backgroundFetchSize: number;

  readonly max: number;
  readonly maxSize: number;
  readonly perf: Perf;
  readonly policy: 'lru' | 's3fifo';
  readonly fetchMethod: LRUCache.Fetcher<K, V, FC> | undefined;
  readonly memoMethod: LRUCache.Memoizer<K, V, FC> | undefined;
  readonly dispose: LRUCache.Disposer<K, V> | undefined;
  readonly disposeAfter: LRUCache.Disposer<K, V> | undefined;
  readonly onInsert: LRUCache.Inserter<K, V> | undefined;

  private readonly core: Instance;
  private readonly keysOf = new Keys();
  private readonly slots = new Slots<V | Fetching<V>>();
  private count = 0;
  private total = 0;
  /** Whether the order of use is kept. */
  private readonly ordered: boolean;
  /** The slot used before and the one used after a slot, two words each; the list's ends. */
  private links = new Uint32Array(0);
  private newest = NONE;
  private oldest = NONE;
  /** Start and time to live by slot, two numbers each; made when there is a time to live. */
  private times: Float64Array | undefined;
  private sizes: Float64Array | undefined;
  private timers: Map<number, { unref?(): void }> | undefined;
  /** Slots that there is room for beside the values. */
  private room = 0;
  private clock = 0;
  /** What `disposeAfter` is to be told. */
  private readonly disposed: [V, K, Reason][] = [];

  /** In a browser, once, before the first cache is made: loads the WebAssembly. Elsewhere it is at hand. Not of lru-cache. */
  static async ready(): Promise<void> {
    await moduleSoon('core');
  }

  constructor(options: Options<K, V, FC>) {
    const { max = 0, maxSize = 0, maxEntrySize = 0, ttl = 0, ttlResolution = 1, perf, policy = 'lru', backgroundFetchSize = 1 } = options;
    if (perf !== undefined && typeof perf?.now !== 'function') throw new TypeError('perf option must have a now() method if specified');
    if (max !== 0) positive('max', max);
    if (maxSize !== 0) positive('maxSize', maxSize);
    if (maxEntrySize !== 0) positive('maxEntrySize', maxEntrySize);
    if (ttl !== 0) positive('ttl', ttl);
    if (policy !== 'lru' && policy !== 's3fifo') throw new TypeError(`policy must be 'lru' or 's3fifo', not ${String(policy)}`);
    const { sizeCalculation, fetchMethod, memoMethod, dispose, disposeAfter, onInsert } = options;
    callable('fetchMethod', fetchMethod);
    callable('memoMethod', memoMethod);
    if (sizeCalculation) {
      if (maxSize === 0 && maxEntrySize === 0) throw new TypeError('cannot set sizeCalculation without setting maxSize or maxEntrySize');
      callable('sizeCalculation', sizeCalculation);
    }
    if (max === 0 && maxSize === 0 && ttl === 0) throw new TypeError('at least one of max, maxSize, or ttl is required');
    const onlyFunction = <F>(given: F | undefined): F | undefined => (typeof given === 'function' ? given : undefined);
    this.max = max;
    this.maxSize = maxSize;
    this.maxEntrySize = maxEntrySize || maxSize;
    this.sizeCalculation = sizeCalculation;
    this.fetchMethod = fetchMethod;
    this.memoMethod = memoMethod;
    this.dispose = onlyFunction(dispose);
    this.disposeAfter = onlyFunction(disposeAfter);
    this.onInsert = onlyFunction(onInsert);
    this.perf = perf ?? (typeof performance === 'object' ? performance : Date);
    this.policy = policy;
    this.ttl = ttl;
    this.ttlResolution = isCount(ttlResolution) || ttlResolution === 0 ? ttlResolution : 1;
    this.ttlAutopurge = !!options.ttlAutopurge;
    this.updateAgeOnGet = !!options.updateAgeOnGet;
    this.updateAgeOnHas = !!options.updateAgeOnHas;
    this.allowStale = !!options.allowStale;
    this.noDisposeOnSet = !!options.noDisposeOnSet;
    this.noUpdateTTL = !!options.noUpdateTTL;
    this.noDeleteOnStaleGet = !!options.noDeleteOnStaleGet;
    this.noDeleteOnFetchRejection = !!options.noDeleteOnFetchRejection;
    this.allowStaleOnFetchRejection = !!options.allowStaleOnFetchRejection;
    this.allowStaleOnFetchAbort = !!options.allowStaleOnFetchAbort;
    this.ignoreFetchAbort = !!options.ignoreFetchAbort;
    this.backgroundFetchSize = backgroundFetchSize;
    this.ordered = policy === 'lru';
    if (this.maxEntrySize !== 0) this.sizes = new Float64Array(0);
    // The engine's own limits only tell it that it will have to choose; when, is decided here, where `dispose` can be told before.
    this.core = referenceInstance(this.ordered ? {} : { max: max || Number.MAX_SAFE_INTEGER }, () => 1);
    this.grow(max !== 0 && max <= MOST_AT_FIRST ? max : FIRST);
    if (ttl !== 0) this.keepTimes();
  }

  /** Entries, stale ones included. */
  get size(): number {
    return this.count;
  }

  /** The sum of their sizes. */
  get calculatedSize(): number {
    return this.total;
  }

  get [Symbol.toStringTag](): string {
    return 'LRUCache';
  }

  // ---- reading

  get(key: K, options: LRUCache.GetOptions<K, V, FC> = NOTHING): V | undefined {
    const slot = this.lookUp(key);
    const { status } = options;
    if (slot < 0) {
      if (status) status.get = 'miss';
      return undefined;
    }
    const value = this.slots.at(slot)!;
    if (status) this.tellTimes(slot, status);
    if (value instanceof Fetching || this.isStale(slot)) return this.getOther(key, slot, value, options);
    if (status) status.get = 'hit';
    this.used(slot);
    if (options.updateAgeOnGet ?? this.updateAgeOnGet) this.renew(slot);
    return value;
  }

  /** What is stale, or being fetched. */
  private getOther(key: K, slot: number, value: V | Fetching<V>, options: LRUCache.GetOptions<K, V, FC>): V | undefined {
    const { allowStale = this.allowStale, updateAgeOnGet = this.updateAgeOnGet, noDeleteOnStaleGet = this.noDeleteOnStaleGet, status } = options;
    const fetching = value instanceof Fetching;
    const known = fetching ? value.stale : value;
    if (!this.isStale(slot)) {
      if (status) status.get = 'fetching';
      this.used(slot);
      if (updateAgeOnGet) this.renew(slot);
      return known;
    }
    if (!fetching && !noDeleteOnStaleGet) this.remove(key, 'expire');
    if (status) status.get = fetching ? 'stale-fetching' : 'stale';
    if (!allowStale || known === undefined) return undefined;
    if (status) status.returnedStale = true;
    return known;
  }

  peek(key: K, options: LRUCache.PeekOptions<K, V, FC> = NOTHING): V | undefined {
    const { status, allowStale = this.allowStale } = options;
    const slot = this.look(key);
    if (slot < 0 || (!allowStale && this.isStale(slot))) {
      if (status) status.peek = slot < 0 ? 'miss' : 'stale';
      return undefined;
    }
    const value = this.known(slot);
    if (status) status.peek = value === undefined ? 'miss' : 'hit';
    if (status && value !== undefined) status.value = value;
    return value;
  }

  has(key: K, options: LRUCache.HasOptions<K, V, FC> = NOTHING): boolean {
    const { updateAgeOnHas = this.updateAgeOnHas, status } = options;
    const slot = this.look(key);
    if (slot < 0) {
      if (status) status.has = 'miss';
      return false;
    }
    if (this.known(slot) === undefined) return false;
    const stale = this.isStale(slot);
    if (!stale && updateAgeOnHas) this.renew(slot);
    if (status) {
      status.has = stale ? 'stale' : 'hit';
      this.tellTimes(slot, status);
    }
    return !stale;
  }

  /** Milliseconds that a key still lives; below 0: it is past its time. 0 where there is none, Infinity where it has no end. */
  getRemainingTTL(key: K): number {
    const slot = this.look(key);
    return slot < 0 ? 0 : this.remaining(slot);
  }

  info(key: K): LRUCache.Entry<V> | undefined {
    const slot = this.look(key);
    const value = slot < 0 ? undefined : this.known(slot);
    if (value === undefined) return undefined;
    const entry: LRUCache.Entry<V> = { value };
    const { times, sizes } = this;
    if (times && times[2 * slot] && times[2 * slot + 1]) {
      entry.ttl = times[2 * slot + 1]! - (this.perf.now() - times[2 * slot]!);
      entry.start = Date.now();
    }
    if (sizes) entry.size = sizes[slot]!;
    return entry;
  }

  // ---- writing

  set(key: K, value: V | undefined, options: LRUCache.SetOptions<K, V, FC> = NOTHING): this {
    this.store(key, value, options);
    this.tellDisposed();
    return this;
  }

  private store(key: K, value: V | Fetching<V> | undefined, options: LRUCache.SetOptions<K, V, FC>, own?: Fetching<V>): void {
    const { ttl = this.ttl, start, noDisposeOnSet = this.noDisposeOnSet, status } = options;
    let { noUpdateTTL = this.noUpdateTTL } = options;
    if (value === undefined) {
      if (status) status.set = 'deleted';
      this.remove(key, 'delete');
      return;
    }
    const isFetch = value instanceof Fetching;
    if (status && !isFetch) status.value = value;
    const size = this.sizeFor(key, value, options);
    if (this.maxEntrySize && size > this.maxEntrySize) {
      // What was there is not true any more.
      this.remove(key, 'set');
      if (status) {
        status.set = 'miss';
        status.maxEntrySizeExceeded = true;
      }
      return;
    }
    let slot = this.count === 0 ? NONE : this.ordered ? this.look(key) : this.lookUp(key);
    if (!this.ordered) slot = this.makeWay(slot, size);
    if (slot < 0) {
      slot = this.add(key, value, size, status);
      noUpdateTTL = false;
      if (status) status.set = 'add';
      if (!isFetch) this.onInsert?.(value, key, 'add');
    } else this.replace(key, slot, value, size, noDisposeOnSet, status, own);
    if (ttl !== 0 && !this.times) this.keepTimes();
    if (this.times) {
      if (!noUpdateTTL) this.setTime(slot, ttl, start);
      if (status) this.tellTimes(slot, status);
    }
  }

  private add(key: K, value: V | Fetching<V>, size: number, status: LRUCache.Status<V> | undefined): number {
    if (this.ordered && this.max !== 0 && this.count >= this.max) this.evict();
    const { slots, core } = this;
    const slot = slots.next;
    const told = core.enter(() => {
      const length = this.keysOf.put(core, key, true);
      return (core.raw as RawReferences).ref_set(length, slot, Math.min(size, MOST_ENGINE_SIZE), 0);
    });
    if (told === 0) throw noMemory();
    slots.take();
    slots.put(slot, value);
    this.count++;
    if (slot >= this.room) this.grow(2 * this.room);
    if (this.ordered) this.append(slot);
    if (this.times) this.times[2 * slot] = this.times[2 * slot + 1] = 0;
    this.weigh(slot, size, status);
    return slot;
  }

  private replace(
    key: K, slot: number, value: V | Fetching<V>, size: number, noDispose: boolean, status: LRUCache.Status<V> | undefined, own: Fetching<V> | undefined,
  ): void {
    this.used(slot);
    const old = this.slots.at(slot)!;
    const isFetch = value instanceof Fetching;
    const oldValue = old instanceof Fetching ? old.stale : old;
    if (value !== old) {
      if (!noDispose) {
        if (old instanceof Fetching && old !== own) old.controller.abort(new Error('replaced'));
        if (oldValue !== undefined && oldValue !== value) this.gone(oldValue, key, 'set');
      }
      this.total -= this.sizes?.[slot] ?? 0;
      if (this.sizes) this.sizes[slot] = 0;
      this.weigh(slot, size, status);
      this.slots.put(slot, value);
    }
    if (isFetch) return;
    const how = value === old ? 'update' : oldValue === undefined ? 'add' : value === oldValue ? 'update' : 'replace';
    if (status) {
      status.set = how;
      if (value !== old && oldValue !== undefined) status.oldValue = oldValue;
    }
    this.onInsert?.(value, key, how);
  }

  /** The size that a value counts as; 0 where sizes are not kept. */
  private sizeFor(key: K, value: V | Fetching<V>, options: LRUCache.SetOptions<K, V, FC>): number {
    const { size = 0, sizeCalculation = this.sizeCalculation } = options;
    if (!this.sizes) {
      if (size || sizeCalculation) throw new TypeError('cannot set size without setting maxSize or maxEntrySize on cache');
      return 0;
    }
    if (isCount(size)) return size;
    // What a fetch brings is weighed when it comes.
    if (value instanceof Fetching) return this.backgroundFetchSize;
    if (!sizeCalculation) throw new TypeError('invalid size value (must be positive integer). When maxSize or maxEntrySize is used, sizeCalculation or size must be set.');
    callable('sizeCalculation', sizeCalculation);
    const counted = sizeCalculation(value, key);
    if (!isCount(counted)) throw new TypeError('sizeCalculation return invalid (expect positive integer)');
    return counted;
  }

  /** Books the size of an entry, for which the oldest ones make way. */
  private weigh(slot: number, size: number, status: LRUCache.Status<V> | undefined): void {
    const { sizes } = this;
    if (!sizes) return;
    sizes[slot] = size;
    if (this.ordered && this.maxSize) while (this.total > this.maxSize - size) this.evict();
    this.total += size;
    if (status) {
      status.entrySize = size;
      status.totalCalculatedSize = this.total;
    }
  }

  /** Where the engine chooses: evicts before an entry comes, or grows. Gives the entry's slot, which may be gone by that. */
  private makeWay(slot: number, size: number): number {
    for (;;) {
      const more = slot < 0 ? 1 : 0;
      const weight = slot < 0 ? size : size - (this.sizes?.[slot] ?? 0);
      const full = (this.max !== 0 && this.count + more > this.max) || (this.maxSize !== 0 && this.total + weight > this.maxSize);
      if (!full || this.count === 0) return slot;
      if (this.evict().slot === slot) slot = NONE;
    }
  }

  delete(key: K): boolean {
    const deleted = this.remove(key, 'delete');
    this.tellDisposed();
    return deleted;
  }

  private remove(key: K, reason: Reason): boolean {
    const slot = this.count === 0 ? NONE : this.look(key);
    if (slot < 0) return false;
    this.take(slot, key, reason, 'deleted');
    this.core.enter(() => (this.core.raw as RawReferences).ref_drop(slot));
    this.tellDisposed();
    return true;
  }

  /** Lets go of an entry but for its key in the engine; its value. */
  private take(slot: number, key: K, reason: Reason, why: string): V | undefined {
    const value = this.slots.at(slot)!;
    const known = this.known(slot);
    this.disarm(slot);
    if (this.sizes) {
      this.total -= this.sizes[slot]!;
      this.sizes[slot] = 0;
    }
    if (value instanceof Fetching) value.controller.abort(new Error(why));
    if (known !== undefined && (reason === 'evict' || value === known)) this.gone(known, key, reason);
    this.keysOf.drop(key);
    if (this.ordered) this.cut(slot);
    this.slots.give(slot);
    this.count--;
    return known;
  }

  /** Evicts one entry. */
  private evict(): { slot: number; value: V | undefined } {
    const { core } = this;
    const raw = core.raw as RawReferences;
    const isTold = this.dispose || this.disposeAfter || this.keysOf.any;
    let slot = this.oldest;
    let key: unknown;
    if (this.ordered) {
      if (isTold) key = this.keyOf(slot);
      core.enter(() => raw.ref_drop(slot));
    } else {
      slot = core.enter(() => raw.ref_evict()) - 1;
      if (slot < 0) throw noMemory();
      const { u32, header } = core;
      if (isTold) key = this.keysOf.take(core, u32[header + 2]!, u32[header]!);
    }
    return { slot, value: this.take(slot, key as K, 'evict', 'evicted') };
  }

  /** Evicts one entry, the oldest under `'lru'`, and gives its value. */
  pop(): V | undefined {
    let value: V | undefined;
    while (value === undefined && this.count > 0) ({ value } = this.evict());
    this.tellDisposed();
    return value;
  }

  clear(): void {
    for (const slot of this.walk(true, true)) {
      const value = this.slots.at(slot)!;
      this.disarm(slot);
      if (value instanceof Fetching) value.controller.abort(new Error('deleted'));
      else if (this.dispose || this.disposeAfter) this.gone(value, this.keyOf(slot), 'delete');
    }
    this.core.enter(() => (this.core.raw as RawReferences).ref_clear());
    this.slots.clear();
    this.keysOf.clear();
    this.times?.fill(0);
    this.sizes?.fill(0);
    this.count = this.total = 0;
    this.newest = this.oldest = NONE;
    this.tellDisposed();
  }

  /** Removes what is past its time; whether there was anything. */
  purgeStale(): boolean {
    let any = false;
    for (const slot of this.walk(true, true)) {
      if (!this.isStale(slot)) continue;
      this.remove(this.keyOf(slot), 'expire');
      any = true;
    }
    return any;
  }

  private gone(value: V, key: K, reason: Reason): void {
    this.dispose?.(value, key, reason);
    if (this.disposeAfter) this.disposed.push([value, key, reason]);
  }

  private tellDisposed(): void {
    while (this.disposed.length > 0) this.disposeAfter?.(...this.disposed.shift()!);
  }

  // ---- dump, load, iteration

  /** All entries, oldest first, for {@link LRUCache.load}; their times begin at Unix milliseconds. */
  dump(): [K, LRUCache.Entry<V>][] {
    const { times, sizes } = this;
    const entries: [K, LRUCache.Entry<V>][] = [];
    for (const slot of this.walk(false, true)) {
      const value = this.known(slot);
      if (value === undefined) continue;
      const entry: LRUCache.Entry<V> = { value };
      if (times) {
        entry.ttl = times[2 * slot + 1]!;
        entry.start = Math.floor(Date.now() - (this.perf.now() - times[2 * slot]!));
      }
      if (sizes) entry.size = sizes[slot]!;
      entries.push([this.keyOf(slot), entry]);
    }
    return entries.reverse();
  }

  /** Replaces all by what {@link LRUCache.dump} gave. */
  load(entries: readonly [K, LRUCache.Entry<V>][]): void {
    this.clear();
    for (const [key, entry] of entries) {
      const start = entry.start ? { start: this.perf.now() - (Date.now() - entry.start) } : undefined;
      this.set(key, entry.value, { ...entry, ...start });
    }
  }

  /** Slots from the newest to the oldest, or backwards. What is deleted on the way does not end it. */
  private *walk(backwards: boolean, allowStale: boolean): Generator<number, void, undefined> {
    const { slots } = this;
    if (!this.ordered) {
      for (let slot = 0; slot < slots.top; slot++) if (slots.at(slot) !== undefined && (allowStale || !this.isStale(slot))) yield slot;
      return;
    }
    let slot = backwards ? this.oldest : this.newest;
    while (this.count > 0 && slot >= 0 && slot < slots.top && slots.at(slot) !== undefined) {
      if (allowStale || !this.isStale(slot)) yield slot;
      if (slot === (backwards ? this.newest : this.oldest)) return;
      slot = this.links[2 * slot + (backwards ? 1 : 0)]!;
    }
  }

  private *pairs(backwards: boolean): Generator<[K, V], void, undefined> {
    for (const slot of this.walk(backwards, this.allowStale)) {
      const value = this.slots.at(slot);
      if (value !== undefined && !(value instanceof Fetching)) yield [this.keyOf(slot), value];
    }
  }

  entries(): Generator<[K, V], void, undefined> {
    return this.pairs(false);
  }

  rentries(): Generator<[K, V], void, undefined> {
    return this.pairs(true);
  }

  *keys(): Generator<K, void, undefined> {
    for (const [key] of this.pairs(false)) yield key;
  }

  *rkeys(): Generator<K, void, undefined> {
    for (const [key] of this.pairs(true)) yield key;
  }

  *values(): Generator<V, void, undefined> {
    for (const [, value] of this.pairs(false)) yield value;
  }

  *rvalues(): Generator<V, void, undefined> {
    for (const [, value] of this.pairs(true)) yield value;
  }

  [Symbol.iterator](): Generator<[K, V], void, undefined> {
    return this.pairs(false);
  }

  /** The first value, from the newest on, that `wanted` takes; got as by {@link LRUCache.get}. */
  find(wanted: (value: V, key: K, self: this) => boolean, options?: LRUCache.GetOptions<K, V, FC>): V | undefined {
    for (const slot of this.walk(false, this.allowStale)) {
      const value = this.known(slot);
      if (value === undefined) continue;
      const key = this.keyOf(slot);
      if (wanted(value, key, this)) return this.get(key, options);
    }
    return undefined;
  }

  forEach(each: (value: V, key: K, self: this) => unknown, self: unknown = this): void {
    this.each(false, each, self);
  }

  rforEach(each: (value: V, key: K, self: this) => unknown, self: unknown = this): void {
    this.each(true, each, self);
  }

  private each(backwards: boolean, each: (value: V, key: K, self: this) => unknown, self: unknown): void {
    for (const slot of this.walk(backwards, this.allowStale)) {
      const value = this.known(slot);
      if (value !== undefined) each.call(self, value, this.keyOf(slot), this);
    }
  }

  // ---- values that are made when they are missed

  /** The value, made by `memoMethod` if it is not there. */
  memo(key: K, options: LRUCache.MemoOptions<K, V, FC> = NOTHING): V {
    const { memoMethod } = this;
    if (!memoMethod) throw new Error('no memoMethod provided to constructor');
    const { context, status, forceRefresh, ...rest } = options;
    const stale = this.get(key, rest);
    if (status) status.memo = forceRefresh || stale === undefined ? 'miss' : 'hit';
    if (!forceRefresh && stale !== undefined) return stale;
    const value = memoMethod(key, stale, { options: rest, context: context as FC });
    this.set(key, value, rest);
    return value;
  }

  /** As {@link LRUCache.fetch}; rejects where that would give `undefined`. */
  async forceFetch(key: K, options: LRUCache.FetchOptions<K, V, FC> = NOTHING): Promise<V> {
    const value = await this.fetch(key, options);
    if (value === undefined) throw new Error('fetch() returned undefined');
    return value;
  }

  /** The value, or what `fetchMethod` brings; who asks meanwhile is given the same promise. */
  async fetch(key: K, options: LRUCache.FetchOptions<K, V, FC> = NOTHING): Promise<V | undefined> {
    const { allowStale = this.allowStale, updateAgeOnGet = this.updateAgeOnGet, forceRefresh = false, context, status } = options;
    if (!this.fetchMethod) {
      if (status) status.fetch = 'get';
      return this.get(key, options);
    }
    const slot = this.ordered ? this.look(key) : this.lookUp(key);
    if (slot < 0) {
      if (status) status.fetch = 'miss';
      return this.begin(key, slot, options, context as FC).wait();
    }
    const value = this.slots.at(slot)!;
    if (value instanceof Fetching) {
      const stale = allowStale ? value.stale : undefined;
      if (status) status.fetch = 'inflight';
      if (status && stale !== undefined) status.returnedStale = true;
      return stale ?? value.wait();
    }
    const isStale = this.isStale(slot);
    if (!forceRefresh && !isStale) {
      if (status) status.fetch = 'hit';
      this.used(slot);
      if (updateAgeOnGet) this.renew(slot);
      if (status) this.tellTimes(slot, status);
      return value;
    }
    if (status) status.fetch = isStale ? 'stale' : 'refresh';
    const fetching = this.begin(key, slot, options, context as FC);
    if (!allowStale) return fetching.wait();
    if (status && isStale) status.returnedStale = true;
    return value;
  }

  /** Has `fetchMethod` work; until it is done the fetch stands in the place of the value. */
  private begin(key: K, slot: number, given: LRUCache.FetchOptions<K, V, FC>, context: FC): Fetching<V> {
    const { context: _, forceRefresh: __, start: ___, ...own } = given;
    const options: LRUCache.FetchOptions<K, V, FC> = {
      allowStale: this.allowStale,
      updateAgeOnGet: this.updateAgeOnGet,
      noDeleteOnStaleGet: this.noDeleteOnStaleGet,
      ttl: this.ttl,
      noDisposeOnSet: this.noDisposeOnSet,
      size: 0,
      noUpdateTTL: this.noUpdateTTL,
      noDeleteOnFetchRejection: this.noDeleteOnFetchRejection,
      allowStaleOnFetchRejection: this.allowStaleOnFetchRejection,
      allowStaleOnFetchAbort: this.allowStaleOnFetchAbort,
      ignoreFetchAbort: this.ignoreFetchAbort,
      ...(this.sizeCalculation && { sizeCalculation: this.sizeCalculation }),
      ...own,
    };
    const fetching = new Fetching<V>(slot < 0 ? undefined : this.known(slot));
    fetching.slot = slot;
    const { controller } = fetching;
    const { signal, status } = options;
    signal?.addEventListener('abort', () => controller.abort(signal.reason), { signal: controller.signal });
    const work = new Promise<V | undefined>((resolve, reject) => {
      let settle = resolve as (value: V | undefined) => void;
      const fetched = this.fetchMethod!(key, fetching.stale, { signal: controller.signal, options, context });
      controller.signal.addEventListener('abort', () => {
        if (options.ignoreFetchAbort && !options.allowStaleOnFetchAbort) return;
        resolve(undefined);
        // What comes all the same is kept, later.
        if (options.allowStaleOnFetchAbort) settle = (value) => this.fetched(fetching, key, options, value, true);
      });
      if (fetched instanceof Promise) fetched.then((value) => settle((value ?? undefined) as V | undefined), reject);
      else resolve((fetched ?? undefined) as V | undefined);
    });
    if (status) status.fetchDispatched = true;
    fetching.promise = work.then(
      (value) => this.fetched(fetching, key, options, value, false),
      (error: unknown) => {
        if (status) {
          status.fetchRejected = true;
          status.fetchError = error;
        }
        return this.failed(fetching, key, options, error, false);
      },
    );
    if (slot >= 0) this.slots.put(slot, fetching);
    else {
      const { status: ____, ...quiet } = options;
      this.store(key, fetching, quiet);
      this.tellDisposed();
      fetching.slot = this.look(key);
    }
    return fetching;
  }

  private fetched(fetching: Fetching<V>, key: K, options: LRUCache.FetchOptions<K, V, FC>, value: V | undefined, late: boolean): V | undefined {
    const { status } = options;
    const { signal } = fetching.controller;
    const ignoreAbort = !!options.ignoreFetchAbort && value !== undefined;
    if (status && signal.aborted && !late) {
      status.fetchAborted = true;
      status.fetchError = signal.reason;
      if (ignoreAbort) status.fetchAbortIgnored = true;
    } else if (status) status.fetchResolved = true;
    if (signal.aborted && !ignoreAbort && !late) {
      const proceed = !!options.ignoreFetchAbort || (!!options.allowStaleOnFetchAbort && value !== undefined);
      return this.failed(fetching, key, options, signal.reason, proceed);
    }
    const standing = this.valueAt(fetching.slot);
    if (standing !== fetching && !(standing === undefined && ignoreAbort && late)) return value;
    if (value !== undefined) {
      if (status) status.fetchUpdated = true;
      this.store(key, value, options, fetching);
      this.tellDisposed();
    } else if (fetching.stale !== undefined) this.slots.put(fetching.slot, fetching.stale);
    else this.remove(key, 'fetch');
    return value;
  }

  private failed(fetching: Fetching<V>, key: K, options: LRUCache.FetchOptions<K, V, FC>, error: unknown, proceed: boolean): V | undefined {
    const staleAfterAbort = fetching.controller.signal.aborted && !!options.allowStaleOnFetchAbort;
    const allowStale = staleAfterAbort || !!options.allowStaleOnFetchRejection;
    if (this.valueAt(fetching.slot) === fetching) {
      const keep = allowStale || options.noDeleteOnFetchRejection;
      // After an abort the fetch may still bring something. (lru-cache keeps a key without a value in some cases; this does not.)
      const waits = proceed && staleAfterAbort;
      if (!keep || (!waits && fetching.stale === undefined)) this.remove(key, 'fetch');
      else if (!staleAfterAbort) this.slots.put(fetching.slot, fetching.stale);
    }
    if (!allowStale) {
      if (fetching.awaited) throw error;
      return undefined;
    }
    if (options.status && fetching.stale !== undefined) options.status.returnedStale = true;
    return fetching.stale;
  }

  // ---- slots

  /** The slot of a key, for which that counts as a use to the engine. */
  private lookUp(key: unknown): number {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const length = this.keysOf.put(core, key, false);
      return length < 0 ? NONE : (core.raw as RawReferences).ref_get(length) - 1;
    } catch (error) {
      throw core.failed(error);
    }
  }

  /** The slot of a key. */
  private look(key: unknown): number {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const length = this.keysOf.put(core, key, false);
      return length < 0 ? NONE : (core.raw as RawReferences).ref_peek(length) - 1;
    } catch (error) {
      throw core.failed(error);
    }
  }

  private keyOf(slot: number): K {
    const { core } = this;
    const at = core.enter(() => (core.raw as RawReferences).ref_key(slot)) >>> 0;
    return this.keysOf.take(core, at, core.u32[core.header]!) as K;
  }

  private valueAt(slot: number): V | Fetching<V> | undefined {
    return slot < 0 || slot >= this.slots.top ? undefined : this.slots.at(slot);
  }

  /** The value of a slot; while it is fetched anew, the old one. */
  private known(slot: number): V | undefined {
    const value = this.slots.at(slot);
    return value instanceof Fetching ? value.stale : value;
  }

  private append(slot: number): void {
    const { links, newest } = this;
    const before = newest < 0 ? slot : newest;
    if (newest < 0) this.oldest = slot;
    links[2 * slot] = before;
    links[2 * before + 1] = slot;
    this.newest = slot;
  }

  private cut(slot: number): void {
    const { links } = this;
    const [older, newer] = [links[2 * slot]!, links[2 * slot + 1]!];
    if (this.newest === this.oldest) this.newest = this.oldest = NONE;
    else if (slot === this.newest) this.newest = older;
    else if (slot === this.oldest) this.oldest = newer;
    else {
      links[2 * newer] = older;
      links[2 * older + 1] = newer;
    }
  }

  private used(slot: number): void {
    const { newest, links } = this;
    if (!this.ordered || slot === newest) return;
    const newer = links[2 * slot + 1]!;
    if (slot === this.oldest) this.oldest = newer;
    else {
      const older = links[2 * slot]!;
      links[2 * newer] = older;
      links[2 * older + 1] = newer;
    }
    links[2 * slot] = newest;
    links[2 * newest + 1] = slot;
    this.newest = slot;
  }

  /** Makes room beside the values for so many slots. */
  private grow(slots: number): void {
    const grown = <A extends Uint32Array | Float64Array>(from: A, to: A): A => (to.set(from), to);
    this.room = slots;
    if (this.ordered) this.links = grown(this.links, new Uint32Array(2 * slots));
    if (this.times) this.times = grown(this.times, new Float64Array(2 * slots));
    if (this.sizes) this.sizes = grown(this.sizes, new Float64Array(slots));
  }

  // ---- times

  private keepTimes(): void {
    this.times = new Float64Array(2 * this.room);
    if (this.ttlAutopurge) this.timers = new Map();
  }

  private now(): number {
    if (this.clock !== 0) return this.clock;
    const now = this.perf.now();
    if (this.ttlResolution > 0 && hasTimers()) {
      this.clock = now;
      const timer = setTimeout(() => (this.clock = 0), this.ttlResolution) as unknown as { unref?(): void };
      timer.unref?.();
    }
    return now;
  }

  private isStale(slot: number): boolean {
    const { times } = this;
    if (times === undefined) return false;
    const [start, ttl] = [times[2 * slot]!, times[2 * slot + 1]!];
    return ttl !== 0 && start !== 0 && this.now() - start > ttl;
  }

  private remaining(slot: number): number {
    const { times } = this;
    const [start, ttl] = times === undefined ? [0, 0] : [times[2 * slot]!, times[2 * slot + 1]!];
    return ttl === 0 || start === 0 ? Infinity : ttl - (this.now() - start);
  }

  private setTime(slot: number, ttl: number, start = this.perf.now()): void {
    const times = this.times!;
    times[2 * slot] = ttl === 0 ? 0 : start;
    times[2 * slot + 1] = ttl;
    this.arm(slot, ttl);
  }

  private renew(slot: number): void {
    if (this.times) this.setTime(slot, this.times[2 * slot + 1]!);
  }

  /** Has an entry removed when its time is over. */
  private arm(slot: number, ttl: number): void {
    if (!this.timers) return;
    this.disarm(slot);
    if (ttl === 0) return;
    const over = (): void => {
      this.timers!.delete(slot);
      if (this.isStale(slot)) this.remove(this.keyOf(slot), 'expire');
      else this.arm(slot, this.remaining(slot));
    };
    const timer = setTimeout(over, ttl + 1) as unknown as { unref?(): void };
    timer.unref?.();
    this.timers.set(slot, timer);
  }

  private disarm(slot: number): void {
    const timer = this.timers?.get(slot);
    if (timer === undefined) return;
    clearTimeout(timer as unknown as number);
    this.timers!.delete(slot);
  }

  private tellTimes(slot: number, status: LRUCache.Status<V>): void {
    const { times } = this;
    if (times === undefined || !times[2 * slot] || !times[2 * slot + 1]) return;
    status.ttl = times[2 * slot + 1]!;
    status.start = times[2 * slot]!;
    status.now = this.now();
    status.remainingTTL = status.ttl - (status.now - status.start);
  }
}
