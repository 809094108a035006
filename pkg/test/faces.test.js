// The faces that libraries plug into, from the packed package, by the libraries themselves. (Their own test suites run by `cargo xtask suites`.)

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { before, test } from 'node:test';
import { Redis } from '@upstash/redis';
import { createCache } from 'cache-manager';
import session from 'express-session';
import Keyv from 'keyv';
import Keyv5 from 'keyv-5';
import { createStorage } from 'unstorage';
import { installed } from './installed.js';

let Cachette, full, load;

before(async () => {
  ({ load } = await installed());
  ({ Cachette } = await load('cachette'));
  ({ full } = await load('cachette/full'));
});

/** A cache with a clock of its own: `clock.now` moves it. */
function fresh(t, options = {}) {
  const clock = { now: Date.now() };
  const cache = new Cachette({ now: () => clock.now, ...options });
  t.after(() => cache.close());
  return { cache, clock, turn: () => new Promise((resolve) => setImmediate(resolve)) };
}

test('Keyv 6: entries, ends, namespaces, iteration', async (t) => {
  const { cache } = fresh(t);
  const { KeyvCachette } = await load('cachette/keyv');
  const [keyv, other] = [new Keyv({ store: new KeyvCachette(cache), namespace: 'a' }), new Keyv({ store: new KeyvCachette(cache, { namespace: 'a:b' }), namespace: 'a:b' })];
  await keyv.set('k', { n: 1 });
  await keyv.set('short', 'x', 60_000);
  await other.set('k', 'theirs');
  assert.deepEqual([await keyv.get('k'), await keyv.get(['k', 'nosuch']), await keyv.has('k')], [{ n: 1 }, [{ n: 1 }, undefined], true]);
  const left = cache.pttl('keyv:a:short');
  assert.ok(left > 59_000 && left < 70_000, String(left));
  const found = [];
  for await (const [key] of keyv.iterator()) found.push(key);
  assert.deepEqual(found.sort(), ['k', 'short']);
  await keyv.clear();
  assert.deepEqual([await keyv.get('k'), await other.get('k')], [undefined, 'theirs']);
});

test('Keyv 5, and cache-manager by it', async (t) => {
  const { cache } = fresh(t);
  const { Keyv5Cachette } = await load('cachette/keyv');
  const keyv = new Keyv5({ store: new Keyv5Cachette(cache), namespace: 'n', useKeyPrefix: false });
  await keyv.set('k', [1, 2], 60_000);
  assert.deepEqual([await keyv.get('k'), await keyv.delete('k'), await keyv.delete('k')], [[1, 2], true, false]);
  const manager = createCache({ stores: [new Keyv5({ store: new Keyv5Cachette(cache, { prefix: 'manager' }) })], ttl: 10_000 });
  let made = 0;
  const user = () => manager.wrap('user:1', async () => ({ n: ++made }));
  assert.deepEqual([await user(), await user(), await manager.mget(['user:1', 'x'])], [{ n: 1 }, { n: 1 }, [{ n: 1 }, undefined]]);
  await manager.clear();
  assert.deepEqual(await user(), { n: 2 });
});

test('unstorage: items, raw bytes, keys, ends, changes', async (t) => {
  const { cache, clock, turn } = fresh(t);
  const { cachetteDriver } = await load('cachette/unstorage');
  const storage = createStorage({ driver: cachetteDriver({ cache, base: 'app' }) });
  await storage.setItem('a:b', { n: 1 });
  await storage.setItemRaw('raw', new Uint8Array([0, 255]));
  await storage.setItem('short', 'x', { ttl: 10 });
  assert.deepEqual([await storage.getItem('a:b'), [...(await storage.getItemRaw('raw'))], await storage.getItem('none')], [{ n: 1 }, [0, 255], null]);
  assert.deepEqual([(await storage.getKeys()).sort(), await storage.getKeys('a'), (await storage.getMeta('short')).ttl], [['a:b', 'raw', 'short'], ['a:b'], 10]);
  cache.set('others', 1);
  const told = [];
  const unwatch = await storage.watch((event, key) => told.push([event, key]));
  await storage.setItem('new', '1');
  await storage.removeItem('raw');
  await turn();
  clock.now += 10_001;
  assert.equal(await storage.getItem('short'), null);
  await turn();
  assert.deepEqual(told, [['update', 'new'], ['remove', 'raw'], ['remove', 'short']]);
  await unwatch();
  await storage.clear();
  assert.deepEqual([await storage.getKeys(), cache.get('others')], [[], '1']);
});

test('express-session: a session lives through requests, and ends', async (t) => {
  const { cache, clock } = fresh(t);
  const { sessionStore } = await load('cachette/session');
  const store = sessionStore(session, { cache });
  const handle = session({ store, secret: 's', resave: false, saveUninitialized: false, cookie: { maxAge: 60_000 } });
  const server = createServer((request, response) => handle(request, response, () => {
    if (request.url === '/out') return request.session.destroy(() => response.end('out'));
    request.session.views = (request.session.views ?? 0) + 1;
    response.end(String(request.session.views));
  }));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const ask = async (path, cookie = '') => {
    const response = await fetch(`http://127.0.0.1:${server.address().port}${path}`, { headers: { cookie, connection: 'close' } });
    return { text: await response.text(), cookie: response.headers.get('set-cookie')?.split(';')[0] ?? cookie };
  };
  const first = await ask('/');
  assert.deepEqual([first.text, (await ask('/', first.cookie)).text, (await ask('/')).text], ['1', '2', '1']);
  assert.deepEqual([await store.length(), (await store.all()).map(({ views }) => views).sort()], [2, [1, 2]]);
  assert.equal((await ask('/out', first.cookie)).text, 'out');
  assert.equal(await store.length(), 1);
  clock.now += 61_000;
  assert.equal((await store.all()).length, 0);
  const failing = sessionStore(session, { cache, serializer: { stringify: () => { throw new Error('no'); }, parse: JSON.parse } });
  await assert.rejects(failing.set('x', {}), /no/);
  assert.equal(await new Promise((resolve) => failing.set('x', {}, (error) => resolve(error.message))), 'no');
});

/** @upstash/redis by both ways. */
async function upstash(t) {
  const { requester, restHandler } = await load('cachette/upstash');
  const { cache } = fresh(t, { engine: full });
  const handler = restHandler(cache, { token: 'secret' });
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const answer = await handler(new Request(`http://x${request.url}`, { method: request.method, headers: request.headers, signal: gone.signal, ...(chunks.length > 0 && { body: Buffer.concat(chunks) }) }));
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    if (answer.body !== null) for await (const chunk of answer.body) response.write(chunk);
    response.end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => (server.closeAllConnections(), server.close()));
  const url = `http://127.0.0.1:${server.address().port}`;
  return { url, cache, clients: { 'in process': new Redis(requester(cache)), REST: new Redis({ url, token: 'secret' }) } };
}

test('@upstash/redis, in process and by REST', async (t) => {
  const { clients } = await upstash(t);
  for (const [name, redis] of Object.entries(clients)) {
    await redis.flushdb();
    assert.equal(await redis.set('k', { a: 'ü' }, { ex: 60 }), 'OK', name);
    assert.deepEqual([await redis.get('k'), await redis.get('none'), await redis.incrby('n', 5)], [{ a: 'ü' }, null, 5]);
    await redis.hset('h', { f: 1, g: 'OK' });
    assert.deepEqual([await redis.hgetall('h'), await redis.hmget('h', 'g', 'x')], [{ f: 1, g: 'OK' }, { g: 'OK', x: null }]);
    await redis.zadd('z', { score: 1.5, member: 'm' });
    assert.deepEqual(await redis.zrange('z', 0, -1, { withScores: true }), ['m', 1.5]);
    assert.deepEqual(await redis.pipeline().incr('n').get('n').exec(), [6, 6]);
    assert.deepEqual(await redis.multi().incr('n').incr('n').exec(), [7, 8]);
    await assert.rejects(redis.lpush('k', 'x'), /WRONGTYPE/);
    const subscriber = redis.subscribe('news');
    const told = new Promise((resolve) => subscriber.on('message', resolve));
    await new Promise((resolve) => subscriber.on('subscribe', resolve));
    await redis.publish('news', { hello: 1 });
    assert.deepEqual(await told, { channel: 'news', message: { hello: 1 } });
    await subscriber.unsubscribe();
  }
});

test('the REST protocol, word for word', async (t) => {
  const { url } = await upstash(t);
  const ask = async (path, init = {}) => {
    const response = await fetch(url + path, { ...init, headers: { authorization: 'Bearer secret', ...init.headers } });
    return [response.status, await response.json()];
  };
  assert.deepEqual(await ask('/set/foo/bar%2Fbaz?EX=100'), [200, { result: 'OK' }]);
  assert.deepEqual(await ask('/get/foo'), [200, { result: 'bar/baz' }]);
  assert.deepEqual(await ask('/set/body', { method: 'POST', body: 'the value' }), [200, { result: 'OK' }]);
  assert.deepEqual(await ask('/', { method: 'POST', body: '["MGET","body","foo"]' }), [200, { result: ['the value', 'bar/baz'] }]);
  assert.deepEqual(await ask('/mget/body/none/foo', { headers: { 'upstash-encoding': 'base64' } }), [200, { result: [btoa('the value'), null, btoa('bar/baz')] }]);
  assert.deepEqual(await ask('/set/foo/x', { headers: { 'upstash-encoding': 'base64' } }), [200, { result: 'OK' }]);
  assert.deepEqual(await ask('/pipeline', { method: 'POST', body: '[["INCR","n"],["INCR","foo"]]' }), [200, [{ result: 1 }, { error: 'ERR value is not an integer or out of range' }]]);
  assert.deepEqual(await ask('/multi-exec', { method: 'POST', body: '[["INCR","n"],["NOPE"]]' }), [400, { error: "ERR unknown command 'NOPE', with args beginning with: " }]);
  assert.deepEqual(await ask('/get/n'), [200, { result: '1' }]);
  assert.equal((await ask('/nope'))[0], 400);
  assert.equal((await ask('/', { method: 'POST', body: 'no json' }))[0], 400);
  assert.equal((await ask('/get/n', { method: 'DELETE' }))[0], 405);
  assert.equal((await ask('/get/n', { headers: { authorization: 'Bearer wrong' } }))[0], 401);
  assert.equal((await fetch(`${url}/get/n?_token=secret`)).status, 200);
  assert.equal((await fetch(`${url}/get/n`)).status, 401);
});

test('the REST protocol tells of messages and commands as they come, line by line', async (t) => {
  const { url } = await upstash(t);
  const headers = { authorization: 'Bearer secret', accept: 'text/event-stream' };
  const say = (...words) => fetch(url, { method: 'POST', headers, body: JSON.stringify(words) });
  /** Opens a stream of events; `next` gives its next lines. */
  const open = async (path) => {
    const control = new AbortController();
    const response = await fetch(url + path, { method: 'POST', headers, signal: control.signal });
    assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'text/event-stream'], path);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const next = async (count) => {
      while (text.split('\n\n').length <= count) text += (await reader.read()).value;
      const lines = text.split('\n\n');
      text = lines.slice(count).join('\n\n');
      return lines.slice(0, count);
    };
    return { next, end: () => (reader.cancel().catch(() => {}), control.abort()) };
  };
  const [news, all, seen] = [await open('/subscribe/news'), await open('/psubscribe/n%2A'), await open('/monitor')];
  assert.deepEqual([await news.next(1), await all.next(1), await seen.next(1)], [['data: subscribe,news,1'], ['data: psubscribe,n*,1'], ['data: OK']]);
  assert.deepEqual(await (await say('PUBLISH', 'news', 'ü, "1"')).json(), { result: 2 });
  assert.deepEqual([await news.next(1), await all.next(1)], [['data: message,news,ü, "1"'], ['data: pmessage,n*,news,ü, "1"']]);
  assert.match((await seen.next(1))[0], /^data: [\d.]+ \[0 [^\]]*\] "PUBLISH" "news" "\\xc3\\xbc, \\"1\\""$/);
  for (const stream of [news, all, seen]) stream.end();
  // Whoever stops reading is no subscriber any more.
  for (let left = 2; left > 0; ) left = (await (await say('PUBLISH', 'news', 'again')).json()).result;
  assert.equal((await fetch(`${url}/subscribe/news`, { method: 'POST' })).status, 401);
});
