// The public face. Entry points (platform/*.ts) say where the WebAssembly comes from and export this.

export { Cachette, type CacheEvents, type CacheStats, type KeyEvent } from './cachette.js';
export { CacheClosedError, CacheCrashedError, ReplyError } from './errors.js';
export type { CachetteOptions } from './options.js';
export { Pipeline } from './pipeline.js';
export type { Arg, Reply } from './resp.js';
