// `cachette/cache`, from the packed package. Time is moved, never waited for: the clock and the timers are the test's.

import assert from 'node:assert/strict';
import { before, mock, test } from 'node:test';
import { installed } from './installed.js';

let Cachette, helpers;

before(async () => {
  const { load } = await installed();
  ({ Cachette } = await load('cachette'));
  helpers = await load('cachette/cache');
});

/** A cache, and hands on its clock. `settle` lets everything happen that needs no time. */
function clock(t, options) {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_700_000_000_000 });
  t.after(() => mock.timers.reset());
  const engine = new Cachette({ now: () => Date.now(), seed: 1n });
  t.after(() => engine.close());
  const settle = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
    engine.core.left = 0;
  };
  const move = async (ms) => {
    await settle();
    mock.timers.tick(ms);
    await settle();
  };
  return { engine, cache: helpers.createCache(engine, options), settle, move };
}

/** A factory that counts its calls, and answers when it is told to. */
function factory(values = []) {
  const made = (context) => {
    made.calls++;
    made.context = context;
    if (values.length > 0) {
      const next = values.length > 1 ? values.shift() : values[0];
      return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
    }
    return new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  };
  return Object.assign(made, { calls: 0 });
}

test('a missing value is made once, kept for its time, and stored as its codec made it', async (t) => {
  const { cache, engine, move } = clock(t, { codec: helpers.json, ttl: '10s' });
  const made = factory([{ n: 1 }, { n: 2 }]);
  assert.deepEqual(await cache.getOrSet('k', made), { n: 1 });
  assert.deepEqual(await cache.getOrSet('k', made), { n: 1 });
  assert.deepEqual([engine.get('cache:k'), engine.pttl('cache:k')], ['{"n":1}', 10_000]);
  await move(10_001);
  assert.equal(cache.get('k'), undefined);
  assert.deepEqual(await cache.getOrSet('k', made), { n: 2 });
  assert.equal(made.calls, 2);
});

test('ten thousand who miss at once call the factory once', async (t) => {
  const { cache } = clock(t);
  const made = factory();
  const asked = Array.from({ length: 10_000 }, () => cache.getOrSet('k', made));
  made.resolve('v');
  assert.deepEqual(new Set(await Promise.all(asked)), new Set(['v']));
  assert.equal(made.calls, 1);
  const failing = factory();
  const others = Array.from({ length: 10_000 }, () => cache.getOrSet('other', failing).catch((error) => error.message));
  failing.reject(new Error('no'));
  assert.deepEqual([new Set(await Promise.all(others)), failing.calls], [new Set(['no']), 1]);
});

test('set, delete, has, mget, touch', async (t) => {
  const { cache, engine, move } = clock(t, { ttl: 1000 });
  cache.set('a', '1');
  cache.set('b', '2', { ttl: '1m' });
  assert.deepEqual([cache.get('a'), cache.has('b'), cache.mget(['a', 'c', 'b'])], ['1', true, ['1', undefined, '2']]);
  await move(900);
  assert.deepEqual([cache.touch('a'), cache.touch('nosuch'), engine.pttl('cache:a')], [true, false, 1000]);
  assert.equal(cache.delete('a', 'b', 'c'), 2);
  assert.throws(() => cache.set('k', { a: 1 }), /name a codec/);
});

test('what is set or deleted while a factory runs stays so', async (t) => {
  const { cache } = clock(t);
  const made = factory();
  const asked = cache.getOrSet('k', made);
  cache.set('k', 'newer');
  made.resolve('older');
  assert.deepEqual([await asked, cache.get('k')], ['older', 'newer']);
  const again = cache.getOrSet('gone', made);
  cache.delete('gone');
  made.resolve('older');
  assert.deepEqual([await again, cache.get('gone')], ['older', undefined]);
});

test('stale-while-revalidate gives the stale value at once and has it made anew', async (t) => {
  const { cache, move, settle } = clock(t, { ttl: 1000, staleWhileRevalidate: 5000 });
  cache.set('k', 'old');
  await move(1500);
  const made = factory();
  assert.deepEqual([await cache.getOrSet('k', made), await cache.getOrSet('k', made), made.calls], ['old', 'old', 1]);
  assert.equal(made.context.stale, 'old');
  made.resolve('new');
  await settle();
  assert.deepEqual([await cache.getOrSet('k', made), made.calls], ['new', 1]);
  await move(6001);
  assert.equal(cache.get('k'), undefined);
});

test('a refresh in the background that fails is told, and the value stays', async (t) => {
  const told = [];
  const { cache, move, settle } = clock(t, { ttl: 1000, staleWhileRevalidate: 5000, onError: (error, key) => told.push([error.message, key]) });
  cache.set('k', 'old');
  await move(1500);
  assert.equal(await cache.getOrSet('k', factory([new Error('down')])), 'old');
  await settle();
  assert.deepEqual(told, [['down', 'k']]);
  assert.equal(await cache.getOrSet('k', factory(['new'])), 'old');
});

test('grace gives the older value where it cannot be made anew, and backs off', async (t) => {
  const { cache, move } = clock(t, { ttl: 1000, grace: '1h', graceBackoff: 1000 });
  const made = factory([new Error('down')]);
  await assert.rejects(cache.getOrSet('k', made), /down/);
  cache.set('k', 'old');
  await move(1001);
  const calls = [];
  for (const wait of [0, 999, 2, 1000, 1001, 3000, 1001]) {
    await move(wait);
    assert.equal(await cache.getOrSet('k', made), 'old');
    calls.push(made.calls);
  }
  // Tried at once, then after 1 s, 2 s, 4 s.
  assert.deepEqual(calls, [2, 2, 3, 3, 4, 4, 5]);
  await move(16_000);
  assert.equal(await cache.getOrSet('k', factory(['new'])), 'new');
  await move(3_601_001);
  await assert.rejects(cache.getOrSet('k', made), /down/);
});

test('soft and hard timeouts', async (t) => {
  const { cache, move, settle } = clock(t, { ttl: 1000, grace: '1h', timeout: { soft: 50, hard: 500 } });
  const slow = factory();
  const first = cache.getOrSet('k', slow);
  await move(499);
  slow.resolve('old');
  assert.equal(await first, 'old');
  await move(1001);
  const second = cache.getOrSet('k', slow);
  await move(50);
  assert.equal(await second, 'old');
  // It goes on in the background.
  slow.resolve('new');
  await settle();
  assert.equal(cache.get('k'), 'new');
  const never = factory();
  const third = cache.getOrSet('other', never);
  assert.equal(never.context.signal.aborted, false);
  const rejected = assert.rejects(third, { name: 'CacheTimeoutError', message: 'the value of "other" was not made within 500 ms' });
  await move(500);
  await rejected;
  assert.equal(never.context.signal.aborted, true);
  // What comes too late is not stored.
  never.resolve('late');
  await settle();
  assert.equal(cache.get('other'), undefined);
});

test("a caller's signal calls off his waiting, not that of others", async (t) => {
  const { cache } = clock(t);
  const made = factory();
  const control = new AbortController();
  const [mine, theirs] = [cache.getOrSet('k', made, { signal: control.signal }), cache.getOrSet('k', made)];
  control.abort(new Error('enough'));
  await assert.rejects(mine, /enough/);
  made.resolve('v');
  assert.equal(await theirs, 'v');
});

test('early refresh, by threshold and by chance', async (t) => {
  const { cache, move, settle } = clock(t, { ttl: 1000 });
  const made = factory();
  cache.set('k', 'old', { earlyRefresh: 0.8 });
  await move(799);
  assert.equal(await cache.getOrSet('k', made, { earlyRefresh: 0.8 }), 'old');
  assert.equal(made.calls, 0);
  await move(1);
  assert.equal(await cache.getOrSet('k', made, { earlyRefresh: 0.8 }), 'old');
  made.resolve('new');
  await settle();
  assert.deepEqual([cache.get('k'), made.calls], ['new', 1]);
  // XFetch: a factory that took 100 ms is asked early in one of e calls 100 ms before the end, hardly ever 1 s before it.
  const slow = factory();
  const asked = cache.getOrSet('x', slow, { xfetch: 1, ttl: 10_000 });
  await move(100);
  slow.resolve('v');
  await asked;
  const random = t.mock.method(Math, 'random', () => 0.3);
  await move(9885);
  await cache.getOrSet('x', slow, { xfetch: 1, ttl: 10_000 });
  assert.equal(slow.calls, 2);
  random.mock.mockImplementation(() => 0.99);
  const calm = factory();
  cache.delete('x');
  cache.set('x', 'v', { xfetch: 1, ttl: 10_000 });
  await cache.getOrSet('x', calm, { xfetch: 1, ttl: 10_000 });
  assert.equal(calm.calls, 0);
});

test('jitter shortens a time to live by up to its share', async (t) => {
  const { cache, engine } = clock(t, { ttl: 10_000, jitter: 0.1 });
  for (let i = 0; i < 100; i++) cache.set(`k${i}`, 'v');
  const times = Array.from({ length: 100 }, (_, i) => engine.pttl(`cache:k${i}`));
  assert.ok(Math.min(...times) >= 9000 && Math.max(...times) <= 10_000 && new Set(times).size > 50, String(times));
});

test('negative and error time to live', async (t) => {
  const { cache, move } = clock(t, { codec: helpers.json, ttl: '1m', negativeTtl: 1000, errorTtl: 500 });
  const nothing = factory([null]);
  assert.deepEqual([await cache.getOrSet('n', nothing), await cache.getOrSet('n', nothing), nothing.calls], [null, null, 1]);
  await move(1001);
  await cache.getOrSet('n', nothing);
  assert.equal(nothing.calls, 2);
  const failing = factory([new Error('down')]);
  await assert.rejects(cache.getOrSet('e', failing), { name: 'Error', message: 'down' });
  await assert.rejects(cache.getOrSet('e', failing), { name: 'CachedError', message: 'down' });
  assert.deepEqual([failing.calls, cache.get('e')], [1, undefined]);
  await move(501);
  await assert.rejects(cache.getOrSet('e', failing), { name: 'Error' });
  const undecided = clock(t, { codec: helpers.json }).cache;
  const none = factory([undefined]);
  assert.deepEqual([await undecided.getOrSet('u', none), await undecided.getOrSet('u', none), none.calls], [undefined, undefined, 2]);
});

test('tags let go of entries together', async (t) => {
  const { cache } = clock(t);
  cache.set('a', '1', { tags: ['x', 'y z,='] });
  cache.set('b', '2', { tags: ['x'] });
  cache.set('c', '3');
  cache.deleteByTag('y z,=');
  assert.deepEqual(cache.mget(['a', 'b', 'c']), [undefined, '2', '3']);
  cache.set('a', '4', { tags: ['y z,='] });
  cache.namespace('n').set('d', '5', { tags: ['x'] });
  cache.deleteByTag('x');
  assert.deepEqual([...cache.mget(['a', 'b', 'c']), cache.namespace('n').get('d')], ['4', undefined, '3', undefined]);
  // What was being made when a tag was let go of is not taken for newer.
  const made = factory();
  const asked = cache.getOrSet('late', made, { tags: ['x'] });
  cache.deleteByTag('x');
  made.resolve('v');
  assert.deepEqual([await asked, cache.get('late')], ['v', undefined]);
  await cache.getOrSet('dynamic', (context) => ((context.tags = ['z']), (context.ttl = 100), 'v'));
  assert.equal(cache.get('dynamic'), 'v');
  cache.deleteByTag('z');
  assert.equal(cache.get('dynamic'), undefined);
});

test('namespaces are cleared alone, or with what they are in, whoever holds them', async (t) => {
  const { cache, engine } = clock(t);
  const [a, b, deep] = [cache.namespace('a'), cache.namespace('b'), cache.namespace('a').namespace('deep')];
  const again = helpers.createCache(engine).namespace('a');
  const all = [cache, a, b, deep];
  const values = () => all.map((one) => one.get('k'));
  all.forEach((one) => one.set('k', 'v'));
  engine.set('mine', '1');
  assert.equal(again.get('k'), 'v');
  b.clear();
  assert.deepEqual(values(), ['v', 'v', undefined, 'v']);
  again.clear();
  assert.deepEqual(values(), ['v', undefined, undefined, undefined]);
  all.forEach((one) => one.set('k', 'w'));
  const made = factory();
  const asked = a.getOrSet('late', made);
  cache.clear();
  made.resolve('older');
  assert.deepEqual([values(), await asked, a.get('late')], [[undefined, undefined, undefined, undefined], 'older', undefined]);
  a.set('k', 'x');
  const before = engine.dbsize();
  const swept = cache.sweep();
  for (let i = 0; i < 10; i++) { await new Promise(setImmediate); mock.timers.tick(1); }
  assert.ok((await swept) >= 5, String(before));
  assert.deepEqual([engine.get('mine'), a.get('k')], ['1', 'x']);
});

test('getOrSetMany asks once for all that are missing', async (t) => {
  const { cache } = clock(t, { ttl: 1000 });
  cache.set('b', 'B');
  const calls = [];
  const made = async (keys) => (calls.push(keys), keys.map((key) => key.toUpperCase()));
  assert.deepEqual(await cache.getOrSetMany(['a', 'b', 'c', 'a'], made), ['A', 'B', 'C', 'A']);
  assert.deepEqual(await cache.getOrSetMany(['c', 'd'], made), ['C', 'D']);
  assert.deepEqual(calls, [['a', 'c'], ['d']]);
  const slow = factory();
  const [first, second] = [cache.getOrSet('e', slow), cache.getOrSetMany(['e', 'f'], made)];
  slow.resolve('from the first');
  assert.deepEqual([await first, await second, calls.at(-1)], ['from the first', ['from the first', 'F'], ['f']]);
  await assert.rejects(cache.getOrSetMany(['x', 'y'], () => ['only one']), /answered 1 values/);
});

test('memo caches a function by its arguments', async (t) => {
  const { cache, move } = clock(t, { codec: helpers.json });
  let calls = 0;
  const add = cache.memo(async (a, b) => (calls++, a + b), { key: (a, b) => `add:${a}:${b}`, ttl: 1000 });
  assert.deepEqual([await add(1, 2), await add(1, 2), await add(2, 2), calls], [3, 3, 4, 2]);
  assert.deepEqual([add.forget(1, 2), await add(1, 2), calls], [true, 3, 3]);
  await move(1001);
  assert.deepEqual([await add(1, 2), calls], [3, 4]);
});

test('codecs bring values back as they were', async (t) => {
  const { engine } = clock(t);
  const plain = { a: [1, 'x', null], b: { c: true } };
  const rich = { when: new Date(5), map: new Map([[1, { n: 2n ** 60n }]]), bytes: new Uint8Array([0, 1]) };
  const back = (codec, value, options = {}) => {
    const cache = helpers.createCache(engine, { codec, ...options });
    cache.set('k', value);
    return cache.get('k');
  };
  for (const codec of [helpers.json, helpers.messagePack, helpers.structured]) assert.deepEqual(back(codec, plain), plain);
  assert.deepEqual(back(helpers.structured, { ...rich, set: new Set([1]) }), { ...rich, set: new Set([1]) });
  assert.deepEqual(back(helpers.messagePack, rich), rich);
  // Values that look like an envelope are none.
  for (const options of [{}, { ttl: 1000, grace: 1000 }]) {
    assert.equal(back(helpers.text, '\0,\n', options), '\0,\n');
    assert.equal(back(helpers.text, '', options), '');
    assert.deepEqual([...back(helpers.bytes, new Uint8Array([0, 10, 0]), options)], [0, 10, 0]);
    assert.equal(back(helpers.messagePack, 0, options), 0);
  }
});

test('what cannot be read rejects, and is not thrown', async (t) => {
  const { cache, engine } = clock(t, { codec: helpers.json });
  engine.set('cache:k', 'no json');
  await assert.rejects(cache.getOrSet('k', () => 1), SyntaxError);
  engine.close();
  await assert.rejects(cache.getOrSet('k', () => 1), { name: 'CacheClosedError' });
});

test('rate limiters', async (t) => {
  const { engine, move } = clock(t);
  const limiter = (algorithm, limit = 3) => new helpers.RateLimiter(engine, { name: algorithm, limit, window: '10s', algorithm });
  const allowed = (one, n) => Array.from({ length: n }, () => one.take('u').allowed);

  const fixed = limiter('fixed');
  assert.deepEqual(fixed.take('u'), { allowed: true, limit: 3, remaining: 2, retryAfter: 0, reset: 10_000 });
  await move(4000);
  assert.deepEqual(allowed(fixed, 3), [true, true, false]);
  assert.deepEqual(fixed.take('u'), { allowed: false, limit: 3, remaining: 0, retryAfter: 6000, reset: 6000 });
  assert.equal(fixed.take('other', 3).allowed, true);
  await move(6001);
  assert.deepEqual(allowed(fixed, 4), [true, true, true, false]);
  fixed.reset('u');
  assert.equal(fixed.take('u').allowed, true);

  await move(10_000 - (Date.now() % 10_000));
  const sliding = limiter('sliding', 10);
  assert.deepEqual(allowed(sliding, 11), [...Array(10).fill(true), false]);
  await move(10_000);
  // The last window counts whole at its end, and by half in the middle of the next.
  const refused = sliding.take('u');
  assert.deepEqual([refused.allowed, refused.retryAfter], [false, 1000]);
  await move(1000);
  assert.deepEqual(allowed(sliding, 2), [true, false]);
  await move(4000);
  assert.deepEqual(allowed(sliding, 5), [true, true, true, true, false]);
  await move(25_000);
  assert.deepEqual(allowed(sliding, 11), [...Array(10).fill(true), false]);

  const bucket = limiter('token-bucket');
  assert.deepEqual(allowed(bucket, 4), [true, true, true, false]);
  assert.equal(bucket.take('u').retryAfter, 3334);
  await move(3334);
  assert.deepEqual(allowed(bucket, 2), [true, false]);
  await move(100_000);
  assert.deepEqual(allowed(bucket, 4), [true, true, true, false]);
  assert.throws(() => limiter('fixed', 0), /whole number above 0/);
});

test('locks: one holder, who is told apart by a number that grows', async (t) => {
  const { engine, move, settle } = clock(t);
  const locks = new helpers.Locks(engine);
  const first = locks.try('job', 1000);
  assert.equal(locks.try('job'), null);
  const waiting = locks.acquire('job');
  await settle();
  assert.equal(first.release(), true);
  const second = await waiting;
  assert.ok(second.token > first.token);
  assert.deepEqual([first.held, first.release(), first.renew(), second.held], [false, false, false, true]);
  // Whoever dies loses it when its time is over.
  const third = locks.acquire('job');
  await move(9999);
  assert.equal(second.renew(2000), true);
  await move(1999);
  assert.equal(second.held, true);
  await move(2);
  await move(10_000);
  assert.ok((await third).token > second.token);
  await assert.rejects(locks.acquire('job', { wait: 0 }), { name: 'LockError' });
  const control = new AbortController();
  const called = locks.acquire('job', { signal: control.signal });
  await settle();
  control.abort(new Error('enough'));
  await assert.rejects(called, /enough/);
  (await third).release();
  assert.equal(await locks.with('job', (lock) => lock.held), true);
  await assert.rejects(locks.with('job', () => { throw new Error('work failed'); }), /work failed/);
  assert.notEqual(locks.try('job'), null);
  // The number grows although the engine lost it.
  engine.flushall();
  const after = locks.try('job');
  assert.ok(after.token > second.token);
});

/** An HTTP cache before a server that answers by `answer(request)`, and counts. */
function web(t, answer, options) {
  const { engine, move, settle } = clock(t);
  const server = { asked: [] };
  const fetch = helpers.httpCache(engine, {
    ...options,
    fetch: async (request) => {
      server.asked.push(request);
      return answer(request, server.asked.length);
    },
  });
  const get = async (url = 'https://a.test/', headers = {}) => {
    const response = await fetch(url, { headers });
    return [response.status, await response.text(), response.headers.get('cache-status')?.replace('cachette; ', '') ?? ''];
  };
  return { server, fetch, get, engine, move, settle };
}

test('HTTP: a response is given again while it is fresh', async (t) => {
  const { server, get, fetch, move } = web(t, (_, n) => new Response(`v${n}`, { headers: { 'cache-control': 'max-age=10', 'content-type': 'text/plain' } }));
  assert.deepEqual(await get(), [200, 'v1', 'fwd=miss; stored']);
  await move(9000);
  const again = await fetch('https://a.test/#part');
  assert.deepEqual([await again.text(), again.headers.get('age'), again.headers.get('content-type')], ['v1', '9', 'text/plain']);
  assert.equal((await get('https://a.test/', { 'cache-control': 'max-age=5' }))[1], 'v2');
  await move(10_000);
  assert.equal((await get('https://a.test/', { 'cache-control': 'max-stale=60' }))[1], 'v2');
  assert.equal((await get())[1], 'v3');
  assert.equal((await get('https://a.test/', { 'cache-control': 'no-cache' }))[1], 'v4');
  assert.equal((await get('https://b.test/', { 'cache-control': 'only-if-cached' }))[0], 504);
  assert.equal(server.asked.length, 4);
});

test('HTTP: what is stale is asked about by its ETag', async (t) => {
  const { server, get, move } = web(t, (request, n) =>
    request.headers.get('if-none-match') === '"one"'
      ? new Response(null, { status: 304, headers: { 'cache-control': 'max-age=20', 'x-n': String(n) } })
      : new Response('body', { headers: { 'cache-control': 'max-age=10', etag: '"one"' } }),
  );
  await get();
  await move(11_000);
  assert.deepEqual(await get(), [200, 'body', 'fwd=stale; fwd-status=304; stored']);
  await move(19_000);
  assert.equal((await get())[1], 'body');
  assert.equal(server.asked.length, 2);
  // The client's own question is answered from the cache.
  assert.deepEqual((await get('https://a.test/', { 'if-none-match': 'W/"one"' })).slice(0, 2), [304, '']);
  assert.equal(server.asked.length, 2);
});

test('HTTP: Vary keeps responses apart', async (t) => {
  const { server, get } = web(t, (request) => new Response(request.headers.get('accept-language'), { headers: { 'cache-control': 'max-age=10', vary: 'Accept-Language' } }));
  for (const language of ['de', 'en', 'de', 'en']) assert.equal((await get('https://a.test/', { 'accept-language': language, 'x-other': language + server.asked.length }))[1], language);
  assert.equal(server.asked.length, 2);
});

test('HTTP: what may not be stored is not', async (t) => {
  const stored = async (headers, options, request = {}, status = 200) => {
    const { get } = web(t, () => new Response('x', { status, headers }), options);
    await get('https://a.test/', request);
    return (await get('https://a.test/', request))[2].startsWith('hit');
  };
  const fresh = 'max-age=10';
  assert.equal(await stored({ 'cache-control': fresh }), true);
  for (const headers of [{ 'cache-control': 'no-store, max-age=10' }, { 'cache-control': 'no-cache' }, {}, { 'cache-control': fresh, vary: '*' }]) assert.equal(await stored(headers), false);
  assert.equal(await stored({ 'cache-control': 'private, max-age=10' }), true);
  assert.equal(await stored({ 'cache-control': 'private, max-age=10' }, { shared: true }), false);
  assert.equal(await stored({ 'cache-control': 's-maxage=10, max-age=0' }, { shared: true }), true);
  assert.equal(await stored({ 'cache-control': fresh, 'set-cookie': 'a=b' }, { shared: true }), false);
  assert.equal(await stored({ 'cache-control': fresh }, { shared: true }, { authorization: 'x' }), false);
  assert.equal(await stored({ 'cache-control': `public, ${fresh}` }, { shared: true }, { authorization: 'x' }), true);
  assert.equal(await stored({ 'cache-control': fresh }, {}, {}, 404), true);
  assert.equal(await stored({ 'cache-control': fresh }, { maxBytes: 0 }), false);
  assert.equal(await stored({ expires: new Date(Date.now() + 10_000).toUTCString() }), true);
});

test('HTTP: stale-while-revalidate and stale-if-error', async (t) => {
  let down = false;
  const { server, get, move, settle } = web(t, (_, n) => (down ? new Response('down', { status: 503 }) : new Response(`v${n}`, { headers: { 'cache-control': 'max-age=10, stale-while-revalidate=10, stale-if-error=60' } })));
  await get();
  await move(15_000);
  assert.deepEqual((await get()).slice(0, 2), [200, 'v1']);
  for (let i = 0; i < 10; i++) await new Promise(setImmediate);
  await settle();
  assert.equal((await get())[1], 'v2');
  down = true;
  await move(40_000);
  assert.deepEqual(await get(), [200, 'v2', 'hit; detail=stale-if-error']);
  await move(60_000);
  assert.equal((await get())[0], 503);
  assert.equal(server.asked.length, 4);
});

test('HTTP: what is unsafe goes through, and lets go of what was stored', async (t) => {
  const { get, fetch } = web(t, (request, n) => new Response(`${request.method} ${n}`, { headers: { 'cache-control': 'max-age=10' } }));
  await get();
  const posted = await fetch('https://a.test/', { method: 'POST', body: 'x' });
  assert.equal(await posted.text(), 'POST 2');
  assert.equal((await get())[1], 'GET 3');
});
