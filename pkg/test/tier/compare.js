// The same outage through several caches: what each returned, what it lost, and how long its callers hung. Usage: node compare.js [REPORT]
//
// A process writes, Redis is killed, the process reads and writes on, Redis comes back empty; then Redis says nothing for a while. Each cache has L1 in the
// process and Redis behind it. "Bounded" is the same library with what it and its client offer against waiting.

import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import KeyvRedis from '@keyv/redis';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { createCache } from 'cache-manager';
import { Cacheable } from 'cacheable';
import { Redis as Ioredis } from 'ioredis';
import { Keyv } from 'keyv';
import { createClient } from 'redis';
import { Tier } from 'cachette/tier';
import { Redis, until } from './redis.js';

/** A call that takes longer is given up. */
const PATIENCE = 5000;
const TTL = 60_000;
const ignore = () => undefined;
// What libraries leave unhandled would end the comparison.
process.on('unhandledRejection', ignore);

function tier(options) {
  return (redis) => {
    const tier = new Tier(createClient({ url: redis.url }), options);
    let told = 0;
    tier.on('journal', ({ what }) => (told += what === 'dropped' ? 1 : 0));
    return {
      get: (key) => tier.get(key),
      set: (key, value) => tier.set(key, value, { ttl: TTL }),
      getOrSet: (key, make) => tier.getOrSet(key, make, { ttl: TTL }),
      told: () => told,
      close: () => tier.close(),
    };
  };
}

function bento(client, options) {
  return (redis) => {
    const connection = () => new Ioredis({ host: '127.0.0.1', port: redis.port, ...client }).on('error', ignore);
    const store = bentostore()
      .useL1Layer(memoryDriver({ maxSize: '10mb' }))
      .useL2Layer(redisDriver({ connection: connection() }))
      .useBus(redisBusDriver({ connection: { host: '127.0.0.1', port: redis.port } }));
    const cache = new BentoCache({ default: 'two', stores: { two: store }, ...options });
    return {
      get: (key) => cache.get({ key }),
      set: (key, value) => cache.set({ key, value, ttl: TTL }),
      getOrSet: (key, factory) => cache.getOrSet({ key, factory, ttl: TTL }),
      told: () => 0,
      close: () => cache.disconnectAll(),
    };
  };
}

/** The second level of cache-manager and cacheable. */
function keyv(redis, options) {
  const store = new KeyvRedis(createClient({ url: redis.url, ...options }).on('error', ignore));
  return new Keyv({ store }).on('error', ignore);
}

const subjects = {
  'cachette/tier': tier({}),
  "cachette/tier, `conflict: 'overwrite'`": tier({ conflict: 'overwrite' }),
  bentocache: bento({}, {}),
  'bentocache, bounded': bento(
    { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: 500, connectTimeout: 1000 },
    { l2CircuitBreakerDuration: '1s', grace: '10m' },
  ),
  'cache-manager': (redis) => {
    const cache = createCache({ stores: [new Keyv(), keyv(redis, {})] });
    return {
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value, TTL),
      getOrSet: (key, make) => cache.wrap(key, make, TTL),
      told: () => 0,
      close: () => cache.disconnect(),
    };
  },
  cacheable: cacheable({}, {}),
  'cacheable, bounded': cacheable({ disableOfflineQueue: true, socket: { connectTimeout: 1000 } }, { nonBlocking: true }),
};

function cacheable(client, options) {
  return (redis) => {
    const cache = new Cacheable({ secondary: keyv(redis, client), ...options });
    cache.on('error', ignore);
    return {
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value, TTL),
      getOrSet: (key, make) => cache.getOrSet(key, make, { ttl: TTL }),
      told: () => 0,
      close: () => cache.disconnect(),
    };
  };
}

/** What a call gave, and how long it took. */
async function timed(call) {
  const start = performance.now();
  const late = new Promise((done) => setTimeout(() => done({ late: true }), PATIENCE).unref());
  const outcome = await Promise.race([Promise.resolve().then(call).then((value) => ({ value }), (error) => ({ error })), late]);
  return { ...outcome, ms: performance.now() - start };
}

/** One call after the other; two that hang are enough to know. */
async function each(count, call) {
  const outcomes = [];
  for (let at = 0; at < count && outcomes.filter(({ late }) => late).length < 2; at++) outcomes.push(await timed(() => call(at)));
  return outcomes;
}

const came = ({ late, error }) => !late && error === undefined;

function summary(outcomes, wanted = () => true) {
  const took = outcomes.map(({ ms }) => ms).sort((a, b) => a - b);
  return {
    calls: outcomes.length,
    right: outcomes.filter((outcome) => came(outcome) && wanted(String(outcome.value))).length,
    errors: outcomes.filter(({ error }) => error !== undefined).length,
    hung: outcomes.filter(({ late }) => late).length,
    'median, ms': took[took.length >> 1].toFixed(1),
    'worst, ms': took.at(-1).toFixed(0),
  };
}

/** Whether Redis has it under any name that ends so: libraries put words of their own before keys, and around values. */
function inRedis(redis, key, value) {
  return redis.cli('KEYS', `*${key}`).split('\n').some((name) => name !== '' && redis.cli('GET', name).includes(value));
}

async function outage(make) {
  const redis = await Redis.start();
  const cache = make(redis);
  const phases = {};
  await until(async () => came(await timed(() => cache.set('warm', 'v'))) && inRedis(redis, 'warm', 'v'), 'the first write');
  await sleep(300);
  for (let at = 0; at < 20; at++) await cache.set(`known:${at}`, `v${at}`);
  const isKnown = (value) => /^v\d/.test(value);

  await redis.kill();
  await sleep(500);
  phases['Killed: reads of keys that L1 has'] = summary(await each(20, (at) => cache.get(`known:${at}`)), isKnown);
  phases['Killed: getOrSet of new keys'] = summary(await each(10, (at) => cache.getOrSet(`new:${at}`, () => 'made')), (value) => value === 'made');
  const writes = await each(10, (at) => cache.set(`written:${at}`, `w${at}`));
  phases['Killed: writes'] = summary(writes);
  phases['Killed: those writes, read again'] = summary(await each(10, (at) => cache.get(`written:${at}`)), (value) => /^w\d/.test(value));

  await redis.restart();
  await sleep(4000);
  const accepted = [...writes.keys()].filter((at) => came(writes[at]));
  const there = accepted.filter((at) => inRedis(redis, `written:${at}`, `w${at}`)).length;
  let served = 0;
  for (let at = 0; at < 20; at++) served += isKnown(String((await timed(() => cache.get(`known:${at}`))).value)) ? 1 : 0;
  const accepts = came(await timed(() => cache.set('again', 'z')));
  const again = accepts && (await until(() => inRedis(redis, 'again', 'z'), 'it', 1000).catch(() => undefined)) !== undefined;
  phases['Back, empty, 4 s later'] = {
    'writes accepted while it was away': accepted.length,
    'of them in Redis': there,
    'told to be not': cache.told(),
    'of 20 values that Redis has no more, given out': served,
    'a new write reaches Redis within 1 s': again ? 'yes' : 'no',
  };

  for (let at = 0; at < 20; at++) await timed(() => cache.set(`known:${at}`, `v${at}`));
  redis.stop();
  const [reads, made] = await Promise.all([each(20, (at) => cache.get(`known:${at}`)), each(5, (at) => cache.getOrSet(`slow:${at}`, () => 'made'))]);
  phases['Silent: reads of keys that L1 has'] = summary(reads, isKnown);
  phases['Silent: getOrSet of new keys'] = summary(made, (value) => value === 'made');
  redis.go();
  await sleep(200);
  await Promise.race([Promise.resolve(cache.close()).catch(ignore), sleep(1000)]);
  await redis.kill();
  return phases;
}

function table(rows) {
  const columns = Object.keys(Object.values(rows)[0]);
  const lines = Object.entries(rows).map(([name, row]) => `| ${name} | ${columns.map((column) => row[column]).join(' | ')} |`);
  return `| | ${columns.join(' | ')} |\n|---|${columns.map(() => '---:').join('|')}|\n${lines.join('\n')}\n`;
}

const results = {};
for (const [name, make] of Object.entries(subjects)) {
  console.error(`   … ${name}`);
  results[name] = await outage(make);
}
const version = async (name) => (await import(`./node_modules/${name}/package.json`, { with: { type: 'json' } })).default.version;
const versions = await Promise.all(['bentocache', 'cache-manager', 'cacheable', '@keyv/redis', 'redis', 'ioredis'].map(async (name) => `${name} ${await version(name)}`));
let page = `# The same outage through several caches

\`cargo xtask bench tier-compare\` (\`pkg/test/tier/compare.js\`), Node ${process.versions.node}, ${versions.join(', ')}.

Each cache has L1 in the process and Redis behind it. Redis is killed for as long as the calls below take, comes back empty, and later says nothing
(SIGSTOP). Calls are made one after the other; one that takes more than ${PATIENCE / 1000} s hung, and after two of these no more are made. Settings are those that each library comes with; "bounded" has what it and
its client offer against waiting: of bentocache \`l2CircuitBreakerDuration\`, \`grace\`, ioredis without an offline queue and retries and with a \`commandTimeout\`; of cacheable \`nonBlocking\`
and node-redis without an offline queue. That cachette/tier by default removes a value from Redis that was written in an outage, and says so, is its rule for
conflicts; \`overwrite\` brings it there.
`;
for (const phase of Object.keys(Object.values(results)[0])) {
  page += `\n## ${phase}\n\n${table(Object.fromEntries(Object.entries(results).map(([name, phases]) => [name, phases[phase]])))}`;
}
console.log(page);
if (process.argv[2]) writeFileSync(process.argv[2], page);
process.exit(0);
