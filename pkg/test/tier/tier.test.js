// cachette/tier over a real redis-server, with each of the clients that it knows.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { channel } from 'node:diagnostics_channel';
import { dirname } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Redis as Ioredis } from 'ioredis';
import { createClient } from 'redis';
import { Tier, TierError } from 'cachette/tier';
import { Redis, until } from './redis.js';

let redis;
before(async () => (redis = await Redis.start()));
after(() => redis.remove());

/** An Upstash-style REST server before redis-server, for want of a real one. */
function restServer(client) {
  const base64 = (value) => (Array.isArray(value) ? value.map(base64) : Buffer.isBuffer(value) ? (String(value) === 'OK' ? 'OK' : value.toString('base64')) : value);
  return createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const results = await Promise.all(
      JSON.parse(body).map(async ([name, ...args]) => {
        try {
          return { result: base64(await client.callBuffer(name, ...args)) };
        } catch (error) {
          return { error: error.message };
        }
      }),
    );
    response.end(JSON.stringify(results));
  });
}

const clients = {
  'node-redis': { tracking: true, make: () => createClient({ url: redis.url }) },
  ioredis: { tracking: true, make: () => new Ioredis(redis.port, '127.0.0.1', { lazyConnect: true }) },
  rest: {
    tracking: false,
    make: async () => {
      const client = new Ioredis(redis.port, '127.0.0.1');
      const server = restServer(client);
      await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
      const end = () => {
        server.close();
        server.closeAllConnections();
        client.disconnect();
      };
      return { url: `http://127.0.0.1:${server.address().port}`, token: 'secret', end };
    },
  },
};

for (const [name, { tracking, make }] of Object.entries(clients)) {
  describe(`with ${name}`, () => {
    let client;
    let tier;
    before(async () => {
      redis.cli('FLUSHALL');
      client = await make();
      tier = new Tier(client);
      await until(() => tier.health().state === 'up' && tier.health().tracking === tracking, 'UP');
    });
    after(() => {
      tier.close();
      client.end?.();
    });

    test('the client is known by its shape', () => assert.equal(tier.health().client, name));

    test('what is set is in Redis, as it is, and in L1', async () => {
      assert.equal(await tier.set('greeting', 'hellö', { ttl: 60_000 }), 'l2');
      assert.equal(redis.cli('--raw', 'GET', 'greeting'), 'hellö');
      assert.ok(Number(redis.cli('PTTL', 'greeting')) > 50_000);
      await tier.get('greeting');
      const { value, meta } = await tier.getWithMeta('greeting');
      assert.deepEqual([value, meta.source, meta.stale], ['hellö', 'l1', false]);
      assert.equal(await tier.delete('greeting'), 'l2');
      assert.equal(await tier.get('greeting'), null);
      assert.equal(redis.cli('EXISTS', 'greeting'), '0');
    });

    test('bytes are kept as they are, or refused where the client cannot carry them', async () => {
      const bytes = new Uint8Array([0xef, 0xbb, 0xbf, 0, 255, 128]);
      if (name === 'rest') return assert.rejects(tier.set('bytes', bytes), { name: 'ReplyError' });
      assert.equal(await tier.set('bytes', bytes, { ttl: 60_000 }), 'l2');
      assert.equal(redis.cli('STRLEN', 'bytes'), '6');
      redis.cli('SET', 'marked', '\ufefftext');
      assert.equal(await tier.get('marked'), '\ufefftext');
      assert.equal(await tier.get('marked'), '\ufefftext', 'from L1');
    });

    test('what others write is seen', { skip: !tracking }, async () => {
      redis.cli('SET', 'shared', 'one');
      assert.equal(await tier.get('shared'), 'one');
      assert.equal(tier.peek('shared'), 'one');
      redis.cli('SET', 'shared', 'two');
      await until(() => tier.peek('shared') === undefined, 'word of the change');
      assert.equal(await tier.get('shared'), 'two');
    });

    test('after a write of one’s own, too', { skip: !tracking }, async () => {
      await tier.set('both', 'mine');
      assert.equal(tier.peek('both'), 'mine');
      redis.cli('SET', 'both', 'yours');
      await until(() => tier.peek('both') === undefined, 'word of the change');
      assert.equal(await tier.get('both'), 'yours');
    });

    test('one factory runs for ten thousand who ask at once', async () => {
      let made = 0;
      const make = async () => (made++, await sleep(20), 'value');
      const values = await Promise.all(Array.from({ length: 10_000 }, () => tier.getOrSet('wanted', make, { ttl: 60_000 })));
      assert.deepEqual([made, new Set(values)], [1, new Set(['value'])]);
      await until(() => redis.cli('GET', 'wanted') === 'value', 'the value in Redis');
    });

    test('under a lease one of two tiers makes the value, and the other is given it', async () => {
      const clients = [await make(), await make()];
      const tiers = clients.map((client) => new Tier(client, { lease: 5_000, earlyBeta: 100 }));
      await until(() => tiers.every((tier) => tier.health().state === 'up'), 'UP');
      let made = 0;
      const slow = async () => (made++, await sleep(100), 'made once');
      const values = await Promise.all(tiers.map((tier) => tier.getOrSet('leased', slow, { ttl: 60_000 })));
      assert.deepEqual([made, values], [1, ['made once', 'made once']]);
      await until(() => redis.cli('EXISTS', 'cachette:lease:{leased}') === '0', 'the lease given back');
      tiers.forEach((tier) => tier.close());
      clients.forEach((client) => client.end?.());
    });

    test('what a factory throws is what the caller is given', async () => {
      const error = new Error('the database is away');
      await assert.rejects(tier.getOrSet('broken', () => Promise.reject(error)), (given) => given === error);
    });

    test('a namespace is cleared, and no other', async () => {
      await Promise.all(['users:1', 'users:2', 'users*', 'orders:1'].map((key) => tier.set(key, 'x')));
      assert.equal(await tier.clear('users:'), 2);
      assert.deepEqual(await tier.mget(['users:1', 'users:2', 'users*', 'orders:1']), [null, null, 'x', 'x']);
    });

    test('a tag invalidates what carries it', async () => {
      await tier.set('page:1', 'old', { tags: ['pages'], ttl: 60_000 });
      assert.equal(await tier.get('page:1'), 'old');
      await sleep(2);
      await tier.invalidateTag('pages');
      assert.equal(await tier.get('page:1'), null);
    });

    test('what a script changes is not given out as it was', { skip: name === 'rest' }, async () => {
      await tier.set('scripted', 'before');
      await tier.set('untouched', 'x');
      assert.equal(tier.peek('scripted'), 'before');
      assert.equal(await tier.command('EVAL', "return redis.call('APPEND', KEYS[1], ARGV[1])", 1, 'scripted', '!'), 7);
      assert.equal(await tier.get('scripted'), 'before!');
      assert.equal(tier.peek('untouched'), 'x');
      assert.equal(await tier.command('PUBLISH', 'news', 'x'), 0);
      assert.equal(tier.peek('untouched'), 'x', 'what is published changes no key');
    });

    test('numbers of any size, and errors of any wording, are answers', async () => {
      const states = [];
      const stop = tier.on('state', ({ to }) => states.push(to));
      await tier.command('ZADD', 'scores', 1e21, 'far', 0.5, 'near');
      const scores = await Promise.all(['far', 'near'].map((member) => tier.command('ZSCORE', 'scores', member)));
      assert.deepEqual(scores.map(Number), [1e21, 0.5]);
      await assert.rejects(tier.command('EVAL', "return {err = 'no luck today'}", 0), { name: 'ReplyError', message: /no luck today/ });
      assert.equal(await tier.get('scores-none'), null);
      assert.deepEqual([states, tier.health().state], [[], 'up'], 'the connection is as it was');
      stop();
    });

    test('any command: Redis is the truth', async () => {
      assert.equal(await tier.command('HSET', 'user', 'name', 'Ada', 'age', 36), 2);
      assert.deepEqual(await tier.command('HGETALL', 'user'), name === 'node-redis' ? { name: 'Ada', age: '36' } : await tier.command('HGETALL', 'user'));
      assert.equal(await tier.command('hget', 'user', 'name'), 'Ada');
      assert.equal(await tier.command('INCR', 'count'), 1);
      await tier.set('long', 'abc');
      assert.equal(await tier.command('STRLEN', 'long'), 3);
      await tier.set('long', 'abcdef');
      assert.equal(await tier.command('STRLEN', 'long'), 6, 'one’s own write is seen by commands, too');
      await assert.rejects(tier.command('INCR', 'user'), { name: 'ReplyError', code: 'WRONGTYPE' });
      await assert.rejects(tier.command('BLPOP', 'list', 0), { code: 'NOT_SHARED' });
      await assert.rejects(tier.command('client', 'tracking', 'off'), { code: 'NOT_SHARED' });
      await assert.rejects(tier.command('NOSUCH'), { name: 'ReplyError' });
    });
  });
}

describe('without Redis', () => {
  test('the same calls run on the engine in this process', async () => {
    const tier = new Tier();
    assert.deepEqual([tier.health().client, tier.health().state], ['embedded', 'up']);
    assert.equal(await tier.set('k', 'v', { ttl: 60_000 }), 'l2');
    assert.equal(await tier.get('k'), 'v');
    assert.equal(await tier.command('INCR', 'n'), 1);
    assert.equal(await tier.getOrSet('m', () => 'made', { ttl: 1000 }), 'made');
    assert.equal(await tier.clear(''), 3);
    await tier.command('HSET', 'user', 'name', 'Ada', 'lang', 'en');
    assert.deepEqual(await tier.command('HGETALL', 'user'), { name: 'Ada', lang: 'en' });
    assert.deepEqual(await tier.command('HGETALL', 'user'), { name: 'Ada', lang: 'en' }, 'as it is kept');
    await assert.rejects(tier.command('INCR', 'user'), { code: 'WRONGTYPE' });
    tier.close();
    await assert.rejects(tier.get('k'), { code: 'CLOSED' });
  });

  test('values may be bytes', async () => {
    const tier = new Tier(null, { bytes: true });
    await tier.set('k', new Uint8Array([0, 255, 128]));
    assert.deepEqual(await tier.get('k'), new Uint8Array([0, 255, 128]));
    tier.close();
  });

  test('what cannot be kept is said to be, to all who wait for it', async () => {
    const tier = new Tier();
    await assert.rejects(tier.set('k', { a: 1 }), TypeError);
    await assert.rejects(tier.set('k', 'v', { ttl: NaN }), TypeError);
    await assert.rejects(tier.touch('k', Infinity), TypeError);
    await tier.set('', 'of the empty key');
    for (const key of [7, null, undefined, {}]) await assert.rejects(tier.get(key), TypeError);
    for (const word of [undefined, null, { a: 1 }]) await assert.rejects(tier.command('SET', 'k', word), TypeError);
    assert.equal(await tier.command('ZADD', 'z', -Infinity, 'm'), 1);
    const asked = [1, 2].map(() => tier.getOrSet('k', () => ({ a: 1 })));
    for (const answer of asked) await assert.rejects(answer, TypeError);
    assert.equal(await tier.getOrSet('k', () => 'text'), 'text');
    tier.close();
  });

  test('a listener that throws harms nobody but itself', async () => {
    const script = `
      import { Tier } from 'cachette/tier';
      process.on('uncaughtException', (error) => console.log(error.message));
      const tier = new Tier({ url: 'http://127.0.0.1:1' });
      tier.on('state', () => { throw new Error('not ours'); });
      tier.on('state', ({ to }) => console.log(to));
      console.log(await tier.getOrSet('k', () => 'made'));
      tier.close();`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: dirname(fileURLToPath(import.meta.url)) });
    assert.deepEqual(stdout.trim().split('\n').sort(), ['down', 'made', 'not ours']);
  });

  test('a closed tier gives nothing out, not even what it had', async () => {
    const tier = new Tier();
    await tier.set('k', 'v');
    assert.equal(tier.peek('k'), 'v');
    tier.close();
    tier.close();
    assert.equal(tier.peek('k'), undefined);
    await assert.rejects(tier.get('k'), { code: 'CLOSED' });
  });

  test('a client that would lengthen keys is refused', () => {
    assert.throws(() => new Tier(new Ioredis({ keyPrefix: 'app:', lazyConnect: true })), /keyPrefix/);
  });

  test('what is no client is refused', () => {
    assert.throws(() => new Tier({}), TypeError);
  });
});

for (const name of ['node-redis', 'ioredis']) {
  test(`an outage, with ${name}`, async () => {
    const own = await Redis.start();
    const client = name === 'ioredis' ? new Ioredis(own.port, '127.0.0.1', { lazyConnect: true }) : createClient({ url: own.url });
    const states = [];
    const heard = [];
    const diagnostics = channel('cachette:tier');
    const listen = (message) => heard.push(message.name);
    diagnostics.subscribe(listen);
    const tier = new Tier(client, { conflict: 'overwrite' });
    tier.on('state', ({ to }) => states.push(to));
    await until(() => tier.health().tracking, 'tracking');
    await tier.set('known', 'value', { ttl: 60_000 });
    await tier.set('removed', 'value', { ttl: 60_000 });

    await own.kill();
    const detected = await until(() => tier.health().state === 'down', 'DOWN', 1000);
    assert.ok(detected <= 1000);
    const start = performance.now();
    const { value, meta } = await tier.getWithMeta('known');
    assert.deepEqual([value, meta.source, meta.stale], ['value', 'l1', true]);
    assert.deepEqual((await tier.getWithMeta('unknown')).meta.source, 'fallback');
    assert.equal(await tier.getOrSet('made', () => 'here', { ttl: 5000 }), 'here');
    assert.equal(await tier.set('journaled', 'mine'), 'journaled');
    assert.equal(await tier.get('journaled'), 'mine');
    assert.equal(await tier.delete('removed'), 'journaled');
    assert.equal(await tier.get('removed'), null);
    await assert.rejects(tier.command('INCR', 'n'), (error) => error instanceof TierError && error.code === 'L2DOWN');
    assert.ok(performance.now() - start < 50, 'nobody waits for a Redis that is down');

    await own.restart();
    own.cli('SET', 'known', 'newer');
    await until(() => tier.health().state === 'up', 'UP', 2000);
    assert.deepEqual((await tier.getWithMeta('known')).value, 'newer');
    assert.equal(own.cli('GET', 'journaled'), 'mine');
    assert.deepEqual(states.slice(-4), ['down', 'probing', 'recovering', 'up']);
    assert.ok(heard.includes('state') && heard.includes('journal'));
    diagnostics.unsubscribe(listen);
    tier.close();
    await own.remove();
  });

  test(`commands by prefix, in this process while Redis is away, with ${name}`, async () => {
    const own = await Redis.start();
    const client = name === 'ioredis' ? new Ioredis(own.port, '127.0.0.1', { lazyConnect: true }) : createClient({ url: own.url });
    const tier = new Tier(client, { rules: [{ prefix: 'limit:', onDown: 'local' }] });
    const hit = () => tier.command('INCR', 'limit:a');
    await until(() => tier.health().tracking, 'tracking');
    assert.deepEqual([await hit(), await hit()], [1, 2]);
    for (const _ of [1, 2]) {
      await own.kill();
      await until(() => tier.health().state === 'down', 'DOWN', 1000);
      assert.deepEqual([await hit(), await hit()], [1, 2], 'counted from nothing');
      assert.equal(await tier.command('PEXPIRE', 'limit:a', 60_000), 1);
      assert.equal(await tier.command('HSET', 'limit:h', 'clé', 'valeur'), 1);
      assert.deepEqual(await tier.command('HGETALL', 'limit:h'), { clé: 'valeur' });
      assert.equal(await tier.command('GET', 'limit:none'), null);
      await assert.rejects(tier.command('INCR', 'limit:h'), { name: 'ReplyError', code: 'WRONGTYPE' });
      await assert.rejects(tier.command('INCR', 'other'), { code: 'L2DOWN' });
      await assert.rejects(tier.command('MGET', 'limit:a', 'other'), { code: 'L2DOWN' });
      await own.restart();
      await until(() => tier.health().state === 'up', 'UP', 2000);
      assert.equal(own.cli('EXISTS', 'limit:a', 'limit:h'), '0');
      assert.equal(await hit(), 1, 'Redis is the truth again');
    }
    tier.close();
    await own.remove();
  });

  test(`a Redis that says nothing, with ${name}`, async () => {
    const own = await Redis.start();
    const client = name === 'ioredis' ? new Ioredis(own.port, '127.0.0.1', { lazyConnect: true }) : createClient({ url: own.url });
    const tier = new Tier(client);
    await until(() => tier.health().tracking, 'tracking');
    await tier.set('k', 'v');
    own.stop();
    const detected = await until(() => tier.health().state === 'down', 'DOWN', 3100);
    assert.ok(detected < 3000, `${detected} ms`);
    assert.equal(await tier.get('k'), 'v');
    own.go();
    const back = await until(() => tier.health().state === 'up', 'UP', 2000);
    assert.ok(back < 2000, `${back} ms`);
    tier.close();
    await own.remove();
  });
}

test('a tier does not keep a process alive, nor wait for the network', async () => {
  const tier = new Tier(createClient({ url: 'redis://127.0.0.1:1' }));
  assert.equal(await tier.getOrSet('k', () => 'made'), 'made');
  tier.close();
});

describe('a tier that is closed', () => {
  /** Runs a program in a process of its own, which has to end by itself; what it wrote. */
  const ends = async (program) => {
    const script = `
      import { createClient, createSentinel } from 'redis';
      import { Redis as Ioredis } from 'ioredis';
      import { Tier } from 'cachette/tier';
      const clients = { 'node-redis': () => createClient({ url: '${redis.url}' }), ioredis: () => new Ioredis(${redis.port}, '127.0.0.1', { lazyConnect: true }) };
      ${program}`;
    const options = { cwd: dirname(fileURLToPath(import.meta.url)), timeout: 4000 };
    return (await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], options)).stdout;
  };

  for (const name of ['node-redis', 'ioredis']) {
    test(`while it connects leaves nothing open, with ${name}`, async () => {
      await ends(`new Tier(clients['${name}']()).close();`);
      await ends(`for (const wait of [0, 1, 2, 5]) { const tier = new Tier(clients['${name}']()); setTimeout(() => tier.close(), wait); }`);
    });

    test(`by a listener does nothing more, with ${name}`, async () => {
      await ends(`
        const tier = new Tier(clients['${name}']());
        tier.on('tracking', () => tier.close());`);
      const written = await ends(`
        const tier = new Tier({ url: 'http://127.0.0.1:1' });
        tier.on('state', ({ to }) => { console.log(to); tier.close(); });
        await tier.get('k').catch((error) => console.log(error.code));`);
      assert.deepEqual(written.trim().split('\n'), ['down', 'CLOSED']);
    });
  }

  test('lets go of the client that it was given', () => {
    const listeners = new Set();
    const sentinel = { getMasterNode() {}, _execute: () => new Promise(() => {}), on: (_, listener) => listeners.add(listener), off: (_, listener) => listeners.delete(listener) };
    const tier = new Tier(sentinel);
    assert.deepEqual([tier.health().client, listeners.size], ['node-redis sentinel', 1]);
    tier.close();
    assert.equal(listeners.size, 0);
  });
});

test('options of a client that would end its connection are not taken over', async () => {
  const own = await Redis.start();
  const clients = [new Ioredis(own.port, '127.0.0.1', { lazyConnect: true, commandTimeout: 20 }), createClient({ url: own.url, commandsQueueMaxLength: 2, commandOptions: { timeout: 20 } })];
  for (const client of clients) {
    const tier = new Tier(client);
    const lost = [];
    await until(() => tier.health().tracking, 'tracking');
    tier.on('tracking', ({ what }) => lost.push(what));
    own.cli('CLIENT', 'PAUSE', '100');
    const values = await Promise.all(Array.from({ length: 50 }, (_, at) => tier.get(`k${at}`)));
    assert.deepEqual([new Set(values), lost], [new Set([null]), []]);
    tier.close();
  }
  await own.remove();
});

test('over REST nobody asks for nothing: a request may cost', async () => {
  const asked = [];
  const fetch = async (_, { body }) => {
    asked.push(...JSON.parse(body).map(([name]) => name));
    return { ok: true, status: 200, json: async () => JSON.parse(body).map(() => ({ result: null })) };
  };
  const tier = new Tier({ url: 'http://rest', fetch });
  await sleep(1300);
  assert.deepEqual([asked, tier.health().state], [['PING'], 'up']);
  tier.close();
});

test('the example with Hono: a query a minute, whoever asks', async () => {
  const { createApp } = await import('./node_modules/example-hono/app.js');
  let queries = 0;
  const query = async (id) => (queries++, await sleep(10), { id, name: `user ${id}` });
  const { app, cache } = createApp(undefined, query);
  const answers = await Promise.all(Array.from({ length: 20 }, () => app.request('/users/7')));
  assert.deepEqual(await answers[0].json(), { id: '7', name: 'user 7' });
  assert.equal(queries, 1);
  assert.equal((await app.request('/users/7')).headers.get('x-cache'), 'hit');
  await app.request('/users/7', { method: 'POST' });
  assert.equal((await app.request('/users/7')).headers.get('x-cache'), 'miss');
  assert.equal(queries, 2);
  cache.close();
});
