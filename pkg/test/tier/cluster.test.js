// cachette/tier over a real cluster of three masters with a replica each, and over a master under Sentinel, with failovers.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, Redis as Ioredis } from 'ioredis';
import { createCluster, createSentinel } from 'redis';
import { Tier } from 'cachette/tier';
import { RedisCluster, Sentinels, until } from './redis.js';

const ignore = () => undefined;
const isWhole = (tier) => tier.health().state === 'up' && tier.health().tracking && tier.health().journaled === 0;
/** One key on each of three masters. */
const KEYS = ['foo', 'bar', 'c'];

const clusterClients = {
  'ioredis cluster': (nodes) => new Cluster(nodes, { lazyConnect: true }).on('error', ignore),
  'node-redis cluster': (nodes) => createCluster({ rootNodes: nodes.map((socket) => ({ socket })) }).on('error', ignore),
};

let cluster;
before(async () => (cluster = await RedisCluster.start()));
after(() => cluster.remove());

for (const [name, make] of Object.entries(clusterClients)) {
  describe(`with ${name}`, () => {
    let tier;
    before(async () => {
      for (const master of cluster.masters()) master.cli('FLUSHALL');
      tier = new Tier(make(cluster.nodes.slice(0, 2)), { conflict: 'overwrite', rules: [{ prefix: 'limit:', onDown: 'local' }] });
      await until(() => tier.health().nodes.length === 3 && isWhole(tier), 'UP', 10_000);
    });
    after(() => tier.close());

    test('the client is known by its shape, and each node by its address', () => {
      const { client, nodes } = tier.health();
      assert.equal(client, name);
      assert.deepEqual(nodes.map(({ node }) => node).sort(), cluster.masters().map(({ port }) => `127.0.0.1:${port}`).sort());
    });

    test('a node to begin with that takes a connection and says nothing is passed over', async () => {
      const silent = cluster.servers.find((server) => server.role() === 'slave');
      const master = cluster.masters()[0];
      silent.stop();
      const second = new Tier(make([silent, master].map(({ port }) => ({ host: '127.0.0.1', port }))));
      try {
        await until(() => second.health().nodes.length === 3 && second.health().tracking, 'UP', 10_000);
      } finally {
        second.close();
        silent.go();
      }
    });

    test('keys of all nodes are written, read, kept, and told when they change', async () => {
      for (const key of KEYS) assert.equal(await tier.set(key, `${key}=1`, { ttl: 60_000 }), 'l2');
      for (const key of KEYS) assert.equal(cluster.cli('GET', key), `${key}=1`);
      for (const key of KEYS) assert.equal(tier.peek(key), `${key}=1`);
      for (const key of KEYS) cluster.cli('SET', key, `${key}=2`);
      await until(() => KEYS.every((key) => tier.peek(key) === undefined), 'word of the changes');
      assert.deepEqual(await tier.mget(KEYS), KEYS.map((key) => `${key}=2`));
      assert.equal(await tier.command('INCR', 'count'), 1);
    });

    test('a namespace is cleared on every node', async () => {
      for (let at = 0; at < 30; at++) await tier.set(`users:${at}`, 'x');
      assert.equal(await tier.clear('users:'), 30);
      assert.equal(await tier.get('users:7'), null);
    });

    test('a slot that moves: asked elsewhere while it does, and known elsewhere when it has', async () => {
      const from = cluster.masterOf('foo');
      const to = cluster.masters().find((master) => master !== from);
      const [slot, source, target] = [from.cli('CLUSTER', 'KEYSLOT', 'foo'), from.cli('CLUSTER', 'MYID'), to.cli('CLUSTER', 'MYID')];
      to.cli('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source);
      from.cli('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target);
      // `foo` lies there, another key of the slot does not: ASK.
      await tier.command('SET', '{foo}other', 'moved');
      from.cli('MIGRATE', '127.0.0.1', String(to.port), 'foo', '0', '1000');
      assert.deepEqual(await tier.mget(['foo', '{foo}other']), ['foo=2', 'moved']);
      assert.equal(tier.peek('{foo}other'), undefined, 'what another node will tell of is not kept');
      assert.equal(await tier.set('{foo}third', 'here', { ttl: 60_000 }), 'l2');
      assert.equal(await tier.get('{foo}third'), 'here');
      for (const server of [to, from, ...cluster.masters()]) server.cli('CLUSTER', 'SETSLOT', slot, 'NODE', target);
      assert.deepEqual(await tier.mget(['foo', '{foo}third']), ['foo=2', 'here']);
      await until(async () => ((await tier.get('foo')), tier.peek('foo') === 'foo=2'), 'a value kept under the new node');
      cluster.cli('SET', 'foo', 'foo=3');
      await until(() => tier.peek('foo') === undefined, 'word of the change from the new node');
      assert.equal(await tier.get('foo'), 'foo=3');
    });

    test('a master that dies: its keys are served from L1, others as ever; then another takes over', async () => {
      for (const key of KEYS) await tier.set(key, `${key}=4`);
      await until(() => cluster.servers.filter((server) => server.role() === 'slave' && server.cli('ROLE').includes('connected')).length === 3, 'replicas', 20_000);
      await sleep(200);
      const states = [];
      tier.on('state', ({ node, to }) => states.push([node, to]));
      const dead = 'c';
      const killed = await cluster.failOver(cluster.masterOf(dead), async () => {
        await until(() => states.some(([, to]) => to === 'down'), 'DOWN', 1000);
        const [gone, there] = await Promise.all([dead, 'bar'].map((key) => tier.getWithMeta(key)));
        assert.deepEqual([gone.value, gone.meta.source, gone.meta.stale], [`${dead}=4`, 'l1', true]);
        assert.deepEqual([there.value, there.meta.source, there.meta.stale], ['bar=4', 'l1', false]);
        assert.equal(await tier.set(dead, `${dead}=5`), 'journaled');
        assert.equal(await tier.set('bar', 'bar=5'), 'l2');
        const counts = ['{c}', '{c}', '{bar}'].map((tag) => tier.command('INCR', `limit:${tag}`));
        assert.deepEqual(await Promise.all(counts), [1, 2, 1]);
      });
      const name = `127.0.0.1:${killed.port}`;
      const start = performance.now();
      await until(() => tier.health().nodes.length === 3 && isWhole(tier), 'UP', 5000);
      assert.ok(performance.now() - start < 2000, `${performance.now() - start} ms`);
      assert.ok(states.some(([node, to]) => node === name && to === 'down'), 'the dead one was said to be');
      assert.ok(!tier.health().nodes.some(({ node }) => node === name));
      assert.equal(cluster.cli('GET', dead), `${dead}=5`, 'the journal went to the new master');
      assert.equal(cluster.cli('GET', 'limit:{bar}'), '1', 'the others’ are in Redis');
      cluster.cli('SET', dead, `${dead}=6`);
      await until(async () => (await tier.get(dead)) === `${dead}=6`, 'what the new master has');
      assert.equal(await tier.set(dead, `${dead}=7`), 'l2');
      assert.equal(cluster.cli('GET', dead), `${dead}=7`);
      await cluster.rejoin(killed);
    });
  });
}

const sentinelClients = {
  ioredis: (sentinels) => new Ioredis({ sentinels, name: 'mymaster', lazyConnect: true }).on('error', ignore),
  'node-redis sentinel': async (sentinels) => {
    const client = createSentinel({ name: 'mymaster', sentinelRootNodes: sentinels }).on('error', ignore);
    await client.connect();
    return client;
  },
};

let group;
before(async () => (group = await Sentinels.start()));
after(() => group.remove());

for (const [name, make] of Object.entries(sentinelClients)) {
  test(`a failover under Sentinel, with ${name}`, async () => {
    const client = await make(group.nodes);
    const tier = new Tier(client, { conflict: 'overwrite' });
    try {
      assert.equal(tier.health().client, name);
      await until(() => isWhole(tier), 'UP', 10_000);
      assert.equal(await tier.set('k', 'one', { ttl: 60_000 }), 'l2');
      assert.equal(tier.peek('k'), 'one');
      await sleep(300);
      const killed = await group.failOver();
      assert.equal(await tier.get('k'), 'one');
      await until(() => isWhole(tier), 'UP', 10_000);
      const [master] = group.masters();
      assert.notEqual(master.port, killed.port);
      master.cli('SET', 'k', 'two');
      await until(async () => (await tier.get('k')) === 'two', 'what the new master has');
      assert.equal(tier.peek('k'), 'two');
      master.cli('SET', 'k', 'three');
      await until(() => tier.peek('k') === undefined, 'word of the change from the new master');
      await group.rejoin(killed);
    } finally {
      tier.close();
      await client.destroy?.();
    }
  });
}

describe('the cookbook', async () => {
  const example = 'examples/tier/cache.js';
  const { openCache, userById } = await import('./node_modules/example-tier/cache.js');

  test('the page shows the code that is run here', async () => {
    const root = new URL('../../../', import.meta.url);
    const [page, code] = await Promise.all(['examples/README.md', example].map((file) => readFile(new URL(file, root), 'utf8')));
    assert.ok(page.includes(`\`\`\`js\n${code}\`\`\``));
  });

  const hosts = (nodes) => nodes.map(({ host, port }) => `${host}:${port}`).join(',');
  const stages = {
    'in memory': () => 'embedded:',
    'one Redis': () => group.masters()[0].url,
    Sentinel: () => `redis+sentinel://${hosts(group.nodes)}/mymaster`,
    Cluster: () => `redis+cluster://${hosts(cluster.nodes)}`,
  };
  for (const [stage, url] of Object.entries(stages)) {
    test(`${stage}: one query for all who ask`, async () => {
      const cache = openCache(url());
      await until(() => cache.health().state === 'up' && (stage === 'in memory' || isWhole(cache)), 'UP', 10_000);
      await cache.delete('user:7');
      let queries = 0;
      const load = async (id) => (queries++, await sleep(5), `user ${id}`);
      assert.deepEqual(await Promise.all([1, 2, 3].map(() => userById(cache, load, 7))), ['user 7', 'user 7', 'user 7']);
      assert.equal(queries, 1);
      const shared = { Sentinel: group, Cluster: cluster }[stage];
      if (shared !== undefined) await until(() => shared.cli('GET', 'user:7') === 'user 7', 'it in Redis');
      cache.close();
    });
  }
});
