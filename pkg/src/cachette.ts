// The cache as its user sees it.

/// <reference lib="esnext.disposable" preserve="true" />

import { exchange } from './door.js';
import { ReplyError } from './errors.js';
import { Commands, type ExpireOptions, type SetOptions } from './generated/commands.js';
import { Instance } from './instance.js';
import { DONE, MISS, pack, packedRoom, putField, putKey, putValue, REFUSED, takeBytes, takeInteger, takeMany, takeText } from './lanes.js';
import { engineNow, engineSoon, moduleSoon } from './module.js';
import { configuration, type CachetteOptions, type ValueOf } from './options.js';
import { decodeObject, encodeObject } from './objects.js';
import { Pipeline } from './pipeline.js';
import type { Signal } from './mode.js';
import type { Arg, Reply } from './resp.js';
import { Messages, Subscription, type Message, type MessagesOptions } from './subscription.js';
import { decodeText } from './text.js';
import { wait } from './wait.js';
import { flatten, type Entries, type Many } from './words.js';

/** What the cache did so far, and what it holds. */
export interface CacheStats {
  /** Keys of all databases, expired ones that nobody met yet included. */
  keys: number;
  /** Look-ups that found their key, and those that did not. */
  hits: number;
  misses: number;
  /** Keys removed because their deadline passed, and because room was needed. */
  expired: number;
  evicted: number;
  /** Bytes that keys and values take by the engine's books, which is what `maxmemory` limits, and the most they ever took. */
  bytes: number;
  peakBytes: number;
  /** `maxmemory`; 0 is no limit. */
  maxmemory: number;
  /** Bytes of the WebAssembly instance. They are given back when the cache is closed, not before. */
  wasmBytes: number;
}

/** Events, and what their listeners are given. */
export interface CacheEvents {
  /** A key's deadline passed and it was removed. */
  expired: KeyEvent;
  /** A key was removed to stay below `maxmemory`. */
  evicted: KeyEvent;
}

/** Which key, of which database. */
export interface KeyEvent {
  key: string;
  db: number;
}

type Listener<E extends keyof CacheEvents> = (event: CacheEvents[E]) => void;

/** What all faces of one cache share. */
interface Shared {
  core: Instance;
  listeners: { [E in keyof CacheEvents]: Set<Listener<E>> };
}

/**
 * A cache: an engine with Redis's commands and semantics in a WebAssembly instance of its own. Every call is answered at once, but for methods of
 * commands that wait (`blpop` and its kin), which give a promise.
 *
 * `V` is what values come as: `string`, or `Uint8Array` with the option `bytes` or through {@link Cachette.bytes}.
 */
export class Cachette<V extends string | Uint8Array = string> extends Commands<'sync', V> {
  /** @internal */
  readonly core: Instance;
  private readonly shared: Shared;
  private readonly asBytes: boolean;
  private twin: Cachette<Uint8Array> | undefined;

  /** A new, empty cache. In a browser the WebAssembly must have been loaded first: use {@link Cachette.create} once. */
  constructor(options: CachetteOptions = {}) {
    super();
    const parameters = configuration(options);
    const { seed } = options;
    this.core = new Instance(engineNow(options), options.now ?? Date.now, (core) => {
      if (seed !== undefined) core.seed(seed);
      const [refused] = exchange(core, parameters, false).filter((reply) => reply instanceof ReplyError);
      if (refused !== undefined) throw refused;
      if (core.tell !== undefined) core.raw.listen(1);
    });
    this.shared = { core: this.core, listeners: { expired: new Set(), evicted: new Set() } };
    this.asBytes = options.bytes ?? false;
  }

  /** A new, empty cache, wherever this runs. */
  static async create<O extends CachetteOptions>(options?: O): Promise<Cachette<ValueOf<O>>> {
    await Promise.all([engineSoon(options ?? {}), options?.objects && moduleSoon('objects')]);
    return new Cachette<ValueOf<O>>(options);
  }

  /** This very cache with values as `Uint8Array`: `cache.bytes.get('k')`. */
  get bytes(): Cachette<Uint8Array> {
    if (this.twin !== undefined) return this.twin;
    const twin: Cachette<Uint8Array> = Object.create(Cachette.prototype);
    Object.assign(twin, { core: this.core, shared: this.shared, asBytes: true, twin });
    this.twin = twin;
    return twin;
  }

  /**
   * Runs any command; a refusal is thrown as {@link ReplyError}. Commands that would wait answer at once here, and messages of channels subscribed
   * to here are told to nobody: those have methods.
   */
  call(command: string, ...args: Arg[]): Reply {
    return this.send([command, ...args]);
  }

  /** A queue of commands that cross into the engine together: `cache.pipeline().set('a', 1).get('a').exec()`. */
  pipeline(): Pipeline<V> {
    return new Pipeline<V>((commands) => this.exchange(commands));
  }

  /**
   * Runs the commands that `fill` queues as one MULTI … EXEC. Returns their answers, a refusal among them as a {@link ReplyError}; `null`
   * where a watched key changed. Throws where a command was refused when it was queued: then none ran.
   */
  transaction(fill: (queue: Pipeline<V>) => void): Reply[] | null {
    const queue = new Pipeline<V>((commands) => commands);
    fill(queue);
    const replies = this.exchange([['MULTI'], ...queue.take(), ['EXEC']]);
    const done = replies.at(-1)!;
    if (done instanceof ReplyError) throw replies.find((reply) => reply instanceof ReplyError);
    return done as Reply[] | null;
  }

  /**
   * Subscribes to channels. With a listener: it is told of each message at the end of the turn of the event loop in which it was published. Without:
   * an async iterator of messages. Either way the subscription lasts until `unsubscribe()`.
   */
  subscribe(channels: Many, listener: (message: Message<V>) => void): Subscription<V>;
  subscribe(channels: Many, options?: MessagesOptions): Messages<V>;
  subscribe(channels: Many, how?: MessagesOptions | ((message: Message<V>) => void)): Subscription<V> {
    return this.listen('SUBSCRIBE', channels, how);
  }

  /** As {@link Cachette.subscribe}, to all channels whose names match a pattern. */
  psubscribe(patterns: Many, listener: (message: Message<V>) => void): Subscription<V>;
  psubscribe(patterns: Many, options?: MessagesOptions): Messages<V>;
  psubscribe(patterns: Many, how?: MessagesOptions | ((message: Message<V>) => void)): Subscription<V> {
    return this.listen('PSUBSCRIBE', patterns, how);
  }

  /** As {@link Cachette.subscribe}, to the channels of `spublish`. */
  ssubscribe(channels: Many, listener: (message: Message<V>) => void): Subscription<V>;
  ssubscribe(channels: Many, options?: MessagesOptions): Messages<V>;
  ssubscribe(channels: Many, how?: MessagesOptions | ((message: Message<V>) => void)): Subscription<V> {
    return this.listen('SSUBSCRIBE', channels, how);
  }

  private listen(command: string, channels: Many, how?: MessagesOptions | ((message: Message<V>) => void)): Subscription<V> {
    const words: Arg[] = [command];
    flatten(words, [channels]);
    const { core, asBytes } = this;
    return typeof how === 'function' ? new Subscription<V>(core, words, asBytes, how) : new Messages<V>(core, words, asBytes, how);
  }

  /** Figures of the cache; cheap enough to be asked for often. */
  stats(): CacheStats {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    core.raw.stats();
    const [keys, hits, misses, expired, evicted, bytes, peakBytes, maxmemory] = new Float64Array(core.raw.memory.buffer, core.valueAt, 8);
    const wasmBytes = core.raw.memory.buffer.byteLength;
    return { keys, hits, misses, expired, evicted, bytes, peakBytes, maxmemory, wasmBytes } as CacheStats;
  }

  /**
   * Has `listener` told of events, at the end of the turn of the event loop in which they happened. Returns a function that ends it.
   * Expired keys are removed when they are met, else by a timer of the cache's; hosts without timers do it at the next call.
   */
  on<E extends keyof CacheEvents>(event: E, listener: Listener<E>): () => void {
    const { core, listeners } = this.shared;
    listeners[event].add(listener);
    if (core.tell === undefined) {
      core.tell = () => this.tell();
      core.raw.listen(1);
    }
    return () => {
      listeners[event].delete(listener);
      if (listeners.expired.size + listeners.evicted.size > 0 || core.tell === undefined) return;
      core.tell = undefined;
      core.raw?.listen(0);
    };
  }

  /** Starts anew, empty, in a fresh instance: after a {@link CacheCrashedError}, or to give memory back. Listeners and subscriptions stay; waits are rejected. */
  reset(): void {
    this.core.start();
  }

  /** Ends the cache and gives its memory back. Waits are rejected with a {@link CacheClosedError}, and later calls throw one. */
  close(): void {
    this.core.close();
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.core.closed;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Stores plain data under a key: objects, arrays, strings, numbers, booleans, bigints of up to 64 bits, `Date`, `Map`, `Uint8Array`,
   * null. Stored is MessagePack, which other programs read too. Throws at what is no data, such as a function, and at a cycle.
   */
  setObject(key: Arg, value: unknown, options?: SetOptions): 'OK' | V | null {
    return this.set(key, encodeObject(value), options);
  }

  /** What {@link Cachette.setObject} stored, or null. `undefined` comes back as null, a `Map` with text keys only as an object. */
  getObject<T = unknown>(key: Arg): T | null {
    const stored = this.bytes.get(key);
    return stored === null ? null : (decodeObject(stored) as T);
  }

  // The hot lanes: as the generated methods, by a shorter way. `super` is the way for what does not fit or may not run there.

  override get(key: Arg): V | null {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const length = putKey(core, key);
      if (length < 0) return super.get(key);
      const at = core.raw.get(length) >>> 0;
      if (core.u32.length === 0) core.look();
      if (at > DONE) return (this.asBytes ? takeBytes(core, at) : takeText(core, at)) as V;
      if (at === MISS) return null;
      if (at === REFUSED) throw refusal(core, 'GET');
      return super.get(key);
    } catch (error) {
      throw core.failed(error);
    }
  }

  override set<T = 'OK' | V | null>(key: Arg, value: Arg, options?: SetOptions): T {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const ttl = options === undefined ? 0 : plainTtl(options);
      const keyLength = putKey(core, key);
      const valueLength = putValue(core, value);
      if (keyLength < 0 || valueLength < 0 || ttl < 0) return super.set<T>(key, value, options);
      const done = core.raw.set(keyLength, valueLength, ttl);
      if (core.u32.length === 0) core.look();
      if (done === DONE) return 'OK' as T;
      if (done === REFUSED) throw refusal(core, 'SET');
      return super.set<T>(key, value, options);
    } catch (error) {
      throw core.failed(error);
    }
  }

  override del(...keys: Many[]): number {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const length = keys.length === 1 ? putKey(core, keys[0] as Arg) : -1;
      if (length < 0) return super.del(...keys);
      const done = core.raw.del(length);
      if (core.u32.length === 0) core.look();
      if (done === DONE) return core.u32[core.header + 2]!;
      return super.del(...keys);
    } catch (error) {
      throw core.failed(error);
    }
  }

  override exists(...keys: Many[]): number {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const length = keys.length === 1 ? putKey(core, keys[0] as Arg) : -1;
      if (length < 0) return super.exists(...keys);
      const done = core.raw.exists(length);
      if (core.u32.length === 0) core.look();
      if (done === DONE) return core.u32[core.header + 2]!;
      return super.exists(...keys);
    } catch (error) {
      throw core.failed(error);
    }
  }

  override incr(key: Arg): number {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const length = putKey(core, key);
      if (length < 0) return super.incr(key);
      const done = core.raw.incr(length);
      if (core.u32.length === 0) core.look();
      if (done === DONE) return takeInteger(core) as number;
      if (done === REFUSED) throw refusal(core, 'INCR');
      return super.incr(key);
    } catch (error) {
      throw core.failed(error);
    }
  }

  override expire(key: Arg, seconds: number | bigint, options?: ExpireOptions): 0 | 1 {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const length = options === undefined && Number.isSafeInteger(seconds) ? putKey(core, key) : -1;
      if (length < 0) return super.expire(key, seconds, options);
      const done = core.raw.expire(length, seconds as number);
      if (core.u32.length === 0) core.look();
      if (done === DONE) return core.u32[core.header + 2] as 0 | 1;
      if (done === REFUSED) throw refusal(core, 'EXPIRE');
      return super.expire(key, seconds, options);
    } catch (error) {
      throw core.failed(error);
    }
  }

  override ttl(key: Arg): number {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const length = putKey(core, key);
      if (length < 0) return super.ttl(key);
      const done = core.raw.ttl(length);
      if (core.u32.length === 0) core.look();
      return done === DONE ? (takeInteger(core) as number) : super.ttl(key);
    } catch (error) {
      throw core.failed(error);
    }
  }

  override hget(key: Arg, field: Arg): V | null {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const keyLength = putKey(core, key);
      const fieldLength = putField(core, field);
      if (keyLength < 0 || fieldLength < 0) return super.hget(key, field);
      const at = core.raw.hget(keyLength, fieldLength) >>> 0;
      if (core.u32.length === 0) core.look();
      if (at > DONE) return (this.asBytes ? takeBytes(core, at) : takeText(core, at)) as V;
      if (at === MISS) return null;
      if (at === REFUSED) throw refusal(core, 'HGET');
      return super.hget(key, field);
    } catch (error) {
      throw core.failed(error);
    }
  }

  override hset(key: Arg, ...fields: Entries<Arg>[]): number {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const keyLength = fields.length === 2 ? putKey(core, key) : -1;
      const fieldLength = keyLength < 0 ? -1 : putField(core, fields[0] as Arg);
      const valueLength = fieldLength < 0 ? -1 : putValue(core, fields[1] as Arg);
      if (valueLength < 0) return super.hset(key, ...fields);
      const done = core.raw.hset(keyLength, fieldLength, valueLength);
      if (core.u32.length === 0) core.look();
      if (done === DONE) return core.u32[core.header + 2]!;
      if (done === REFUSED) throw refusal(core, 'HSET');
      return super.hset(key, ...fields);
    } catch (error) {
      throw core.failed(error);
    }
  }

  override mget(...keys: Many[]): (V | null)[] {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const words = keys.length === 1 && Array.isArray(keys[0]) ? (keys[0] as Arg[]) : (keys as Arg[]);
      const count = words.length;
      if (count === 0 || !packAll(core, words)) return super.mget(...keys);
      const done = core.raw.mget(count);
      if (core.u32.length === 0) core.look();
      return done === DONE ? (takeMany(core, count, this.asBytes) as (V | null)[]) : super.mget(...keys);
    } catch (error) {
      throw core.failed(error);
    }
  }

  override mset(...data: Entries<Arg>[]): 'OK' {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const words: Arg[] = [];
      flatten(words, data);
      const count = words.length;
      if (count === 0 || count % 2 === 1 || !packAll(core, words)) return super.mset(...data);
      const done = core.raw.mset(count);
      if (core.u32.length === 0) core.look();
      if (done === DONE) return 'OK';
      if (done === REFUSED) throw refusal(core, 'MSET');
      return super.mset(...data);
    } catch (error) {
      throw core.failed(error);
    }
  }

  private tell(): void {
    const { core, listeners } = this.shared;
    for (let kind = core.raw.event(); kind !== 0; kind = core.raw.event()) {
      if (core.u32.length === 0) core.look();
      const { u32, header } = core;
      const event = { key: decodeText(core.u8, core.valueAt, u32[header]!), db: u32[header + 2]! };
      for (const listener of listeners[kind === 1 ? 'expired' : 'evicted']) listener(event);
      // A listener may have closed the cache.
      if (core.raw === undefined) return;
    }
  }

  /** @internal */
  protected override send<T>(args: Arg[]): T {
    const [reply] = this.exchange([args]);
    if (reply instanceof ReplyError) throw reply;
    return reply as T;
  }

  /** @internal */
  protected override park<T>(args: Arg[], signal?: Signal): Promise<T> {
    return wait(this.core, args, this.asBytes, signal);
  }

  private exchange(commands: readonly (readonly Arg[])[]): Reply[] {
    const { core } = this;
    return core.enter(() => exchange(core, commands, this.asBytes));
  }
}

/** Milliseconds that SET's options mean, 0 for none; -1 where they say more than a time to live, or say it wrong: the door judges that. */
function plainTtl(options: SetOptions): number {
  let ttl = 0;
  for (const name in options) {
    const value = options[name as keyof SetOptions];
    if (value === undefined || value === false) continue;
    const unit = name === 'ex' ? 1000 : name === 'px' ? 1 : 0;
    if (unit === 0 || ttl !== 0 || !Number.isSafeInteger(value) || (value as number) <= 0 || (value as number) > LONGEST_TTL) return -1;
    ttl = (value as number) * unit;
  }
  return ttl;
}

/** Seconds or milliseconds up to which a time to live is a safe integer in milliseconds. */
const LONGEST_TTL = 2 ** 40;

function packAll(core: Instance, words: readonly Arg[]): boolean {
  let { at, end } = packedRoom(core);
  for (let i = 0; i < words.length && at >= 0; i++) at = pack(core, words[i]!, at, end);
  return at >= 0;
}

function refusal(core: Instance, command: string): ReplyError {
  return new ReplyError(decodeText(core.u8, core.valueAt, core.u32[core.header]!), command);
}
