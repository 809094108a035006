// The clients that can be brought, by their shape. Connections are made from a client's options: its own are left to its owner.

import type { Driver, Wanted } from '../link.js';
import { bun, type BunLike } from './bun.js';
import { ioredis, ioredisCluster, type IoredisClusterLike, type IoredisLike } from './ioredis.js';
import { nodeRedis, nodeRedisCluster, nodeRedisSentinel, type NodeRedisClusterLike, type NodeRedisLike, type NodeRedisSentinelLike } from './node-redis.js';
import { rest, type RestLike } from './rest.js';

export type { BunLike, IoredisClusterLike, IoredisLike, NodeRedisClusterLike, NodeRedisLike, NodeRedisSentinelLike, RestLike };

/** What a tier may be put before. */
export type RedisLike = NodeRedisLike | NodeRedisClusterLike | NodeRedisSentinelLike | IoredisLike | IoredisClusterLike | BunLike | RestLike;

const has = (client: object, ...names: string[]): boolean => names.every((name) => typeof (client as Record<string, unknown>)[name] === 'function');

export function driverFor(client: RedisLike, wanted: Wanted): Driver {
  const { timeout } = wanted;
  if (typeof client === 'object' && client !== null) {
    if (has(client, 'nodes', 'duplicate') && (client as IoredisClusterLike).isCluster) return ioredisCluster(client as IoredisClusterLike, wanted);
    if (has(client, 'nodeClient', 'duplicate')) return nodeRedisCluster(client as NodeRedisClusterLike, timeout);
    if (has(client, 'getMasterNode', '_execute')) return nodeRedisSentinel(client as NodeRedisSentinelLike, timeout);
    if (has(client, 'callBuffer', 'duplicate')) return ioredis(client as IoredisLike, wanted);
    if (has(client, 'sendCommand', 'duplicate')) return nodeRedis(client as NodeRedisLike, timeout);
    if (has(client, 'send', 'getBuffer', 'duplicate')) return bun(client as BunLike, timeout);
    if (typeof (client as RestLike).url === 'string') return rest(client as RestLike);
  }
  throw new TypeError('cachette: a tier takes a client of node-redis, ioredis or Bun, or { url, token } of a REST server');
}
