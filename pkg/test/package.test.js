// The packed package as a package: what is in it, its manifest, its types. What it does in which runtime: runtimes.test.js.
// Environment: CACHETTE_TARBALL, the package to test. `cargo xtask test package` sets it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { typed } from './matrix/entries.js';
import { sizesOf } from './matrix/sizes.js';

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const bin = (name, path) => join(here, 'node_modules', name, path);
const tarball = process.env.CACHETTE_TARBALL;
let consumer;
let installed;

before(async () => {
  assert.ok(tarball, 'CACHETTE_TARBALL must name the packed package; run `cargo xtask test package`');
  consumer = await mkdtemp(join(tmpdir(), 'cachette-consumer-'));
  await cp(join(here, 'consumer'), consumer, { recursive: true });
  await writeFile(join(consumer, 'package.json'), '{ "name": "consumer", "private": true, "type": "module" }\n');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--loglevel=error', tarball], { cwd: consumer });
  installed = join(consumer, 'node_modules/cachette');
  await writeFile(join(consumer, 'types/entries.ts'), typed());
});

after(async () => {
  if (consumer) await rm(consumer, { recursive: true, force: true });
});

test('the package brings its licences and its README, no dependency and no source', async () => {
  const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  assert.deepEqual(Object.keys(manifest.dependencies ?? {}), []);
  const { stdout } = await run('tar', ['-tzf', tarball]);
  const stray = stdout.split('\n').filter((path) => path && !/^package\/(dist\/.+|package\.json|README\.md|LICENSE-[A-Z]+)$/.test(path));
  assert.deepEqual(stray, []);
  for (const path of ['README.md', 'LICENSE-MIT', 'LICENSE-APACHE', 'package.json']) assert.ok(stdout.includes(`package/${path}\n`), `${path} is missing`);
});

/** A script of the package, and all scripts that it imports from its beginning. */
async function loaded(path, all = new Set()) {
  if (all.has(path)) return all;
  all.add(path);
  for (const [, other] of (await readFile(path, 'utf8')).matchAll(/^(?:import|export) (?:[^;]*? from )?'(\.[^']+\.js)';$/gm)) await loaded(join(dirname(path), other), all);
  return all;
}

test('an import loads few files', async () => {
  const { exports } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  const counts = {};
  for (const [name, where] of Object.entries(exports)) {
    const file = where.node ?? where.default;
    if (file?.endsWith('.js')) counts[name] = (await loaded(join(installed, file))).size;
  }
  assert.equal(counts['.'], 3, 'the entry point, engine.js and inline.js');
  for (const [name, count] of Object.entries(counts)) assert.ok(count <= 6, `${name} loads ${count} files`);
});

for (const host of ['workerd', 'edge-light']) {
  test(`what is for ${host} calls nothing that bundlers for the edge refuse`, async () => {
    const { exports } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
    const entries = Object.values(exports).flatMap((where) => where[host] ?? []);
    assert.ok(entries.length > 0);
    for (const entry of entries) {
      for (const path of await loaded(join(installed, entry))) {
        assert.doesNotMatch(await readFile(path, 'utf8'), /WebAssembly\.(compile|instantiate)\(/, `${path}, for ${entry}`);
      }
    }
  });
}

test('publint has nothing to say', async () => {
  const { publint } = await import('publint');
  const { messages } = await publint({ pkgDir: installed, level: 'suggestion', strict: true });
  assert.deepEqual(messages, []);
});

test('attw has nothing to say', async () => {
  const cli = bin('@arethetypeswrong/cli', 'dist/index.js');
  await run(process.execPath, [cli, tarball, '--profile', 'esm-only', '--exclude-entrypoints', 'wasm', 'full.wasm'], { cwd: here });
});

for (const [resolution, module] of [['node16', 'node16'], ['nodenext', 'nodenext'], ['bundler', 'esnext']]) {
  test(`TypeScript takes its types with moduleResolution ${resolution}`, async () => {
    const flags = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022', '--types', '', '--moduleResolution', resolution, '--module', module];
    try {
      await run(process.execPath, [bin('typescript', 'bin/tsc'), ...flags, 'types/use.ts', 'types/entries.ts'], { cwd: consumer });
    } catch (error) {
      assert.fail(error.stdout);
    }
  });
}

test("the README's sizes are those of the package, within a fifth", async () => {
  const { sizes: saved } = JSON.parse(await readFile(join(here, 'matrix/results.json'), 'utf8'));
  const found = await sizesOf({ folder: consumer, tarball });
  for (const [name, bytes] of Object.entries(found)) {
    const off = Math.abs(bytes / saved[name] - 1);
    assert.ok(off < 0.2, `${name}: ${bytes} bytes now, ${saved[name]} in the README; run \`cargo xtask matrix --save node-20\` and commit`);
  }
});
