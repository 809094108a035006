// The same outage through three caches: what each returned, what it lost, and how long callers hung.
//
// A process writes, Redis is killed, the process reads and writes on, Redis comes back empty; then Redis stops answering for five seconds.
// Each cache has L1 and Redis, as its documentation sets it up, with its own defaults but for what is said here.

import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import KeyvRedis from '@keyv/redis';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { createCache } from 'cache-manager';
import { Redis as Ioredis } from 'ioredis';
import { Keyv } from 'keyv';
import { createClient } from 'redis';
import { Tier } from 'cachette/tier';
import { Redis, until } from './redis.js';

process.on('unhandledRejection', () => unhandled++);
let unhandled = 0;

const subjects = {
  'cachette/tier': (redis) => {
    const tier = new Tier(createClient({ url: redis.url }), { conflict: 'overwrite' });
    return {
      get: (key) => tier.get(key),
      set: (key, value) => tier.set(key, value, { ttl: 60_000 }),
      getOrSet: (key, make) => tier.getOrSet(key, make, { ttl: 60_000 }),
      read: (key) => redis.cli('GET', key),
      close: () => tier.close(),
    };
  },
  bentocache: (redis) => {
    const connection = { host: '127.0.0.1', port: redis.port };
    const store = bentostore()
      .useL1Layer(memoryDriver({ maxSize: '10mb' }))
      .useL2Layer(redisDriver({ connection }))
      .useBus(redisBusDriver({ connection }));
    const cache = new BentoCache({ default: 'two', stores: { two: store } });
    return {
      get: (key) => cache.get({ key }),
      set: (key, value) => cache.set({ key, value, ttl: 60_000 }),
      getOrSet: (key, factory) => cache.getOrSet({ key, factory, ttl: 60_000 }),
      read: (key) => redis.cli('GET', `bentocache:${key}`),
      close: () => cache.disconnectAll().catch(() => undefined),
    };
  },
  'cache-manager': (redis) => {
    const second = new Keyv({ store: new KeyvRedis(redis.url) });
    second.on('error', () => undefined);
    const cache = createCache({ stores: [new Keyv(), second] });
    return {
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value, 60_000),
      getOrSet: (key, make) => cache.wrap(key, make, 60_000),
      read: (key) => redis.cli('GET', key) || redis.cli('GET', `keyv:${key}`) || redis.cli('GET', `keyv::keyv:${key}`),
      close: () => cache.disconnect().catch(() => undefined),
    };
  },
};

/** How long a call took and what it gave; a call that takes more than five seconds is given up. */
async function timed(call) {
  const start = performance.now();
  const late = new Promise((done) => setTimeout(() => done({ late: true }), 5000).unref());
  const outcome = await Promise.race([Promise.resolve().then(call).then((value) => ({ value }), (error) => ({ error })), late]);
  return { ...outcome, ms: performance.now() - start };
}

function summary(outcomes, wanted) {
  const took = outcomes.map(({ ms }) => ms).sort((a, b) => a - b);
  const right = outcomes.filter(({ value }) => wanted(value)).length;
  const errors = outcomes.filter(({ error }) => error !== undefined).length;
  const hung = outcomes.filter(({ late }) => late).length;
  return `${right}/${outcomes.length} right, ${errors} errors, ${hung} hung; median ${took[took.length >> 1].toFixed(1)} ms, worst ${took.at(-1).toFixed(0)} ms`;
}

async function each(count, call) {
  const outcomes = [];
  for (let at = 0; at < count && outcomes.filter(({ late }) => late).length < 2; at++) outcomes.push(await timed(() => call(at)));
  return outcomes;
}

async function outage(make) {
  const redis = await Redis.start();
  const cache = make(redis);
  const rows = {};
  await until(async () => ((await timed(() => cache.set('warm', 'v'))).error === undefined) && cache.read('warm').includes('v'), 'the first write', 5000);
  await sleep(300);
  for (let at = 0; at < 20; at++) await cache.set(`known:${at}`, `v${at}`);

  await redis.kill();
  await sleep(500);
  rows['killed: reads of keys that L1 has'] = summary(await each(20, (at) => cache.get(`known:${at}`)), (value) => /^v/.test(String(value)));
  rows['killed: getOrSet of new keys'] = summary(await each(10, (at) => cache.getOrSet(`new:${at}`, () => 'made')), (value) => value === 'made');
  const writes = await each(10, (at) => cache.set(`written:${at}`, `w${at}`));
  rows['killed: writes'] = summary(writes, () => true);
  rows['killed: those writes, read again'] = summary(await each(10, (at) => cache.get(`written:${at}`)), (value) => /^w/.test(String(value)));

  await redis.restart();
  await sleep(4000);
  let there = 0;
  for (let at = 0; at < 10; at++) there += cache.read(`written:${at}`).includes(`w${at}`) ? 1 : 0;
  const accepted = writes.filter(({ error, late }) => error === undefined && !late).length;
  rows['back, empty: accepted writes that Redis has 4 s later'] = `${there} of ${accepted}`;
  let served = 0;
  for (let at = 0; at < 20; at++) served += /^v/.test(String((await timed(() => cache.get(`known:${at}`))).value)) ? 1 : 0;
  rows['back, empty: values from before the outage still given out'] = `${served} of 20`;
  rows['back: a new write reaches Redis'] = String((await timed(() => cache.set('again', 'z'))).error === undefined && cache.read('again').includes('z'));

  for (let at = 0; at < 20; at++) await timed(() => cache.set(`known:${at}`, `v${at}`));
  redis.stop();
  const reads = each(20, (at) => cache.get(`known:${at}`));
  const stopped = each(5, (at) => cache.getOrSet(`slow:${at}`, () => 'made'));
  rows['silent: reads of keys that L1 has'] = summary(await reads, (value) => /^v/.test(String(value)));
  rows['silent: getOrSet of new keys'] = summary(await stopped, (value) => value === 'made');
  redis.go();
  await sleep(200);
  await Promise.race([cache.close(), sleep(1000)]);
  await redis.kill();
  return rows;
}

const results = {};
for (const [name, make] of Object.entries(subjects)) {
  console.error(`   … ${name}`);
  results[name] = await outage(make);
}
const names = Object.keys(results);
let page = '# The same outage through three caches\n\n`cargo xtask compare-tiers` (`pkg/test/tier/compare.js`): L1 in the process, Redis behind it; Redis is killed,\n';
page += 'comes back empty after a while, and later says nothing. "Hung": no answer within 5 s.\n\n';
page += `| | ${names.join(' | ')} |\n|---|${names.map(() => '---').join('|')}|\n`;
for (const row of Object.keys(results[names[0]])) page += `| ${row} | ${names.map((name) => results[name][row]).join(' | ')} |\n`;
console.log(page);
if (process.argv[2]) writeFileSync(process.argv[2], page);
process.exit(0);
