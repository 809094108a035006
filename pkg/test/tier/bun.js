// cachette/tier with Bun's own client over a redis-server, and an outage of it; run by Bun, from bun.test.js.

import assert from 'node:assert/strict';
import { RedisClient } from 'bun';
import { Tier } from 'cachette/tier';
import { Redis, until } from './redis.js';

const redis = await Redis.start();
const tier = new Tier(new RedisClient(redis.url), { conflict: 'overwrite', bytes: true });
const text = async (key) => new TextDecoder().decode(await tier.get(key));
await until(() => tier.health().state === 'up', 'UP');
assert.equal(tier.health().client, 'bun');

assert.equal(await tier.set('greeting', 'hellö', { ttl: 60_000 }), 'l2');
assert.equal(redis.cli('--raw', 'GET', 'greeting'), 'hellö');
const bytes = new Uint8Array([0, 255, 128, 65]);
await tier.set('bytes', bytes);
assert.deepEqual(new Uint8Array(await tier.get('bytes')), bytes);
assert.equal(redis.cli('STRLEN', 'bytes'), '4');
redis.cli('SET', 'theirs', 'one');
assert.equal(await text('theirs'), 'one');
await tier.set('page', 'old', { tags: ['pages'] });
assert.equal(await text('page'), 'old');
await Bun.sleep(2);
await tier.invalidateTag('pages');
assert.equal(await tier.get('page'), null);
assert.equal(await tier.clear('gre'), 1);
assert.equal(await tier.command('INCR', 'n'), 1);
await assert.rejects(tier.command('INCR', 'theirs'), { name: 'ReplyError' });
assert.equal(await text('theirs'), 'one');

const options = { backplane: 'changes', l1MaxTtl: 60_000, bytes: true };
const tiers = [1, 2].map(() => new Tier(new RedisClient(redis.url), options));
await until(() => redis.cli('PUBSUB', 'NUMSUB', 'changes').endsWith('2'), 'both listen');
const [one, two] = tiers;
const kept = (value) => until(async () => ((await two.get('told')), two.peek('told')?.[0] === value), 'a value in L1');
await one.set('told', Uint8Array.of(1), { ttl: 60_000 });
await kept(1);
await one.set('told', Uint8Array.of(2), { ttl: 60_000 });
await kept(2);
tiers.forEach((tier) => tier.close());

await redis.kill();
const detected = await until(() => tier.health().state === 'down', 'DOWN', 2000);
const start = performance.now();
assert.equal(await text('theirs'), 'one');
assert.equal(await tier.set('journaled', 'mine'), 'journaled');
assert.ok(performance.now() - start < 50, 'nobody waits for a Redis that is down');
await redis.restart();
const back = await until(() => tier.health().state === 'up', 'UP', 3000);
assert.equal(redis.cli('GET', 'journaled'), 'mine');
assert.equal(await tier.get('theirs'), null);
tier.close();
await redis.remove();
console.log(JSON.stringify({ detected, back }));
process.exit(0);
