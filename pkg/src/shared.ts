// Caches by name: the one way in which parts of a program that know nothing of each other share a cache.

import { Cachette } from './cachette.js';
import type { CachetteOptions } from './options.js';

const caches = new Map<string, Cachette>();

/**
 * The cache of this name in this process, made with `options` when it is first asked for, or again after it was closed. (Every `new Cachette()` is one of
 * its own.)
 */
export function shared(name: string, options?: CachetteOptions): Cachette {
  const known = caches.get(name);
  if (known !== undefined && !known.closed) return known;
  const cache = new Cachette(options);
  caches.set(name, cache);
  return cache;
}
