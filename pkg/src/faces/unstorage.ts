// `cachette/unstorage`: a driver for unstorage.

import type { Cachette } from '../cachette.js';
import type { Subscription } from '../subscription.js';
import { deleteBelow, keysBelow } from './keys.js';

export interface CachetteDriverOptions {
  cache: Cachette<string>;
  /** Before all keys: none unless said. */
  base?: string;
  /** Seconds that entries last unless a call says otherwise: without end unless said. */
  ttl?: number;
}

interface SetOptions {
  /** Seconds. */
  ttl?: number;
}

/** What unstorage calls. */
export interface CachetteDriver {
  name: string;
  options: CachetteDriverOptions;
  flags: { maxDepth: boolean; ttl: boolean };
  getInstance(): Cachette<string>;
  hasItem(key: string): boolean;
  getItem(key: string): string | null;
  getItems(items: { key: string }[]): { key: string; value: string | null }[];
  getItemRaw(key: string): Uint8Array | null;
  setItem(key: string, value: string, options?: SetOptions): void;
  setItems(items: { key: string; value: string; options?: SetOptions }[], options?: SetOptions): void;
  setItemRaw(key: string, value: unknown, options?: SetOptions): void;
  removeItem(key: string): void;
  /** `ttl`: seconds left. */
  getMeta(key: string): { ttl?: number; size?: number } | null;
  getKeys(base?: string, options?: { maxDepth?: number }): string[];
  clear(base?: string): void;
  dispose(): void;
  /** Tells changes by whomever, expiry and eviction among them. Turns keyspace notifications on, which makes all calls of the cache take the longer way. */
  watch(callback: (event: 'update' | 'remove', key: string) => unknown): () => void;
}

/** The driver: `createStorage({ driver: cachetteDriver({ cache }) })`. The cache is yours to close. */
export function cachetteDriver(options: CachetteDriverOptions): CachetteDriver {
  const { cache, base = '' } = options;
  const prefix = base === '' || base.endsWith(':') ? base : `${base}:`;
  const at = (key = ''): string => prefix + key;
  const watching = new Set<Subscription<string>>();
  const put = (key: string, value: string | Uint8Array, ttl = options.ttl): void => {
    cache.set(at(key), value, ttl === undefined ? {} : { px: Math.max(1, Math.ceil(ttl * 1000)) });
  };
  return {
    name: 'cachette',
    options,
    flags: { maxDepth: true, ttl: true },
    getInstance: () => cache,
    hasItem: (key) => cache.exists(at(key)) === 1,
    getItem: (key) => cache.get(at(key)),
    getItems: (items) => {
      const values = items.length === 0 ? [] : cache.mget(items.map(({ key }) => at(key)));
      return items.map(({ key }, i) => ({ key, value: values[i]! }));
    },
    getItemRaw: (key) => cache.bytes.get(at(key)),
    setItem: (key, value, call) => put(key, value, call?.ttl),
    setItems: (items, all) => {
      for (const { key, value, options: own } of items) put(key, value, own?.ttl ?? all?.ttl);
    },
    setItemRaw: (key, value, call) => put(key, rawOf(value), call?.ttl),
    removeItem: (key) => void cache.del(at(key)),
    getMeta: (key) => {
      const left = cache.pttl(at(key));
      if (left === -2) return null;
      return { ...(left >= 0 && { ttl: Math.ceil(left / 1000) }), size: cache.strlen(at(key)) };
    },
    getKeys: (under = '', { maxDepth } = {}) => {
      const found = [...keysBelow(cache, at(under))].map((key) => under + key);
      return maxDepth === undefined ? found : found.filter((key) => key.split(':').length <= maxDepth + 1);
    },
    clear: (under = '') => deleteBelow(cache, at(under)),
    dispose: () => {
      for (const subscription of watching) subscription.unsubscribe();
      watching.clear();
    },
    watch: (callback) => {
      const events = (cache.configGet('notify-keyspace-events') as Record<string, string>)['notify-keyspace-events'] ?? '';
      cache.configSet(['notify-keyspace-events', `${events}KA`]);
      const start = '__keyspace@*__:';
      const subscription = cache.psubscribe(`${start}${prefix.replace(/[*?[\]\\^-]/g, '\\$&')}*`, ({ channel, message }) => {
        const key = channel.slice(channel.indexOf('__:') + 3 + prefix.length);
        callback(/^(del|expired|evicted|rename_from|move_from)$/.test(message) ? 'remove' : 'update', key);
      });
      watching.add(subscription);
      return () => {
        watching.delete(subscription);
        subscription.unsubscribe();
      };
    },
  };
}

function rawOf(value: unknown): string | Uint8Array {
  if (typeof value === 'string' || value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw new TypeError(`raw values are strings or bytes, not ${typeof value}`);
}
