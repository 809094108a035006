// The cache as its user sees it.

/// <reference lib="esnext.disposable" preserve="true" />

import { Commands } from './generated/commands.js';
import { ReplyError } from './errors.js';
import { Instance } from './instance.js';
import { MISS, putKey, putValue, REFUSED, takeBytes, takeText } from './lanes.js';
import type { Queued } from './mode.js';
import { adopt, moduleNow, moduleSoon } from './module.js';
import { parseBytes, type CachetteOptions, type ValueOf } from './options.js';
import { argBytes, ReplyReader, upperBound, writeCommand, type Arg, type Reply } from './resp.js';
import { decodeText } from './text.js';

/** What the cache did so far, and what it holds. */
export interface CacheStats {
  keys: number;
  hits: number;
  misses: number;
  expired: number;
  evicted: number;
  /** Bytes that keys and values take, by the engine's books: what `maxmemory` limits. */
  bytes: number;
  /** Bytes of the WebAssembly instance. They never shrink until the cache is closed. */
  wasmBytes: number;
}

/** Events, and what their listeners are given. */
export interface CacheEvents {
  /** A key's deadline passed and it was removed. */
  expired: { key: string; db: number };
  /** A key was removed to stay below `maxmemory`. */
  evicted: { key: string; db: number };
}

/**
 * A cache: an engine with Redis's commands and semantics in a WebAssembly instance of its own. Every call is answered at once.
 *
 * `V` is what values come as: `string`, or `Uint8Array` with the option `bytes` or through {@link Cachette.bytes}.
 */
export class Cachette<V extends string | Uint8Array = string> extends Commands<'sync', V> {
  private readonly core: Instance;
  private readonly asBytes: boolean;
  private sibling: Cachette<Uint8Array> | undefined;

  /** A new, empty cache. In a browser the WebAssembly must have been loaded: use {@link Cachette.create} once. */
  constructor(options: CachetteOptions = {}) {
    super();
    if (options.module !== undefined) adopt(options.module as WebAssembly.Module);
    if (options.maxmemory !== undefined) parseBytes(options.maxmemory);
    this.core = new Instance(moduleNow(), options.now ?? Date.now);
    this.asBytes = options.bytes ?? false;
  }

  /** A new, empty cache, wherever this runs. */
  static async create<O extends CachetteOptions>(options?: O): Promise<Cachette<ValueOf<O>>> {
    if (options?.module === undefined) await moduleSoon();
    return new Cachette<ValueOf<O>>(options);
  }

  /** This cache with values as `Uint8Array`: `cache.bytes.get('k')`. */
  get bytes(): Cachette<Uint8Array> {
    if (this.sibling === undefined) {
      const sibling: Cachette<Uint8Array> = Object.create(Cachette.prototype);
      Object.assign(sibling, { core: this.core, asBytes: true, sibling });
      this.sibling = sibling;
    }
    return this.sibling;
  }

  /** Runs any command; a refusal is thrown as {@link ReplyError}. */
  call(command: string, ...args: Arg[]): Reply {
    return this.send([command, ...args]);
  }

  /** A queue of commands that cross into the engine together: `cache.pipeline().set('a', 1).get('a').exec()`. */
  pipeline(): Pipeline<V> {
    return new Pipeline<V>((commands) => this.exchange(commands));
  }

  /**
   * Runs the commands that `fill` queues as one MULTI … EXEC. Returns their answers, an error among them as a {@link ReplyError}; `null`
   * where a watched key changed. Throws if a command was refused when it was queued: then none ran.
   */
  transaction(fill: (queue: Pipeline<V>) => void): Reply[] | null {
    const queue = new Pipeline<V>((commands) => {
      const replies = this.exchange([['MULTI'], ...commands, ['EXEC']]);
      const done = replies.at(-1)!;
      if (done instanceof ReplyError) throw replies.find((reply) => reply instanceof ReplyError);
      return done as Reply[];
    });
    fill(queue);
    return queue.exec();
  }

  /** Starts anew, empty, in a fresh instance: after a {@link CacheCrashedError}, or to give memory back. */
  reset(): void {
    this.core.start();
  }

  /** Ends the cache and gives its memory back. Later calls throw a {@link CacheClosedError}. */
  close(): void {
    this.core.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  override get(key: Arg): V | null {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const length = putKey(core, key);
      if (length < 0) return super.get(key);
      const at = core.raw.get(length) >>> 0;
      if (core.u32.length === 0) core.look();
      if (at > REFUSED) return (this.asBytes ? takeBytes(core, at) : takeText(core, at)) as V;
      if (at === MISS) return null;
      throw this.refusal('GET');
    } catch (error) {
      throw core.failed(error);
    }
  }

  override set(key: Arg, value: Arg): 'OK' | V | null {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    try {
      const keyLength = putKey(core, key);
      const valueLength = putValue(core, value);
      if (keyLength < 0 || valueLength < 0) return super.set(key, value);
      core.raw.set(keyLength, valueLength, 0);
      if (core.u32.length === 0) core.look();
      return 'OK';
    } catch (error) {
      throw core.failed(error);
    }
  }

  /**
   * Stores any value of plain data under a key: objects, arrays, strings, numbers, booleans, bigints up to 64 bits, `Date`, `Map`,
   * `Uint8Array`, null. Stored is MessagePack, for other programs to read too. Throws on what is no data, such as a function.
   */
  setObject(key: Arg, value: unknown): 'OK' | V | null {
    const { core } = this;
    if (core.left-- <= 0) core.turn();
    let stored: Uint8Array;
    try {
      stored = core.objects.encodeObject(value);
      if (core.u32.length === 0) core.look();
    } catch (error) {
      throw core.failed(error);
    }
    return this.set(key, stored);
  }

  /** What {@link Cachette.setObject} stored, or null. `undefined` comes back as null, a `Map` with text keys as an object. */
  getObject<T = unknown>(key: Arg): T | null {
    const { core } = this;
    const stored = this.bytes.get(key);
    if (stored === null) return null;
    try {
      const value = core.objects.decodeObject(stored);
      if (core.u32.length === 0) core.look();
      return value as T;
    } catch (error) {
      throw core.failed(error);
    }
  }

  private refusal(command: string): ReplyError {
    const { core } = this;
    return new ReplyError(takeText(core, core.u32[core.header + 2]!), command);
  }

  /** @internal */
  protected override send<T>(args: Arg[]): T {
    const [reply] = this.exchange([args]);
    if (reply instanceof ReplyError) throw reply;
    return reply as T;
  }

  /** Sends commands in one crossing and returns their replies, errors among them. */
  private exchange(commands: readonly (readonly Arg[])[]): Reply[] {
    const { core } = this;
    const names: string[] = [];
    const words: (string | Uint8Array)[][] = [];
    let bytes = 0;
    for (const args of commands) {
      const name = String(args[0]).toUpperCase();
      const parts = args.map((arg, index) => argBytes(arg, name, index));
      names.push(name);
      words.push(parts);
      bytes += upperBound(parts);
    }
    if (core.left-- <= 0) core.turn();
    try {
      const start = core.raw.input(bytes) >>> 0;
      if (start === 0) throw new ReplyError('OOM the command does not fit into memory', names[0]!);
      if (core.u32.length === 0) core.look();
      let end = start;
      for (const parts of words) end = writeCommand(core.u8, end, parts);
      const at = core.raw.execute(end - start) >>> 0;
      if (core.u32.length === 0) core.look();
      const reader = new ReplyReader(core.u8, at, at + core.u32[core.header]!, this.asBytes, () => {});
      return names.map((name) => reader.next(name));
    } catch (error) {
      throw core.failed(error);
    }
  }
}

/** Commands that wait to be sent together. Each method returns the queue; `exec` returns the answers in order. */
export class Pipeline<V extends string | Uint8Array = string> extends Commands<Queued<Pipeline<V>>, V> {
  private queued: Arg[][] = [];

  /** @internal */
  constructor(private readonly run: (commands: Arg[][]) => Reply[] | null) {
    super();
  }

  /** Commands that wait. */
  get length(): number {
    return this.queued.length;
  }

  /** Queues any command. */
  call(command: string, ...args: Arg[]): this {
    this.queued.push([command, ...args]);
    return this;
  }

  /** Sends what was queued and empties the queue. A refused command's place holds a {@link ReplyError}; nothing is thrown for it. */
  exec(): Reply[] | null {
    const commands = this.queued;
    this.queued = [];
    return commands.length === 0 ? [] : this.run(commands);
  }

  /** @internal */
  protected override send<T>(args: Arg[]): T {
    this.queued.push(args);
    return this as unknown as T;
  }
}
