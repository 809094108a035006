// `cachette/cache`: caching helpers on a cache in this process.

import type { Cachette } from '../cachette.js';
import { Cache, type CacheOptions } from './cache.js';

export { Cache, CachedError, CacheTimeoutError, type CacheOptions, type EntryOptions, type Factory, type FactoryContext, type GetOrSetOptions, type Memo } from './cache.js';
export { bytes, json, messagePack, structured, text, type Codec } from './codec.js';
export type { Duration } from './duration.js';
export { httpCache, type HttpCacheOptions } from './http.js';
export { RateLimiter, type LimitOptions, type Verdict } from './limiter.js';
export { Lock, LockError, Locks, type LockOptions } from './lock.js';

/** A cache of values of type `T`, kept in `engine`: `createCache(engine, { codec: json, ttl: '5m' })`. */
export function createCache<T = string>(engine: Cachette<string>, options?: CacheOptions<T>): Cache<T> {
  return new Cache<T>(engine, options);
}
