// One cache for every stage; what changes is its URL.

import { Cluster, Redis } from 'ioredis';
import { Tier } from 'cachette/tier';

export function openCache(url) {
  return new Tier(clientFor(url));
}

function clientFor(url) {
  const { protocol, hosts, path } = /^(?<protocol>[a-z+]+):(?:\/\/(?<hosts>[^/]*))?(?:\/(?<path>.*))?$/.exec(url).groups;
  const nodes = () => hosts.split(',').map((node) => ({ host: node.split(':')[0], port: Number(node.split(':')[1]) }));
  if (protocol === 'embedded') return null;
  if (protocol === 'redis+sentinel') return new Redis({ sentinels: nodes(), name: path, lazyConnect: true });
  if (protocol === 'redis+cluster') return new Cluster(nodes(), { lazyConnect: true });
  return new Redis(url, { lazyConnect: true });
}

/** What the application does, at every stage: one query a minute, whoever asks. */
export function userById(cache, load, id) {
  return cache.getOrSet(`user:${id}`, () => load(id), { ttl: 60_000 });
}
