// A WebAssembly memory that is full: refusals, no trap, nothing lost. The packed module is given a small maximum, so that full comes soon.
// Environment: CACHETTE_TARBALL, the package to test. `cargo xtask test package` sets it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** 24 MiB, in pages of 64 KiB. */
const PAGES = 384;
let folder;
let Cachette;
let References;
let module;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cachette-memory-'));
  await writeFile(join(folder, 'package.json'), '{ "name": "memory", "private": true, "type": "module" }\n');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--loglevel=error', process.env.CACHETTE_TARBALL], { cwd: folder });
  const { resolve } = createRequire(join(folder, 'package.json'));
  ({ Cachette, References } = await import(pathToFileURL(resolve('cachette'))));
  module = await WebAssembly.compile(withMaximum(await readFile(resolve('cachette/wasm')), PAGES));
});

after(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** The module with another maximum in its memory section; numbers there are LEB128, of which a shorter one may be padded. */
function withMaximum(bytes, pages) {
  const read = (at) => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return [value, at];
    }
  };
  for (let at = 8; at < bytes.length; ) {
    const section = bytes[at];
    const [length, body] = read(at + 1);
    if (section !== 5) {
      at = body + length;
      continue;
    }
    const [, flags] = read(body);
    assert.equal(bytes[flags] & 1, 1, 'the memory has a maximum');
    const [, maximum] = read(flags + 1);
    const [, end] = read(maximum);
    for (let place = maximum; place < end; place++, pages >>= 7) bytes[place] = (pages & 127) | (place < end - 1 ? 128 : 0);
    assert.equal(pages, 0, 'the maximum fits');
    return bytes;
  }
  throw new Error('the module has no memory section');
}

/** Grows until it is refused, then a good while longer: every refusal must be OOM. */
function fill(grow) {
  let refused = 0;
  for (let i = 0; i < 3_000_000 && refused < 2000; i++) {
    try {
      grow(i);
    } catch (error) {
      assert.equal(error.code, 'OOM', String(error));
      refused += 1;
    }
  }
  assert.ok(refused > 0, 'memory never ran out');
}

const GROWTHS = {
  'small strings': (cache, i) => cache.set(`key:${i}`, 'a short value'),
  'strings with deadlines': (cache, i) => cache.set(`key:${i}`, 'a short value', { ex: 1000 }),
  'many keys a request': (cache, i) => cache.mset(Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`k:${i}:${n}`, 'v']))),
  'a list': (cache, i) => cache.rpush('list', `element ${i}`),
  'a list, a thousand at once': (cache, i) => cache.rpush('list', Array.from({ length: 1000 }, (_, n) => `${i}:${n}`)),
  'a hash': (cache, i) => cache.hset('hash', `field ${i}`, `value ${i}`),
  'a set': (cache, i) => cache.sadd('set', `member ${i}`),
  'a set, five thousand at once': (cache, i) => cache.sadd('set', Array.from({ length: 5000 }, (_, n) => `${i}:${n}`)),
  'a sorted set': (cache, i) => cache.zadd('zset', [[i % 1000, `member ${i}`]]),
  'a stream': (cache, i) => cache.call('XADD', 'stream', '*', 'field', `value ${i}`),
  'large strings': (cache, i) => cache.set(`large:${i}`, 'x'.repeat(700_000)),
  'a string that grows': (cache) => cache.append('text', 'x'.repeat(10_000)),
  'a bit far away': (cache, i) => cache.setbit(`bits:${i}`, 40_000_000, 1),
  'copies of a large set': (cache, i) => {
    if (i === 0) for (let n = 0; n < 50_000; n++) cache.sadd('origin', `member ${n}`);
    cache.copy('origin', `copy:${i}`);
  },
};

for (const [what, grow] of Object.entries(GROWTHS)) {
  test(`a full memory refuses more: ${what}`, () => {
    const cache = new Cachette({ module });
    cache.set('kept', 'what was there');
    fill((i) => grow(cache, i));
    assert.equal(cache.get('kept'), 'what was there');
    assert.ok(cache.dbsize() > 1);
    cache.flushall();
    assert.equal(cache.set('again', 'there is room'), 'OK');
    assert.equal(cache.get('again'), 'there is room');
    cache.close();
  });
}

for (const [how, empty] of Object.entries({
  'is flushed': (cache) => cache.flushall(),
  'is deleted, key by key': (cache, count) => {
    for (let i = 0; i < count; i++) cache.del(`key:${i}`);
  },
})) {
  test(`a full memory of small strings that ${how} has room for a large one`, () => {
    const cache = new Cachette({ module });
    fill((i) => cache.set(`key:${i}`, 'a short value'));
    empty(cache, cache.dbsize());
    const large = 'x'.repeat(1_500_000);
    assert.equal(cache.set('large', large), 'OK');
    assert.equal(cache.get('large') === large, true);
    cache.close();
  });
}

test('a full memory takes no more keys of references, but those that are there other values, and all once it is cleared', () => {
  const references = new References({ module, ttl: 3_600_000 });
  const first = [];
  fill((i) => {
    const value = { i };
    references.set(`key:${i}:of some length`, value);
    if (first.length < 1000) first.push(value);
  });
  const count = references.size;
  for (const [i, value] of first.entries()) {
    assert.equal(references.get(`key:${i}:of some length`), value);
    references.set(`key:${i}:of some length`, -i);
  }
  for (const i of first.keys()) assert.equal(references.get(`key:${i}:of some length`), -i);
  assert.equal(references.size, count);
  assert.equal(references.delete('key:7:of some length'), true);
  references.clear();
  references.set('again', 'there is room');
  assert.equal(references.get('again'), 'there is room');
  references.close();
});
