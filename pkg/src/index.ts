// The public face. Entry points (platform/*.ts) say where the WebAssembly comes from and export this.

export { Cachette, Pipeline, type CacheStats, type CacheEvents } from './cachette.js';
export { CacheClosedError, CacheCrashedError, ReplyError } from './errors.js';
export type { CachetteOptions } from './options.js';
export type { Arg, Reply } from './resp.js';
