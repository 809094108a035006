// How L1 learns that a value changed, beside the default: by prefix (BCAST), or over a channel on which tiers tell each other what they wrote.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis as Ioredis } from 'ioredis';
import { createClient } from 'redis';
import { Tier } from 'cachette/tier';
import { Redis, until } from './redis.js';

const clients = {
  'node-redis': ({ port }) => createClient({ url: `redis://127.0.0.1:${port}` }),
  ioredis: ({ port }) => new Ioredis(port, '127.0.0.1', { lazyConnect: true }),
};

/** Runs `work` with a server of its own. */
async function withRedis(args, work) {
  const redis = await Redis.start(...args);
  const tiers = [];
  const open = (client, options) => (tiers.push(new Tier(client, options)), tiers.at(-1));
  try {
    await work(redis, open);
  } finally {
    tiers.forEach((tier) => tier.close());
    await redis.remove();
  }
}

const isUp = (tier) => tier.health().state === 'up';
const ready = (...tiers) => until(() => tiers.every(isUp), 'UP');
/** Reads a value until L1 keeps it: what changes, or might, while it is read is not kept. */
const kept = (tier, key, value) => until(async () => ((await tier.get(key)), tier.peek(key) === value), `${key} in L1`);
const told = (tier, key) => until(() => tier.peek(key) === undefined, `word of ${key}`);

for (const [name, make] of Object.entries(clients)) {
  describe(`with ${name}`, () => {
    test('by prefix: every change below it is told, others are bounded by time', () =>
      withRedis([], async (redis, open) => {
        const tier = open(make(redis), { broadcast: ['user:', 'user:admin:', 'page:'], l1MaxTtl: 300 });
        await until(() => tier.health().tracking, 'tracking');
        const prefixes = () => redis.cli('CLIENT', 'TRACKINGINFO');
        assert.match(redis.cli('CLIENT', 'LIST'), /flags=[a-zA-Z]*B/, prefixes());
        // What is set need not be read back to be told of.
        await tier.set('user:1', 'mine');
        assert.equal(tier.peek('user:1'), 'mine');
        redis.cli('SET', 'user:1', 'yours');
        await told(tier, 'user:1');
        assert.equal(await tier.get('user:1'), 'yours');
        // Twice in a row, without a read between.
        redis.cli('SET', 'page:1', 'one');
        assert.equal(await tier.get('page:1'), 'one');
        redis.cli('MSET', 'page:1', 'two', 'page:2', 'x');
        await told(tier, 'page:1');
        assert.equal(await tier.get('page:1'), 'two');
        redis.cli('FLUSHALL');
        await told(tier, 'page:1');
        redis.cli('SET', 'other', 'one');
        assert.equal(await tier.get('other'), 'one');
        redis.cli('SET', 'other', 'two');
        await sleep(320);
        assert.equal(await tier.get('other'), 'two');
      }));

    test('by prefix: a tag that another tier invalidates is told, whatever the prefixes', () =>
      withRedis([], async (redis, open) => {
        const options = { broadcast: ['page:'] };
        const [one, two] = [open(make(redis), options), open(make(redis), options)];
        await until(() => one.health().tracking && two.health().tracking, 'tracking');
        await one.set('page:1', 'old', { tags: ['pages'] });
        assert.equal(await two.get('page:1'), 'old');
        await sleep(2);
        await one.invalidateTag('pages');
        await until(async () => (await two.get('page:1')) === null, 'word of the tag');
      }));

    const servers = {
      'that knows neither tracking nor RESP3': ['--rename-command', 'CLIENT', '', '--rename-command', 'HELLO', ''],
      'that is not to track': [],
    };
    for (const [server, args] of Object.entries(servers)) {
      test(`over a channel, before a server ${server}`, () =>
        withRedis(args, async (redis, open) => {
          const options = { backplane: 'changes', ...(args.length === 0 ? { tracking: false } : {}), l1MaxTtl: 60_000 };
          const [one, two] = [open(make(redis), options), open(make(redis), options)];
          await ready(one, two);
          assert.deepEqual([one.health().tracking, two.health().tracking], [false, false]);
          await until(() => redis.cli('PUBSUB', 'NUMSUB', 'changes').endsWith('2'), 'both listen');

          await one.set('k', 'first', { ttl: 60_000 });
          await Promise.all([kept(one, 'k', 'first'), kept(two, 'k', 'first')]);
          await two.set('k', 'secönd', { ttl: 60_000 });
          await kept(one, 'k', 'secönd');
          await kept(two, 'k', 'secönd');
          await one.set('another', 'x');
          await sleep(20);
          assert.equal(two.peek('k'), 'secönd', 'one’s own word, and that of other keys, changes nothing');
          await one.delete('k');
          await until(async () => (await two.get('k')) === null, 'word of a removal');
          await one.command('HSET', 'h', 'f', '1');
          assert.equal(await two.command('HGET', 'h', 'f'), '1');
          await one.command('HSET', 'h', 'f', '2');
          await until(async () => (await two.command('HGET', 'h', 'f')) === '2', 'word of a command');
          await one.mset([['users:1', 'x'], ['users:2', 'y'], ['orders:1', 'z']], { ttl: 60_000 });
          for (const [key, value] of [['users:1', 'x'], ['users:2', 'y'], ['orders:1', 'z']]) await kept(two, key, value);
          await one.clear('users:');
          await until(() => two.peek('users:1') === undefined && two.peek('users:2') === undefined, 'word of a namespace');
          assert.equal(two.peek('orders:1'), 'z');
          // Who writes past the tiers is not heard.
          redis.cli('SET', 'orders:1', 'past');
          assert.equal(two.peek('orders:1'), 'z');
        }));
    }

    test('over a channel: who listens is part of the connection, and comes back with it', () =>
      withRedis([], async (redis, open) => {
        const options = { backplane: 'changes', tracking: false, l1MaxTtl: 60_000 };
        const [one, two] = [open(make(redis), options), open(make(redis), options)];
        await until(() => redis.cli('PUBSUB', 'NUMSUB', 'changes').endsWith('2'), 'both listen');
        assert.equal(await one.set('k', '1', { ttl: 60_000 }), 'l2');
        assert.equal(await two.get('k'), '1');
        redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
        await until(() => redis.cli('PUBSUB', 'NUMSUB', 'changes').endsWith('2'), 'both listen again');
        await ready(one, two);
        assert.equal(await two.get('k'), '1');
        await one.set('k', '2', { ttl: 60_000 });
        await until(async () => (await two.get('k')) === '2', 'word of a write');
      }));
  });
}

test('over a channel where none is needed, none is used', () =>
  withRedis([], async (redis, open) => {
    const tier = open(clients.ioredis(redis), { backplane: 'changes' });
    await until(() => tier.health().tracking, 'tracking');
    await tier.set('k', 'v');
    assert.equal(redis.cli('PUBSUB', 'CHANNELS', 'changes'), '');
    const embedded = open(null, { backplane: 'changes' });
    await embedded.set('k', 'v');
    assert.equal(await embedded.get('k'), 'v');
  }));

test('a client that cannot subscribe is refused where that was asked for', () => {
  assert.throws(() => new Tier({ url: 'http://127.0.0.1:1' }, { backplane: 'changes' }), TypeError);
});
