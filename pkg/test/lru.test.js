// `cachette/lru` against lru-cache itself: the same random calls on both, with the same clock; whatever they return, tell and keep must be the same.
// Environment: CACHETTE_TARBALL, the package to test (or CACHETTE_DIST, its built folder); SEED and RUNS to repeat or to go on. A failure prints the seed.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { LRUCache as Theirs } from 'lru-cache';

const RUNS = Number(process.env.RUNS ?? 300);
const FIRST = Number(process.env.SEED ?? 1);
let folder;
let Ours;

before(async () => {
  let dist = process.env.CACHETTE_DIST;
  if (dist === undefined) {
    assert.ok(process.env.CACHETTE_TARBALL, 'CACHETTE_TARBALL must name the packed package; run `cargo xtask test package`');
    folder = await mkdtemp(join(tmpdir(), 'cachette-lru-'));
    await promisify(execFile)('tar', ['-xzf', process.env.CACHETTE_TARBALL, '-C', folder]);
    dist = join(folder, 'package/dist');
  }
  ({ LRUCache: Ours } = await import(pathToFileURL(join(dist, 'platform/node.js'))));
});

after(() => folder && rm(folder, { recursive: true, force: true }));

/** Random numbers by a seed. */
function dice(seed) {
  let state = (seed * 2654435761) >>> 0 || 1;
  const roll = (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
  const pick = (list) => list[roll(list.length)];
  const flag = (name, one) => (roll(one) === 0 ? { [name]: roll(3) > 0 } : {});
  return { roll, pick, flag };
}

const object = { an: 'object' };
const symbol = Symbol('key');
const KEYS = [
  ...Array.from({ length: 14 }, (_, i) => `key:${i}`), ...Array.from({ length: 6 }, (_, i) => i), 1.5, NaN, 10n, '10', true, false, 'true',
  object, symbol, () => 0, 'é', '\ud800', '\udfff', '\ufffd', 'x\0', '', 'long key '.repeat(30), '\u{1f600}'.repeat(700),
];

/** Options of one run, without functions. */
function settings({ roll, pick, flag }) {
  const sized = roll(3) === 0;
  const timed = roll(2) === 0;
  const max = sized && roll(2) ? 0 : 1 + roll(12);
  // With both, lru-cache keeps keys that have no value.
  const rejecting = roll(2) === 0;
  const ignoring = roll(2) === 0;
  return {
    max: max || undefined,
    ...(sized && { maxSize: 20 + roll(40), ...(roll(3) === 0 && { maxEntrySize: 10 }) }),
    ...(timed && { ttl: 1 + roll(50) }),
    ttlResolution: 0,
    ...flag('allowStale', 3), ...flag('updateAgeOnGet', 3), ...flag('updateAgeOnHas', 3), ...flag('noDeleteOnStaleGet', 3), ...flag('noUpdateTTL', 3),
    ...(rejecting ? { ...flag('noDeleteOnFetchRejection', 3), ...flag('allowStaleOnFetchRejection', 3) } : ignoring && flag('ignoreFetchAbort', 3)),
    // Both together: written later or not by whether a place is free by chance, too.
    ...(ignoring ? {} : flag('allowStaleOnFetchAbort', 3)),
    rejecting,
    ignoring,
    sized,
    timed,
    calculates: sized && pick([true, false]),
    disposes: pick([true, false]),
    disposesAfter: pick([true, false]),
    inserts: pick([true, false]),
    // A fetch whose entry was evicted for size is written later or not by whether its place is free by chance: that differs.
    fetches: !sized && pick([true, false]),
  };
}

/** One of the two caches, with all that it told. */
function subject(LRUCache, { rejecting, ignoring, sized, timed, calculates, disposes, disposesAfter, inserts, fetches, ...options }, clock) {
  const told = [];
  const tell = (name) => (...args) => void told.push([name, ...args]);
  const pending = [];
  const cache = new LRUCache({
    ...options,
    perf: clock,
    memoMethod: (key, stale, { context }) => ({ memo: stale?.n, context }),
    ...(calculates && { sizeCalculation: (value) => 1 + ((value.n ?? 0) % 12) }),
    ...(disposes && { dispose: tell('dispose') }),
    ...(disposesAfter && { disposeAfter: tell('disposeAfter') }),
    ...(inserts && { onInsert: tell('onInsert') }),
    ...(fetches && {
      fetchMethod: (key, stale, { signal, context }) => {
        told.push(['fetch', key, stale, context]);
        return new Promise((resolve, reject) => pending.push({ resolve, reject, signal }));
      },
    }),
  });
  return { cache, told, pending, outcomes: [] };
}

/** One random call, as a function of a subject, and its name. */
function call(random, { rejecting, ignoring, sized, timed, calculates, fetches }, n) {
  const { roll, pick, flag } = random;
  const key = pick(KEYS);
  const value = Object.freeze({ n });
  const getting = { ...flag('allowStale', 4), ...flag('updateAgeOnGet', 4), ...flag('noDeleteOnStaleGet', 4) };
  const setting = {
    ...(sized && (!calculates || roll(3) === 0) && { size: 1 + roll(14) }),
    ...(roll(5) === 0 && { ttl: roll(60) }),
    ...(roll(12) === 0 && timed && { start: 1000 + roll(100) }),
    ...flag('noUpdateTTL', 5),
  };
  const rare = roll(4) === 0;
  const refreshing = flag('forceRefresh', 3);
  const withStatus = (method, ...args) => ({ cache }) => {
    const status = {};
    const last = args.length - 1;
    const result = cache[method](...args.slice(0, last), { ...args[last], status });
    const { op, key: _, cache: __, value: ___, context, ...rest } = status;
    return [result === cache ? 'this' : result, rest];
  };
  const calls = [
    [12, 'set', withStatus('set', key, roll(30) === 0 ? undefined : value, setting)],
    [4, 'set again', ({ cache }) => (cache.peek(key, { allowStale: true }) === undefined ? 0 : cache.set(key, cache.peek(key, { allowStale: true }), setting) === cache)],
    [14, 'get', withStatus('get', key, getting)],
    [4, 'has', withStatus('has', key, flag('updateAgeOnHas', 3))],
    [4, 'peek', withStatus('peek', key, flag('allowStale', 3))],
    [4, 'delete', ({ cache }) => cache.delete(key)],
    [1, 'pop', ({ cache }) => cache.pop()],
    [1, 'purgeStale', ({ cache }) => cache.purgeStale()],
    [rare ? 1 : 0, 'clear', ({ cache }) => cache.clear()],
    [2, 'getRemainingTTL', ({ cache }) => cache.getRemainingTTL(key)],
    [2, 'info', ({ cache }) => { const { start, ...rest } = cache.info(key) ?? {}; return rest; }],
    [1, 'find', ({ cache }) => cache.find((found, of) => found.n % 3 === 0 && of !== key, getting)],
    [1, 'forEach', ({ cache }) => { const seen = []; cache.forEach((...args) => seen.push(args.slice(0, 2))); cache.rforEach((...args) => seen.push(args.slice(0, 2))); return seen; }],
    [1, 'iterate and delete', ({ cache }) => { const seen = []; for (const [of] of cache) { seen.push(of); if (seen.length % 2) cache.delete(of); } return seen; }],
    [1, 'iterate', ({ cache }) => [[...cache.keys()], [...cache.rkeys()], [...cache.values()], [...cache]]],
    [1, 'reload', ({ cache }) => { const dump = cache.dump(); cache.load(dump.map(([of, entry]) => [of, { ...entry }])); return dump.map(([of, { start, ttl = 0, ...entry }]) => [of, entry, ttl]); }],
    [sized ? 0 : 1, 'memo', ({ cache }) => cache.memo(key, { ...refreshing, context: 7 })],
  ];
  if (fetches) {
    const fetching = { ...getting, ...setting, ...flag('forceRefresh', 4), ...(!rejecting && ignoring && flag('ignoreFetchAbort', 5)), ...(!ignoring && flag('allowStaleOnFetchAbort', 5)), context: n };
    const [aborts, forces] = [roll(4) === 0, roll(5) === 0];
    calls.push([8, 'fetch', (one) => {
      const controller = aborts ? new AbortController() : undefined;
      const status = {};
      const promise = one.cache[forces ? 'forceFetch' : 'fetch'](key, { ...fetching, status, ...(controller && { signal: controller.signal }) });
      promise.then((came) => one.outcomes.push([n, 'came', came]), (error) => one.outcomes.push([n, 'failed', String(error)]));
      if (controller) one.pending.push({ abort: controller });
    }]);
    const [which, ends] = [roll(5), pick(['value', 'value', 'value', 'nothing', 'failure'])];
    calls.push([8, 'settle', ({ pending }) => {
      const [one] = pending.splice(which % Math.max(pending.length, 1), 1);
      if (one === undefined) return 'none';
      if (one.abort) one.abort.abort(new Error('called off'));
      else if (ends === 'failure') one.reject(new Error('no luck'));
      else one.resolve(ends === 'value' ? value : undefined);
      return pending.length;
    }]);
  }
  let at = roll(calls.reduce((sum, [weight]) => sum + weight, 0));
  const [, name, run] = calls.find(([weight]) => (at -= weight) < 0);
  return { name: `${name} ${String(typeof key === 'object' ? 'object' : String(key).slice(0, 20))}`, run };
}

function outcome(run, one) {
  try {
    return run(one);
  } catch (error) {
    return `${error.constructor.name}`;
  }
}

/** What can be seen of a cache. */
function state({ cache, told, outcomes }) {
  const seen = { size: cache.size, total: cache.calculatedSize, entries: [...cache.entries()], dump: cache.dump().map(([key, { start, ttl = 0, ...entry }]) => [key, entry, ttl]) };
  return { ...seen, reversed: [...cache.rentries()], keys: [...cache.keys()], values: [...cache.rvalues()], told, outcomes };
}

async function run(seed) {
  const random = dice(seed);
  const chosen = settings(random);
  const clock = { time: 1000, now: () => clock.time };
  Date.now = clock.now;
  const [ours, theirs] = [Ours, Theirs].map((LRUCache) => subject(LRUCache, chosen, clock));
  const log = [];
  for (let n = 0; n < 120; n++) {
    const { name, run } = call(random, chosen, n);
    log.push(name);
    const [actual, expected] = [ours, theirs].map((one) => outcome(run, one));
    for (let i = 0; i < 6; i++) await null;
    const where = `seed ${seed}, call ${n}: ${name}\n${JSON.stringify(chosen)}\n${log.slice(-12).join(', ')}`;
    assert.deepEqual(actual, expected, where);
    assert.deepEqual(state(ours), state(theirs), where);
    if (random.roll(4) === 0) clock.time += random.roll(30);
  }
}

test('the same as lru-cache, call by call', async (t) => {
  const { now } = Date;
  t.after(() => (Date.now = now));
  for (let seed = FIRST; seed < FIRST + RUNS; seed++) await run(seed);
});

test("under 's3fifo' the limits hold, and each entry that goes is told once", () => {
  for (const limits of [{ max: 50 }, { maxSize: 500 }, { max: 40, maxSize: 500, maxEntrySize: 30 }, { max: 1 }]) {
    const { roll, pick } = dice(limits.max ?? 7);
    const known = new Map();
    const sized = limits.maxSize !== undefined;
    const dispose = (value, key, reason) => {
      assert.equal(known.get(key), value, `${String(key)} was told to be gone: ${reason}`);
      known.delete(key);
    };
    const cache = new Ours({ ...limits, policy: 's3fifo', dispose, ttl: 3_600_000 });
    for (let n = 0; n < 5000; n++) {
      const key = roll(3) === 0 ? pick(KEYS) : `key:${roll(200)}`;
      const [action, value] = [roll(8), { n }];
      const size = sized ? { size: 1 + roll(40) } : {};
      if (action < 4) {
        assert.equal(cache.get(key), known.get(key));
        assert.equal(cache.has(key), known.has(key));
      } else if (action === 7) {
        const was = known.has(key);
        assert.equal(cache.delete(key), was);
      } else {
        cache.set(key, value, size);
        if (size.size > (limits.maxEntrySize ?? Infinity)) assert.equal(known.has(key), false);
        else known.set(key, value);
        // Kept, or it went for its own size.
        if (cache.peek(key) === undefined) known.delete(key);
      }
      assert.equal(cache.size, known.size);
      assert.ok(!limits.max || cache.size <= limits.max);
      assert.ok(!sized || cache.calculatedSize <= limits.maxSize);
    }
    assert.deepEqual(new Map(cache), known);
    const values = [...known.values()];
    const popped = cache.pop();
    assert.ok(values.includes(popped) && ![...cache.values()].includes(popped));
    cache.clear();
    assert.deepEqual([cache.size, known.size, [...cache].length], [0, 0, 0]);
  }
});

test("under 's3fifo' the key that goes is told also where remembering it makes the engine's memory grow", () => {
  // Two hundred kilobytes are remembered, and nobody else asks for memory meanwhile.
  const max = 50_000;
  const cache = new Ours({ max, policy: 's3fifo', dispose: (value, key) => assert.equal(key, `key:${value}`) });
  for (let n = 0; n < 3 * max; n++) cache.set(`key:${n}`, n);
  assert.equal(cache.size, max);
});

test('entries are removed in their time, if that is wished', async () => {
  const gone = [];
  const cache = new Ours({ ttl: 20, ttlAutopurge: true, dispose: (value, key, reason) => gone.push([value, key, reason]) });
  const object = {};
  cache.set(object, 1).set('later', 2, { ttl: 60_000 });
  for (let i = 0; i < 100 && cache.size > 1; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(gone, [[1, object, 'expire']]);
  assert.deepEqual([...cache], [['later', 2]]);
});

test('options that make no sense are refused, as by lru-cache', () => {
  const wrong = [{}, { max: 0 }, { max: -1 }, { max: 1.5 }, { max: Infinity }, { maxSize: 1.5 }, { max: 1, maxEntrySize: -1 }, { max: 1, ttl: 1.5 }, { max: 1, ttl: -1 },
    { max: 1, sizeCalculation: () => 1 }, { max: 1, maxSize: 1, sizeCalculation: 1 }, { max: 1, fetchMethod: 1 }, { max: 1, memoMethod: true }, { max: 1, perf: {} }];
  for (const options of wrong) {
    for (const LRUCache of [Ours, Theirs]) assert.throws(() => new LRUCache(options), TypeError, JSON.stringify(options));
  }
  assert.throws(() => new Ours({ max: 1, policy: 'fifo' }), TypeError);
  assert.throws(() => new Ours({ maxSize: 10 }).set('k', 1), TypeError);
  assert.throws(() => new Ours({ max: 10 }).set('k', 1, { size: 1 }), TypeError);
});
