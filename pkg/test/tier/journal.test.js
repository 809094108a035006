// What was journaled while Redis was away outlives its process: in a file, or in a storage that is brought.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Redis as Ioredis } from 'ioredis';
import { createClient } from 'redis';
import { Tier } from 'cachette/tier';
import { Redis, until } from './redis.js';

const folder = mkdtempSync(join(tmpdir(), 'cachette-journal-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let redis;
before(async () => (redis = await Redis.start()));
after(() => redis.remove());

let files = 0;
const freshFile = () => join(folder, `${++files}.journal`);
/** Nobody listens there. */
const nowhere = () => createClient({ url: 'redis://127.0.0.1:1' });
const overwrite = { conflict: 'overwrite' };

async function down(options) {
  const tier = new Tier(nowhere(), { ...overwrite, ...options });
  await until(() => tier.health().state === 'down' || tier.health().state === 'probing', 'DOWN');
  return tier;
}

/** What a tier in this process makes of a journal. */
async function taken(journal, keys) {
  const tier = new Tier(null, { ...overwrite, journal });
  await until(() => tier.health().journaled === 0, 'the replay');
  const values = await tier.mget(keys);
  tier.close();
  return values;
}

/** Runs a program that has a tier before no Redis, with its journal in `file`, until it is killed. */
async function killed(file, program) {
  const script = `
    import { createClient } from 'redis';
    import { Tier } from 'cachette/tier';
    const tier = new Tier(createClient({ url: 'redis://127.0.0.1:1' }), { journal: { file: ${JSON.stringify(file)} } });
    setInterval(() => undefined, 1000);
    await new Promise((down) => tier.on('state', ({ to }) => to === 'down' && down()));
    ${program}
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: here, stdio: 'inherit' });
  const [, signal] = await once(child, 'exit');
  assert.equal(signal, 'SIGKILL');
}

const clients = {
  'node-redis': () => createClient({ url: redis.url }),
  ioredis: () => new Ioredis(redis.port, '127.0.0.1', { lazyConnect: true }),
};

for (const [name, make] of Object.entries(clients)) {
  test(`what a killed process had journaled goes to Redis with the next one, with ${name}`, async () => {
    const file = freshFile();
    redis.cli('FLUSHALL');
    redis.cli('MSET', 'gone', '1', 'users:1', 'x', 'users:2', 'y');
    await killed(
      file,
      `const acks = [await tier.set('kept', 'first'), await tier.set('kept', 'hellö', { ttl: 60_000 }), await tier.set('bytes', new Uint8Array([0, 255, 10])),
         await tier.delete('gone'), await tier.set('short', 'x', { ttl: 1 }), await tier.clear('users:'), await tier.set('users:3', 'z')];`,
    );
    const events = [];
    const tier = new Tier(make(), { ...overwrite, journal: { file } });
    tier.on('journal', (event) => events.push(event));
    await until(() => tier.health().state === 'up' && tier.health().tracking && tier.health().journaled === 0, 'the replay');
    await until(() => redis.cli('KEYS', 'users:*') === 'users:3', 'the clearing');
    assert.equal(redis.cli('--raw', 'GET', 'kept'), 'hellö');
    assert.ok(Number(redis.cli('PTTL', 'kept')) <= 60_000);
    assert.equal(redis.cli('STRLEN', 'bytes'), '3');
    assert.equal(redis.cli('EXISTS', 'gone', 'short'), '0');
    assert.equal(tier.stats().dropped, 1, 'what had expired by then');
    assert.ok(events.some(({ what, key }) => what === 'replayed' && key === 'kept'));
    await until(() => statSync(file).size === 0, 'a file in which nothing waits');
    tier.close();
  });
}

test('a file is one tier’s at a time; it is free when that tier is closed', async () => {
  const file = freshFile();
  const journal = { file };
  const tier = await down({ journal });
  await tier.set('k', 'v');
  assert.throws(() => new Tier(null, { journal }), /another tier's/);
  await tier.set('k', 'w');
  tier.close();
  assert.deepEqual(await taken(journal, ['k']), ['w']);
  // A process with this number lives, but it is not the one that began then.
  writeFileSync(`${file}.lock`, `${process.pid} 1`);
  new Tier(null, { journal }).close();
  assert.deepEqual(readdirSync(folder).filter((name) => /lock|new/.test(name)), []);
});

test('a file that cannot be written is said at once', () => {
  assert.throws(() => new Tier(null, { journal: { file: join(folder, 'no', 'such', 'folder') } }), { code: 'ENOENT' });
});

const here = dirname(fileURLToPath(import.meta.url));
const programs = { node: [process.execPath], bun: [installed('bun'), 'run'], deno: [installed('deno'), 'run', '--allow-all'] };

function installed(program) {
  return join(here, '../matrix/node_modules/.bin', program);
}

for (const [host, [program, ...args]] of Object.entries(programs)) {
  test(`a file in ${host}`, { skip: existsSync(program) ? false : `${host} is not installed in pkg/test/matrix` }, async () => {
    const { stdout } = await promisify(execFile)(program, [...args, 'journal-host.js', freshFile()], { cwd: here, timeout: 30_000 });
    assert.deepEqual(stdout.trim().split('\n'), ['journaled', 'locked', 'kept']);
  });
}

test('a listener may close the tier: what it was told is so in the file', async () => {
  const file = freshFile();
  const tier = await down({ journal: { file }, journalEntries: 1, overflow: 'dropOldest' });
  await tier.set('dropped', '1');
  tier.on('journal', () => tier.close());
  await assert.rejects(tier.set('kept', '2'), { code: 'CLOSED' });
  assert.deepEqual(await taken({ file }, ['dropped', 'kept']), [null, '2']);
});

test('a torn write is as if it never was', async () => {
  const file = freshFile();
  const tier = await down({ journal: { file } });
  for (const key of ['a', 'b', 'c']) await tier.set(key, 'x'.repeat(100));
  tier.close();
  truncateSync(file, statSync(file).size - 7);
  assert.deepEqual(await taken({ file }, ['a', 'b', 'c']), ['x'.repeat(100), 'x'.repeat(100), null]);
});

test('a long file is written anew', async () => {
  const file = freshFile();
  const tier = await down({ journal: { file } });
  const write = (at) => tier.set(`k${at % 10}`, `${at}:${'x'.repeat(1024)}`);
  for (let at = 0; at < 1000; at++) await write(at);
  assert.ok(statSync(file).size > 1_000_000);
  for (let at = 1000; at < 1100; at++) await write(at);
  await until(() => statSync(file).size < 200_000, 'a shorter file');
  for (let at = 1100; at < 5000; at++) await write(at);
  tier.close();
  assert.deepEqual((await taken({ file }, ['k0', 'k9'])).map((value) => value.slice(0, 5)), ['4990:', '4999:']);
});

/** A storage that takes its time. */
class Slow {
  kept = new Uint8Array(0);
  calls = [];
  running = 0;
  failing = 0;

  async run(name, kept) {
    assert.equal(++this.running, 1, 'one call at a time');
    this.calls.push(name);
    await sleep(5);
    this.running--;
    if (this.failing-- > 0) throw new Error('the storage is full');
    this.kept = kept();
  }

  async read() {
    await sleep(5);
    return this.kept;
  }

  append(records) {
    return this.run('append', () => new Uint8Array([...this.kept, ...records]));
  }

  replace(log) {
    return this.run('replace', () => log);
  }

  async close() {
    this.calls.push('close');
  }
}

test('a storage of one’s own: asked before anything else, told one thing at a time', async () => {
  const journal = new Slow();
  const tier = await down({ journal });
  await Promise.all(Array.from({ length: 50 }, (_, at) => tier.set(`k${at}`, `v${at}`)));
  tier.close();
  await until(() => journal.calls.at(-1) === 'close', 'all of it');
  assert.ok(journal.calls.length < 10, 'what comes together is kept together');
  const next = new Tier(null, { ...overwrite, journal });
  // Asked at once: after what was journaled.
  assert.equal(await next.get('k49'), 'v49');
  await until(() => journal.kept.length === 0, 'nothing that waits');
  next.close();
});

test('a storage that fails: it is told, and all is kept a second later', async () => {
  const journal = new Slow();
  const tier = await down({ journal });
  const failures = [];
  tier.on('storage', ({ error }) => failures.push(error.message));
  await tier.set('before', '1');
  await until(() => journal.kept.length > 0, 'a record');
  journal.failing = 2;
  await tier.set('lost', '2');
  await until(() => failures.length === 1, 'word of the failure');
  assert.equal(await tier.set('after', '3'), 'journaled');
  await until(() => failures.length === 2 && journal.kept.length > 40, 'all of it', 4000);
  tier.close();
  await until(() => journal.calls.at(-1) === 'close', 'the end');
  assert.deepEqual(await taken(journal, ['before', 'lost', 'after']), ['1', '2', '3']);
});

test('a storage that cannot be read ends the tier, with its words', async () => {
  const error = new Error('no such database');
  const tier = new Tier(null, { journal: { read: () => Promise.reject(error), append() {}, replace() {} } });
  await assert.rejects(tier.get('k'), (given) => given === error);
  await assert.rejects(tier.set('k', 'v'), (given) => given === error);
  tier.close();
});

test('the end of a process keeps what was acknowledged', async () => {
  const file = freshFile();
  await killed(file, `for (let at = 0; at < 200; at++) await tier.set('k' + at, 'v' + at);`);
  assert.ok(readFileSync(file).length > 0);
  const keys = Array.from({ length: 200 }, (_, at) => `k${at}`);
  assert.deepEqual(await taken({ file }, keys), keys.map((key) => key.replace('k', 'v')));
});
