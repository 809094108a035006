// The Cache API: values that are made when they are missing, kept fresh, and let go of together. All its state but the promises of factories that are
// running lies in the engine, under the prefix (README: "Caching").

import type { Cachette } from '../cachette.js';
import type { Instance } from '../instance.js';
import type { HostSignal, Signal } from '../mode.js';
import { text, type Codec } from './codec.js';
import { milliseconds, type Duration } from './duration.js';
import { needsEnvelope, open, seal, type About } from './envelope.js';

/** How an entry is kept. Options of a call stand before those of the cache. */
export interface EntryOptions {
  /** How long it is fresh. Without: until it is evicted or deleted. */
  ttl?: Duration;
  /** Up to which share `ttl` is shortened at random, so that entries made together do not end together: 0.1 is 10 %. */
  jitter?: number;
  /** How long beyond `ttl` it is given at once while it is made anew: nobody waits for that. */
  staleWhileRevalidate?: Duration;
  /** How long beyond `ttl` it is given where it cannot be made anew: the factory throws, or takes too long. */
  grace?: Duration;
  /** How long after such a failure nobody tries again: doubled with each, up to 16 times as long. 1 s unless said. */
  graceBackoff?: Duration;
  /** The share of `ttl` after which the next to ask has it made anew in the background: 0.8 is at 80 %. */
  earlyRefresh?: number;
  /** The same by chance, more likely the nearer the end and the longer the factory takes (XFetch): 1 is usual, more is earlier. */
  xfetch?: number;
  /** How long `null` and `undefined` are kept. Without: `null` as long as any value, `undefined` not at all. */
  negativeTtl?: Duration;
  /** How long an error of the factory is thrown again without asking it. Without: not at all. */
  errorTtl?: Duration;
  /** Names by which entries are let go of together: `deleteByTag('user:1')`. */
  tags?: readonly string[];
  /** `soft`: how long to wait for the factory where there is an older value to give. `hard`: how long at all. The factory's signal is aborted at `hard`. */
  timeout?: { soft?: Duration; hard?: Duration };
}

export interface GetOrSetOptions extends EntryOptions {
  /** Calls off this call's waiting, with the signal's reason. The factory goes on for others. */
  signal?: Signal;
}

export interface CacheOptions<T> extends EntryOptions {
  /** How values are stored: `text` unless said; `json`, `messagePack`, `structured`, `bytes`. */
  codec?: Codec<T>;
  /** Before all keys: `'cache:'` unless said. Two caches of one prefix are one. */
  prefix?: string;
  /** Told of what failed while nobody waited for it: a refresh in the background. */
  onError?: (error: unknown, key: string) => void;
}

/** What a factory is told, and may say of the entry: `ttl` and `tags` can be set on it. */
export interface FactoryContext<T> {
  readonly key: string;
  /** Aborted at the hard timeout. */
  readonly signal: HostSignal;
  /** The value that is no longer fresh, if there is one. */
  readonly stale: T | undefined;
  ttl: Duration | undefined;
  tags: readonly string[] | undefined;
}

export type Factory<T> = (context: FactoryContext<T>) => T | Promise<T>;

/** A factory did not answer within the hard timeout. */
export class CacheTimeoutError extends Error {
  override readonly name = 'CacheTimeoutError';

  constructor(key: string, after: number) {
    super(`the value of ${JSON.stringify(key)} was not made within ${after} ms`);
  }
}

/** The factory failed a short time ago, with this message; see `errorTtl`. */
export class CachedError extends Error {
  override readonly name = 'CachedError';
}

/** An entry that was found. */
interface Found<T> {
  value: T;
  about: About | undefined;
}

/** What all caches on one engine share: factories that are running, by key, and generations of namespaces as last read. */
interface Books {
  running: Map<string, Promise<unknown>>;
  generations: Map<string, string>;
  /** Counts the changes of generations. */
  epoch: number;
}

const books = new WeakMap<Instance, Books>();

export class Cache<T = string> {
  private readonly codec: Codec<T>;
  private readonly prefix: string;
  private readonly source: Cachette<string> | Cachette<Uint8Array>;
  private readonly books: Books;
  /** What stands before a key in the engine, as of `epoch`. */
  private whole = '';
  private epoch = -1;

  constructor(
    /** The cache that holds everything. */
    readonly engine: Cachette<string>,
    private readonly options: CacheOptions<T> = {},
    /** The cache that this one is a namespace of. @internal */
    private readonly within?: { parent: Cache<any>; name: string },
  ) {
    this.codec = options.codec ?? (text as unknown as Codec<T>);
    this.prefix = options.prefix ?? 'cache:';
    this.source = this.codec.bytes ? engine.bytes : engine;
    const { core } = engine;
    const known = books.get(core);
    this.books = known ?? { running: new Map(), generations: new Map(), epoch: 0 };
    if (known === undefined) books.set(core, this.books);
  }

  /** A cache within this one, which is cleared with it, or alone. */
  namespace<U = T>(name: string, options: Omit<CacheOptions<U>, 'prefix'> = {}): Cache<U> {
    return new Cache<U>(this.engine, { ...(this.options as CacheOptions<any>), ...options }, { parent: this, name });
  }

  /** The value, or undefined. It may be stale where `staleWhileRevalidate` or `grace` keep it. */
  get(key: string): T | undefined {
    const found = this.find(key);
    return found === undefined || found.about?.kind === 'e' ? undefined : found.value;
  }

  /** The values of keys, in their order; undefined for those that are missing. */
  mget(keys: readonly string[]): (T | undefined)[] {
    return keys.map((key) => this.get(key));
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** Stores a value. What a factory makes meanwhile is not stored over it. */
  set(key: string, value: T, options: EntryOptions = {}): void {
    const at = this.at(key);
    this.books.running.delete(at);
    const all = { ...this.options, ...options };
    this.store(at, value, all, this.versions(all.tags), 0);
  }

  /** Deletes keys; how many there were. */
  delete(...keys: string[]): number {
    const all = keys.map((key) => this.at(key));
    for (const key of all) this.books.running.delete(key);
    return all.length === 0 ? 0 : this.engine.del(...all);
  }

  /** Gives an entry its time anew: that of the call, or of the cache. False if there is none. */
  touch(key: string, options: Pick<EntryOptions, 'ttl'> = {}): boolean {
    const ttl = options.ttl ?? this.options.ttl;
    const found = this.find(key);
    if (found === undefined) return false;
    if (found.about === undefined && ttl !== undefined) return this.engine.pexpire(this.at(key), Math.ceil(milliseconds(ttl))) === 1;
    if (found.about === undefined) return this.engine.persist(this.at(key)) >= 0;
    this.store(this.at(key), found.value, { ...this.options, ...(ttl !== undefined && { ttl }) }, found.about.tags, found.about.cost);
    return true;
  }

  /** Lets go of all entries with one of these tags, whatever namespace of this engine and prefix they are in. O(1) a tag. */
  deleteByTag(...tags: string[]): void {
    for (const tag of tags) this.engine.del(this.tagKey(tag));
  }

  /** Lets go of all entries, those of namespaces within too. O(1): what they took is given back as they expire or are evicted, or by {@link Cache.sweep}. */
  clear(): void {
    const key = this.generationKey();
    const next = this.unique();
    this.engine.set(key, next);
    this.books.generations.set(key, next);
    this.books.epoch++;
  }

  /** Removes what `clear` let go of, and gives how many entries those were. O(N), N keys of the engine, by a thousand keys a turn of the event loop. */
  async sweep(): Promise<number> {
    let removed = 0;
    const [base, current] = [this.base(), this.generation()];
    const kept = (key: string): boolean => key.startsWith(current) || key === this.generationKey() || key.startsWith(this.tagKey(''));
    for (let cursor = '0', first = true; first || cursor !== '0'; first = false) {
      const [next, keys] = this.engine.scan(cursor, { match: `${base.replace(/[*?[\]\\]/g, '\\$&')}*`, count: 1000 }) as unknown as [string, string[]];
      const gone = keys.filter((key) => !kept(key));
      if (gone.length > 0) removed += this.engine.unlink(...gone);
      cursor = String(next);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return removed;
  }

  /**
   * The value; made by `factory` if there is none or it is too old, once for all who ask meanwhile. Rejects with what the factory threw, unless an older
   * value may be given in its place (`grace`).
   */
  getOrSet(key: string, factory: Factory<T>, options?: GetOrSetOptions): Promise<T> {
    try {
      const at = this.at(key);
      const stored = this.source.get(at);
      if (stored !== null && !needsEnvelope(stored)) return Promise.resolve(this.codec.decode(stored as never));
      return this.getOrMake(key, at, stored, factory, options === undefined ? this.options : { ...this.options, ...options });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * The values of keys, in their order. Those that are missing are made by one call of `factory`, which is given their keys and answers in their order.
   * Keys that somebody else is making at the moment are waited for.
   */
  async getOrSetMany(keys: readonly string[], factory: (missing: string[]) => readonly T[] | Promise<readonly T[]>, options: EntryOptions = {}): Promise<T[]> {
    const { running } = this.books;
    const missing = [...new Set(keys)].filter((key) => !running.has(this.at(key)) && !this.isFresh(key));
    const several = async (wanted: string[]): Promise<readonly T[]> => {
      const values = await factory(wanted);
      if (values.length !== wanted.length) throw new TypeError(`the factory was given ${wanted.length} keys and answered ${values.length} values`);
      return values;
    };
    const made = missing.length === 0 ? undefined : several(missing);
    const making = new Map(missing.map((key, index) => [key, this.getOrSet(key, () => made!.then((values) => values[index]!), options)]));
    const alone = async (key: string): Promise<T> => (await several([key]))[0]!;
    return Promise.all(keys.map((key) => making.get(key) ?? this.getOrSet(key, () => alone(key), options)));
  }

  /** `fn` with its results cached, by the key that `options.key` makes of the arguments (all of them as JSON unless said). `forget(...args)` deletes one. */
  memo<A extends unknown[]>(fn: (...args: A) => T | Promise<T>, options: GetOrSetOptions & { key?: (...args: A) => string } = {}): Memo<A, T> {
    const { key = (...args: A) => `${fn.name}:${JSON.stringify(args)}`, ...rest } = options;
    const memo = (...args: A): Promise<T> => this.getOrSet(key(...args), () => fn(...args), rest);
    return Object.assign(memo, { forget: (...args: A) => this.delete(key(...args)) > 0 });
  }

  // ---- finding

  /** The key as the engine has it. */
  private at(key: string): string {
    if (this.epoch !== this.books.epoch) {
      this.whole = this.generation();
      this.epoch = this.books.epoch;
    }
    return this.whole + key;
  }

  private find(key: string): Found<T> | undefined {
    const stored = this.source.get(this.at(key));
    return stored === null ? undefined : this.unpack(stored);
  }

  private isFresh(key: string): boolean {
    const found = this.find(key);
    return found !== undefined && (found.about === undefined || found.about.kind === 'e' || this.now() < found.about.fresh);
  }

  /** Undefined where a tag of it was let go of. */
  private unpack(stored: string | Uint8Array): Found<T> | undefined {
    if (!needsEnvelope(stored)) return { value: this.codec.decode(stored as never), about: undefined };
    const { value, about } = open(stored);
    const versions = about.tags.length === 0 ? [] : this.engine.mget(about.tags.map(([tag]) => this.tagKey(tag)));
    if (about.tags.some(([, version], i) => versions[i] !== version)) return undefined;
    return { value: about.kind === 'e' ? (value as T) : this.codec.decode(value as never), about };
  }

  private now(): number {
    return this.engine.core.now();
  }

  // ---- making

  private getOrMake(key: string, at: string, stored: string | Uint8Array | null, factory: Factory<T>, options: GetOrSetOptions): Promise<T> {
    const found = stored === null ? undefined : this.unpack(stored);
    if (found?.about === undefined) {
      return raced(this.make(key, at, undefined, factory, options), options.signal);
    }
    const { value, about } = found;
    const now = this.now();
    if (about.kind === 'e') return Promise.reject(new CachedError(String(value)));
    if (about.fresh === 0 || now < about.fresh) {
      if (this.isEarly(about, now, options)) this.refresh(key, at, found, factory, options);
      return Promise.resolve(value);
    }
    if (now < about.stale) {
      this.refresh(key, at, found, factory, options);
      return Promise.resolve(value);
    }
    const made = this.make(key, at, found, factory, options);
    return raced(this.atMost(options.timeout?.soft, options.grace === undefined ? made : made.catch(() => value), value), options.signal);
  }

  private isEarly(about: About, now: number, { earlyRefresh, xfetch, ttl }: EntryOptions): boolean {
    if (ttl === undefined || about.fresh === 0) return false;
    const left = about.fresh - now;
    if (earlyRefresh !== undefined && left <= milliseconds(ttl) - milliseconds(ttl) * earlyRefresh) return true;
    return xfetch !== undefined && -about.cost * xfetch * Math.log(Math.random()) >= left;
  }

  private refresh(key: string, at: string, found: Found<T>, factory: Factory<T>, options: EntryOptions): void {
    if (this.books.running.has(at)) return;
    this.make(key, at, found, factory, options).catch((error) => this.options.onError?.(error, key));
  }

  /** Runs the factory, unless it runs already, and stores what it made. */
  private make(key: string, at: string, found: Found<T> | undefined, factory: Factory<T>, options: EntryOptions): Promise<T> {
    const { running } = this.books;
    const known = running.get(at);
    if (known !== undefined) return known as Promise<T>;
    const control = new AbortController();
    const hard = options.timeout?.hard;
    const timer = hard === undefined ? undefined : setTimeout(() => control.abort(new CacheTimeoutError(key, milliseconds(hard))), milliseconds(hard));
    const start = this.now();
    const context: FactoryContext<T> = { key, signal: control.signal, stale: found?.value, ttl: undefined, tags: undefined };
    // Set or deleted meanwhile, by somebody who knows better: what was made is given to those who wait, and not stored.
    const current = (): boolean => running.get(at) === made;
    // Versions as they are now: what is let go of while the factory runs may be what it works with.
    const versions = this.versions(options.tags);
    const made: Promise<T> = raced(new Promise<T>((resolve) => resolve(factory(context))), control.signal).then(
      (value) => {
        const { ttl, tags } = context;
        const tagged = tags === undefined ? versions : [...versions, ...this.versions(tags)];
        if (current()) this.store(at, value, ttl === undefined ? options : { ...options, ttl }, tagged, this.now() - start);
        return value;
      },
      (error) => {
        if (current()) this.failed(at, error, found, options);
        throw error;
      },
    );
    running.set(at, made);
    const end = (): void => {
      clearTimeout(timer);
      if (current()) running.delete(at);
    };
    made.then(end, end);
    return made;
  }

  /** Gives the older value at the soft timeout. */
  private atMost(soft: Duration | undefined, made: Promise<T>, older: T): Promise<T> {
    if (soft === undefined) return made;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve(older), milliseconds(soft));
      made.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  private failed(at: string, error: unknown, found: Found<T> | undefined, options: EntryOptions): void {
    const now = this.now();
    if (found?.about !== undefined && found.about.kind === '' && options.grace !== undefined) {
      const left = this.engine.pttl(at);
      const wait = milliseconds(options.graceBackoff ?? 1000) * 2 ** Math.min(found.about.tries, 4);
      const about = { ...found.about, fresh: now + wait, stale: Math.max(found.about.stale, now + wait), tries: found.about.tries + 1 };
      if (left > 0) this.engine.set(at, seal(this.codec.encode(found.value), about), { px: left });
      return;
    }
    if (options.errorTtl === undefined) return;
    const ttl = milliseconds(options.errorTtl);
    this.engine.set(at, seal(error instanceof Error ? error.message : String(error), { fresh: now + ttl, kind: 'e' }), { px: Math.ceil(ttl) });
  }

  // ---- storing

  private store(at: string, value: T, options: EntryOptions, tags: About['tags'], cost: number): void {
    if (value === undefined && options.negativeTtl === undefined) return;
    const negative = value === undefined || value === null;
    const given = (negative ? options.negativeTtl : undefined) ?? options.ttl;
    const whole = given === undefined ? Infinity : milliseconds(given);
    const ttl = whole * (1 - (options.jitter ?? 0) * Math.random());
    const encoded = this.codec.encode((value === undefined ? null : value) as T);
    const { staleWhileRevalidate: swr, grace, earlyRefresh, xfetch } = options;
    const soft = ttl !== Infinity && (swr ?? grace ?? earlyRefresh ?? xfetch) !== undefined;
    if (!soft && tags.length === 0 && !needsEnvelope(encoded)) return this.put(at, encoded, ttl);
    const now = this.now();
    const beyond = ttl === Infinity ? 0 : Math.max(milliseconds(swr ?? 0), milliseconds(grace ?? 0));
    const fresh = ttl === Infinity ? 0 : Math.ceil(now + ttl);
    this.put(at, seal(encoded, { fresh, stale: fresh + milliseconds(swr ?? 0), cost, tags }), ttl + beyond);
  }

  private put(at: string, value: string | Uint8Array, ttl: number): void {
    if (ttl === Infinity) this.engine.set(at, value);
    else if (ttl < 1) this.engine.del(at);
    else this.engine.set(at, value, { px: Math.ceil(ttl) });
  }

  // ---- generations and tags: numbers that are never used twice, under keys of their own

  private tagKey(tag: string): string {
    return `${this.prefix}\u0001t:${tag}`;
  }

  /** Tags with their versions; a tag that is unknown, or was let go of, gets a new one. */
  private versions(tags: readonly string[] = []): About['tags'] {
    return tags.map((tag) => {
      const known = this.engine.get(this.tagKey(tag));
      if (known !== null) return [tag, known];
      const version = this.unique();
      this.engine.set(this.tagKey(tag), version);
      return [tag, version];
    });
  }

  private unique(): string {
    return `${this.now().toString(36)}.${Math.floor(Math.random() * 2 ** 32).toString(36)}`;
  }

  private base(): string {
    return this.within === undefined ? this.prefix : `${this.within.parent.generation()}${this.within.name}:`;
  }

  private generationKey(): string {
    return `${this.base()}\u0001g`;
  }

  /** What stands before the keys of entries: the own prefix until the first `clear`. */
  private generation(): string {
    const { generations } = this.books;
    const key = this.generationKey();
    let known = generations.get(key);
    if (known === undefined) {
      known = this.engine.get(key) ?? '';
      generations.set(key, known);
    }
    return known === '' ? this.base() : `${this.base()}\u0001${known}:`;
  }
}

/** A function with its results cached. */
export interface Memo<A extends unknown[], T> {
  (...args: A): Promise<T>;
  /** Deletes the result for these arguments; false if there is none. */
  forget(...args: A): boolean;
}

/** The promise, or the signal's reason if that comes first. */
function raced<T>(promise: Promise<T>, signal: Signal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
