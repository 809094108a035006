// `cachette/keyv`: stores for Keyv 6 (`KeyvCachette`) and for Keyv 5, and with it cache-manager (`Keyv5Cachette`). They differ in how a time is told: Keyv 6
// tells the moment at which an entry ends, Keyv 5 how long it lasts, so that one object cannot serve both.

import type { Cachette } from '../cachette.js';
import { deleteBelow, keysBelow } from './keys.js';

export interface KeyvCachetteOptions {
  /** Keeps entries apart from those of other namespaces. Keyv sets it by its own option of this name. */
  namespace?: string;
  /** Before all keys in the cache: `'keyv'` unless said. */
  prefix?: string;
}

/** What Keyv hands over: text that its serializer made. */
type Value = string | Uint8Array;

class Store {
  namespace: string | undefined;
  private readonly prefix: string;

  constructor(
    protected readonly cache: Cachette<string>,
    { namespace, prefix = 'keyv' }: KeyvCachetteOptions = {},
  ) {
    this.namespace = namespace;
    this.prefix = prefix;
  }

  /** Where an entry lies. A namespace cannot be part of another: its own colons are escaped. */
  protected at(key = ''): string {
    return `${this.prefix}:${encodeURIComponent(this.namespace ?? '')}:${key}`;
  }

  /** As an event emitter: there is nothing that could fail by itself. */
  on(): this {
    return this;
  }

  async get(key: string): Promise<any> {
    return this.cache.get(this.at(key)) ?? undefined;
  }

  async getMany(keys: string[]): Promise<any[]> {
    return keys.length === 0 ? [] : this.cache.mget(keys.map((key) => this.at(key))).map((value) => value ?? undefined);
  }

  async has(key: string): Promise<boolean> {
    return this.cache.exists(this.at(key)) === 1;
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return keys.map((key) => this.cache.exists(this.at(key)) === 1);
  }

  async delete(key: string): Promise<boolean> {
    return this.cache.del(this.at(key)) === 1;
  }

  /** Deletes the entries of this namespace, and no others. */
  async clear(): Promise<void> {
    deleteBelow(this.cache, this.at());
  }

  async disconnect(): Promise<void> {}

  async *iterator(): AsyncGenerator<[key: string, value: any]> {
    for (const key of keysBelow(this.cache, this.at())) {
      const value = this.cache.get(this.at(key));
      if (value !== null) yield [key, value];
    }
  }

  /** `ttl` in milliseconds; one that is over leaves nothing. */
  protected put(key: string, value: Value, ttl?: number): void {
    if (ttl === undefined) this.cache.set(this.at(key), value);
    else if (ttl > 0) this.cache.set(this.at(key), value, { px: Math.ceil(ttl) });
    else this.cache.del(this.at(key));
  }
}

const METHODS = ['get', 'getMany', 'has', 'hasMany', 'set', 'setMany', 'delete', 'deleteMany', 'clear', 'disconnect', 'iterator'] as const;

/** A store for Keyv 6: `new Keyv({ store: new KeyvCachette(cache) })`. */
export class KeyvCachette extends Store {
  /** What Keyv asks a store that takes moments: then it is used as it is. */
  get capabilities(): { compatible: boolean; store: 'keyvStorage'; methods: Record<(typeof METHODS)[number], { exists: boolean; methodType: 'async' }>; expires: boolean } {
    const method = { exists: true, methodType: 'async' } as const;
    return { compatible: true, store: 'keyvStorage', methods: Object.fromEntries(METHODS.map((name) => [name, method])) as Record<(typeof METHODS)[number], typeof method>, expires: true };
  }

  /** `expires`: Unix milliseconds. */
  async set(key: string, value: any, expires?: number): Promise<boolean> {
    this.put(key, value as Value, expires === undefined ? undefined : expires - this.cache.core.now());
    return true;
  }

  async setMany(entries: { key: string; value: any; expires?: number }[]): Promise<boolean[]> {
    return Promise.all(entries.map(({ key, value, expires }) => this.set(key, value, expires)));
  }

  async deleteMany(keys: string[]): Promise<boolean[]> {
    return keys.map((key) => this.cache.del(this.at(key)) === 1);
  }
}

/** A store for Keyv 5: `new Keyv({ store: new Keyv5Cachette(cache) })`; and for cache-manager, which takes such a Keyv. */
export class Keyv5Cachette extends Store {
  opts: KeyvCachetteOptions & { dialect: string };

  constructor(cache: Cachette<string>, options: KeyvCachetteOptions = {}) {
    super(cache, options);
    this.opts = { ...options, dialect: 'redis' };
  }

  /** `ttl`: milliseconds; none, or 0, is no end. */
  async set(key: string, value: any, ttl?: number): Promise<void> {
    this.put(key, value as Value, ttl || undefined);
  }

  async setMany(entries: { key: string; value: any; ttl?: number }[]): Promise<void> {
    for (const { key, value, ttl } of entries) this.put(key, value as Value, ttl || undefined);
  }

  async deleteMany(keys: string[]): Promise<boolean> {
    return keys.length > 0 && this.cache.del(keys.map((key) => this.at(key))) > 0;
  }
}
