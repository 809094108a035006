// The public face of `cachette/tier`. Entry points (platform/*.ts) say where the WebAssembly comes from and export this.

export type { BunLike, IoredisClusterLike, IoredisLike, NodeRedisClusterLike, NodeRedisLike, NodeRedisSentinelLike, RedisLike, RestLike } from './clients/index.js';
export type { JournalFile, JournalStorage, KeepOptions, OnDown, TierOptions } from './options.js';
export { Tier, TierError, type Durability, type Factory, type Meta, type State, type TierEvents, type TierHealth } from './tier.js';
