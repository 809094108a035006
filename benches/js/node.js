// What the benchmarks need of Node: the caches, a clock, a collector.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, '../..');

const { Cachette, LRUCache: OurLRU, References } = await import(pathToFileURL(join(root, 'pkg/dist/platform/node.js')));
const { LRUCache } = await import('lru-cache');
const { lru: tiny } = await import('tiny-lru');
const { default: QuickLRU } = await import('quick-lru');
const { Bare } = await import('./bare/bare.js');
const { ObjectCrossing, TextCrossing } = await import('./crossing.js');
const LRUMap = createRequire(import.meta.url)('mnemonist/lru-map');

/** Nanoseconds of CPU that this thread has used. */
function cpuTime() {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]);
  } catch {
    const { user, system } = process.cpuUsage();
    return (user + system) * 1000;
  }
}

export const host = {
  Cachette, OurLRU, References, LRUCache, tiny, QuickLRU, LRUMap,
  bare: () => new Bare(join(root, 'target/wasm32-unknown-unknown/release/bare.wasm')),
  objectCrossing: (n) => new ObjectCrossing(n),
  textCrossing: (n, size) => new TextCrossing(n, size),
  time: cpuTime,
  gc: () => globalThis.gc?.(),
  flat: (text) => Buffer.from(text).latin1Slice(),
};
