// `cachette/worker`, from the packed package: in a worker of Node and in one of Chromium, over a port within one thread, and what passes over it.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import { installed } from './installed.js';

let folder, Cachette, ReplyError, worker;

before(async () => {
  const consumer = await installed();
  folder = consumer.folder;
  ({ Cachette, ReplyError } = await consumer.load('cachette'));
  worker = await consumer.load('cachette/worker');
});

/** Both ends over a channel, with the messages that pass counted. */
function pair(t) {
  const cache = new Cachette();
  const { port1, port2 } = new MessageChannel();
  const stop = worker.serve(cache, port1);
  let sent = 0;
  const counted = new Proxy(port2, { get: (port, name) => {
    const value = port[name];
    if (name === 'postMessage') return (...args) => (sent++, port.postMessage(...args));
    return typeof value === 'function' ? value.bind(port) : value;
  } });
  const remote = worker.connect(counted);
  t.after(() => (remote.close(), stop(), cache.close(), port1.close()));
  return { cache, remote, stop, sent: () => sent };
}

test('the same methods, with promises, many calls a message, in order', async (t) => {
  const { remote, sent } = pair(t);
  await remote.ping();
  const before = sent();
  const answers = await Promise.all([remote.set('k', 'v'), remote.get('k'), remote.incr('n'), remote.incr('n'), remote.hset('h', { a: 1 }), remote.hgetall('h'), remote.get('none')]);
  assert.deepEqual(answers, ['OK', 'v', 1, 2, 1, { a: '1' }, null]);
  assert.equal(sent() - before, 1);
  assert.deepEqual(await remote.pipeline().set('a', 1).incr('a').get('a').exec(), ['OK', 2, '2']);
  assert.deepEqual(await remote.transaction((tx) => tx.incr('a').incr('a')), [3, 4]);
  assert.deepEqual(await remote.call('LRANGE', 'none', 0, -1), []);
  await remote.setObject('o', { at: new Date(5), list: [1] });
  assert.deepEqual(await remote.getObject('o'), { at: new Date(5), list: [1] });
  assert.ok((await remote.stats()).keys >= 4);
});

test('errors come as what they are, and take no neighbour with them', async (t) => {
  const { remote } = pair(t);
  const [good, refused, wrong, after] = await Promise.allSettled([remote.set('k', 'text'), remote.incr('k'), remote.set('k', {}), remote.get('k')]);
  assert.deepEqual([good.value, after.value], ['OK', 'text']);
  assert.ok(refused.reason instanceof ReplyError);
  assert.deepEqual([refused.reason.code, refused.reason.command, wrong.reason.name], ['ERR', 'INCR', 'TypeError']);
  const [cloned, kept] = await Promise.allSettled([remote.set('f', () => 1), remote.set('kept', 1)]);
  assert.deepEqual([cloned.reason.name, kept.value], ['DataCloneError', 'OK']);
  const replies = await remote.pipeline().incr('k').get('k').exec();
  assert.ok(replies[0] instanceof ReplyError && replies[1] === 'text');
});

test('bytes go both ways; those marked are moved', async (t) => {
  const { remote } = pair(t);
  const big = new Uint8Array(100_000).fill(7);
  await remote.set('big', big);
  assert.equal(big.length, 100_000);
  await remote.set('moved', worker.transfer(big));
  assert.equal(big.length, 0);
  assert.deepEqual([(await remote.bytes.get('big')).length, (await remote.bytes.get('moved'))[99_999]], [100_000, 7]);
});

test('commands that wait, and are called off', async (t) => {
  const { remote } = pair(t);
  const popped = remote.blpop('q', 0);
  assert.equal(await remote.rpush('q', 'v'), 1);
  assert.deepEqual(await popped, ['q', 'v']);
  assert.equal(await remote.blpop('q', 0.01), null);
  const control = new AbortController();
  const waiting = remote.blpop('q', 0, { signal: control.signal });
  await remote.ping();
  control.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  await remote.rpush('q', 'kept');
  assert.equal(await remote.llen('q'), 1);
  await assert.rejects(remote.blpop('q', 0, { signal: control.signal }), /enough/);
});

test('subscriptions, with a listener and as an iterator', async (t) => {
  const { remote, cache } = pair(t);
  const told = [];
  const subscription = await remote.subscribe('news', ({ message }) => told.push(message));
  const messages = await remote.psubscribe('n*', { buffer: 2 });
  for (const message of ['a', 'b', 'c']) cache.publish('news', message);
  await remote.ping();
  assert.deepEqual([told, messages.dropped], [['a', 'b', 'c'], 1]);
  assert.deepEqual([(await messages.next()).value, (await messages.next()).value.message], [{ channel: 'news', message: 'b', pattern: 'n*' }, 'c']);
  subscription.unsubscribe();
  await messages.return();
  assert.equal(await remote.publish('news', 'd'), 0);
  await assert.rejects(remote.subscribe([]), /wrong number of arguments/);
});

test('closing an end rejects what waits', async (t) => {
  const { remote, stop, cache } = pair(t);
  const waiting = remote.blpop('q', 0);
  await remote.ping();
  remote.close();
  await assert.rejects(waiting, { name: 'CacheClosedError' });
  await assert.rejects(remote.get('k'), { name: 'CacheClosedError' });
  stop();
  assert.equal(cache.ping(), 'PONG');
});

test('in a worker of Node, until it ends', async () => {
  const script = join(folder, 'worker.mjs');
  await writeFile(script, "import { Cachette } from 'cachette';\nimport { serve } from 'cachette/worker';\nawait new Promise((resolve) => setTimeout(resolve, 50));\nserve(await Cachette.create({ maxmemory: '16mb' }));\n");
  const thread = new Worker(pathToFileURL(script));
  const remote = worker.connect(thread);
  assert.deepEqual([await remote.set('k', 'v'), await remote.get('k')], ['OK', 'v']);
  const waiting = remote.blpop('q', 0);
  const rejected = assert.rejects(waiting, { name: 'CacheClosedError' });
  await remote.ping();
  await thread.terminate();
  await rejected;
});

test('in a dedicated worker of Chromium', { timeout: 60_000 }, async (t) => {
  const { chromium } = await import('./matrix/browsers.js');
  const page = `<script type="importmap">{"imports":{"cachette/worker":"/node_modules/cachette/dist/worker/index.js"}}</script>
    <script type="module">
    import { connect } from 'cachette/worker';
    const cache = connect(new Worker('/browser-worker.js', { type: 'module' }));
    const said = await Promise.all([cache.set('k', 'v'), cache.get('k'), cache.incr('n'), cache.bytes.get('k')]);
    const told = new Promise((resolve) => cache.subscribe('c', ({ message }) => resolve(message)));
    const popped = cache.blpop('q', 0);
    await cache.rpush('q', 'job');
    await cache.publish('c', 'hello');
    await fetch('/said', { method: 'POST', body: JSON.stringify([...said.slice(0, 3), [...said[3]], await popped, await told]) });
    </script>`;
  const script = "import { Cachette } from '/node_modules/cachette/dist/platform/browser.js';\nimport { serve } from '/node_modules/cachette/dist/worker/index.js';\nawait new Promise((resolve) => setTimeout(resolve, 50));\nserve(await Cachette.create());\n";
  const types = { js: 'text/javascript', wasm: 'application/wasm' };
  let tell;
  const said = new Promise((resolve) => (tell = resolve));
  const server = createServer(async (request, response) => {
    if (request.method === 'POST') {
      let text = '';
      for await (const chunk of request) text += chunk;
      response.end();
      return tell(JSON.parse(text));
    }
    if (request.url === '/') return response.writeHead(200, { 'content-type': 'text/html' }).end(page);
    if (request.url === '/browser-worker.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    const body = await readFile(join(folder, request.url)).catch(() => undefined);
    response.writeHead(body ? 200 : 404, { 'content-type': types[request.url.split('.').pop()] ?? 'text/plain' }).end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => (server.closeAllConnections(), server.close()));
  const ends = [];
  t.after(async () => { for (const end of ends) await end(); });
  const browser = await chromium({ atEnd: (end) => ends.push(end) });
  await browser.tab(`http://127.0.0.1:${server.address().port}/`);
  assert.deepEqual(await said, ['OK', 'v', 1, [118], ['q', 'job'], 'hello']);
});
