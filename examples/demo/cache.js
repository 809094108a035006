// cachette as a cache before a slow HTTP service, and the other things one keeps in a cache. `node cache.js`.

import { Cachette } from 'cachette';
import { setTimeout as sleep } from 'node:timers/promises';
import { startService } from './service.js';

const LATENCY = 40;
const TTL = 400;
const USERS = 20;
const VISITS = 400;

const service = await startService(LATENCY);
const cache = await Cachette.create({ maxmemory: '16mb' });
const report = [];

function line(what, figure) {
  report.push(`  ${what.padEnd(46)} ${figure}`);
}

function check(truth, what) {
  if (!truth) throw new Error(`the demo expected: ${what}`);
}

/** A user: from the cache, or from the service and then kept for TTL ms. */
async function user(id) {
  const key = `user:${id}`;
  const kept = cache.get(key);
  if (kept !== null) return JSON.parse(kept);
  const fetched = await (await fetch(`${service.url}/users/${id}`)).text();
  cache.set(key, fetched, { px: TTL });
  return JSON.parse(fetched);
}

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** `VISITS` visits to a handful of users; the popular ones come up more often. */
async function visits() {
  for (let visit = 0; visit < VISITS; visit++) {
    const id = Math.floor(USERS * (visit / VISITS) ** 2 * ((visit % 7) / 6)) % USERS;
    const found = await user(id);
    check(found.id === id, `user ${id} to be user ${id}`);
    cache.incr('visits');
    cache.zincrby('popular', 1, found.name);
  }
}

console.log(`\ncachette before a service that takes ${LATENCY} ms`);
const direct = await timed(async () => {
  for (let id = 0; id < 5; id++) await (await fetch(`${service.url}/users/${id}`)).json();
});
service.requests = 0;
const took = await timed(visits);
const { hits, misses } = cache.stats();
check(service.requests < VISITS / 2, 'most visits to be answered from the cache');
line('one request to the service', `${(direct / 5).toFixed(1)} ms`);
line(`${VISITS} visits through the cache`, `${took.toFixed(0)} ms, ${(took / VISITS).toFixed(2)} ms each`);
line('requests that reached the service', `${service.requests}`);
line('look-ups: hits, misses', `${hits}, ${misses} (${((100 * hits) / (hits + misses)).toFixed(1)} % hits)`);

const before = service.requests;
cache.set('user:0', JSON.stringify({ id: 0, name: 'user 0' }), { px: TTL });
await user(0);
check(service.requests === before, 'a fresh entry to spare the service');
check(cache.pttl('user:0') <= TTL, 'an entry to know its time');
await sleep(TTL + 20);
check(cache.get('user:0') === null, 'an entry to be gone after its time');
await user(0);
check(service.requests === before + 1, 'an expired entry to be asked for again');
line(`an entry after its TTL of ${TTL} ms`, 'gone, and fetched again');

line('counter: visits', `${cache.get('visits')}`);
check(Number(cache.get('visits')) === VISITS, 'the counter to have counted every visit');

const top = cache.zrange('popular', 0, 2, { rev: true, withscores: true });
line('leaderboard: the three most visited', top.map(([name, visits]) => `${name} (${visits})`).join(', '));
check(top.length === 3, 'three leaders');

/** At most `limit` calls a second for each caller: true if this one may go on. */
function allowed(caller, limit) {
  const key = `rate:${caller}`;
  const calls = cache.incr(key);
  if (calls === 1) cache.pexpire(key, 1000);
  return calls <= limit;
}

const verdicts = Array.from({ length: 25 }, () => allowed('10.0.0.7', 10));
line('rate limit of 10 a second, 25 calls', `${verdicts.filter(Boolean).length} allowed, ${verdicts.filter((ok) => !ok).length} refused`);
check(verdicts.filter(Boolean).length === 10, 'ten calls to be allowed');

const rounds = 200_000;
const loop = await timed(async () => {
  cache.set('hot', 'a short value');
  for (let i = 0; i < rounds; i++) cache.get('hot');
});
line('one get of a short string', `${((loop / rounds) * 1e6).toFixed(0)} ns`);

const { keys, bytes, wasmBytes } = cache.stats();
line('memory', `${keys} keys in ${(bytes / 1024).toFixed(1)} KiB by the engine's books, ${(wasmBytes / 1024 / 1024).toFixed(1)} MiB of WebAssembly`);
console.log(report.join('\n'));

cache.close();
service.close();
