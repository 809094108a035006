// Keys that begin alike, which is how faces hold what is theirs.

import type { Cachette } from '../cachette.js';

/** All keys with a prefix, without it. Those that are set or deleted meanwhile may be among them or not. O(N), N keys of the database. */
export function* keysBelow(cache: Cachette<string>, prefix: string): Generator<string> {
  const match = `${prefix.replace(/[*?[\]\\^-]/g, '\\$&')}*`;
  const seen = new Set<string>();
  let cursor = '0';
  do {
    const [next, keys] = cache.scan(cursor, { match, count: 1000 });
    for (const key of keys) {
      if (seen.has(key)) continue;
      seen.add(key);
      yield key.slice(prefix.length);
    }
    cursor = next;
  } while (cursor !== '0');
}

/** Deletes all keys with a prefix. */
export function deleteBelow(cache: Cachette<string>, prefix: string): void {
  const keys = [...keysBelow(cache, prefix)].map((key) => prefix + key);
  for (let at = 0; at < keys.length; at += 1000) cache.unlink(keys.slice(at, at + 1000));
}
