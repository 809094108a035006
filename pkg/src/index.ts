// The public face. Entry points (platform/*.ts) say where the WebAssembly comes from and export this.

export { Cachette, type CacheEvents, type CacheStats, type KeyEvent } from './cachette.js';
export { CacheClosedError, CacheCrashedError, ReplyError } from './errors.js';
export type { CachetteOptions } from './options.js';
export type * from './generated/commands.js';
export { LRUCache } from './lru.js';
export type { Signal } from './mode.js';
export { Pipeline } from './pipeline.js';
export type { Arg, Fields, Reply } from './resp.js';
export { References, type ReferenceSetOptions, type ReferencesOptions } from './references.js';
export { shared } from './shared.js';
export { Messages, Subscription, type Message, type MessagesOptions } from './subscription.js';
export type { Columns, Entries, Many } from './words.js';
