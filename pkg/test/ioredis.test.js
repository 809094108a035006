// `cachette/ioredis`, from the packed package: ioredis 5 and 6 on an engine in this process. (ioredis's own tests run through it by `cargo xtask suites`.)

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { here, installed, run } from './installed.js';

let folder, load;

before(async () => {
  ({ folder, load } = await installed('ioredis', 'ioredis-6'));
});

for (const name of ['ioredis', 'ioredis-6']) {
  test(`${name}: what holds for a server holds in process`, async () => {
    const script = await readFile(join(here, '../../tests/clients/ioredis.mjs'), 'utf8');
    const inProcess = script
      .replace("from 'ioredis'", `from '${name}'`)
      .replace('const port = Number(process.argv[2]);', "import { Connector } from 'cachette/ioredis';")
      .replace('new Redis({ port,', 'new Redis({ Connector,');
    assert.notEqual(inProcess, script);
    await writeFile(join(folder, `${name}.mjs`), inProcess);
    const { stdout } = await run(process.execPath, [join(folder, `${name}.mjs`)], { cwd: folder });
    assert.match(stdout, /checks passed/);
  });

  /** Clients that are let go of after the test. */
  async function clients(t) {
    const [{ default: Redis }, { Connector, connectorTo }] = [await import(name), await load('cachette/ioredis')];
    return (options = {}) => {
      const client = new Redis({ Connector, ...options });
      t.after(() => client.disconnect());
      return Object.assign(client, { connectorTo });
    };
  }

  test(`${name}: clients of one address meet, others do not, and a cache can be handed in`, async (t) => {
    const open = await clients(t);
    const [a, b, c] = [open({ port: 7001 }), open({ port: 7001, host: 'localhost' }), open({ port: 7002 })];
    await a.set('k', 'v');
    assert.deepEqual([await b.get('k'), await a.duplicate({ lazyConnect: false }).get('k'), await c.get('k')], ['v', 'v', null]);
    const { Cachette, shared } = await load('cachette');
    assert.equal(shared('redis://127.0.0.1:7001').get('k'), 'v');
    const cache = new Cachette();
    const mine = open({ Connector: a.connectorTo(cache) });
    await mine.set('mine', 1);
    assert.equal(cache.get('mine'), '1');
  });

  test(`${name}: messages, and commands that wait`, async (t) => {
    const open = await clients(t);
    const [a, b] = [open({ port: 7003 }), open({ port: 7003 })];
    await b.subscribe('news');
    const told = new Promise((resolve) => b.on('message', (...message) => resolve(message)));
    assert.equal(await a.publish('news', 'hello'), 1);
    assert.deepEqual(await told, ['news', 'hello']);
    const c = open({ port: 7003 });
    const popped = c.blpop('queue', 0);
    await a.rpush('queue', 'job');
    assert.deepEqual(await popped, ['queue', 'job']);
    assert.equal(await c.blpop('queue', 0.01), null);
  });

  test(`${name}: a stream that breaks is made anew, and a reset of the cache is an outage`, async (t) => {
    const open = await clients(t);
    const client = open({ port: 7004 });
    await client.set('k', 'v');
    client.stream.destroy();
    assert.equal(await client.get('k'), 'v');
    const { shared } = await load('cachette');
    const down = new Promise((resolve) => client.once('close', resolve));
    shared('redis://127.0.0.1:7004').reset();
    await down;
    assert.equal(await client.get('k'), null);
    assert.equal(await client.quit(), 'OK');
  });
}
