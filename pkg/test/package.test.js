// The packed package, installed in a folder outside the tree, in the runtimes that are at hand.
// Environment: CACHETTE_TARBALL, the package to test; CHROMIUM, a browser. `cargo xtask test package` sets both.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

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
});

after(async () => {
  if (consumer) await rm(consumer, { recursive: true, force: true });
});

/** One subtest for each check that ran elsewhere. */
async function report(t, results) {
  assert.ok(results.length > 20, `only ${results.length} checks ran`);
  for (const { name, error } of results) await t.test(name, () => assert.ok(error === '', error));
}

async function node(...args) {
  const { stdout } = await run(process.execPath, args, { cwd: consumer });
  return stdout;
}

test('the package brings no dependency and no source', async () => {
  const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  assert.deepEqual(Object.keys(manifest.dependencies ?? {}), []);
  const { stdout } = await run('tar', ['-tzf', tarball]);
  const stray = stdout.split('\n').filter((path) => path && !/^package\/(dist\/.+|package\.json|README\.md|LICENSE-[A-Z]+)$/.test(path));
  assert.deepEqual(stray, []);
});

test('publint has nothing to say', async () => {
  const { publint } = await import('publint');
  const { messages } = await publint({ pkgDir: installed, level: 'suggestion', strict: true });
  assert.deepEqual(messages, []);
});

test('attw has nothing to say', async () => {
  const cli = bin('@arethetypeswrong/cli', 'dist/index.js');
  await run(process.execPath, [cli, tarball, '--profile', 'esm-only', '--exclude-entrypoints', 'wasm'], { cwd: here });
});

for (const [resolution, module] of [['node16', 'node16'], ['nodenext', 'nodenext'], ['bundler', 'esnext']]) {
  test(`TypeScript takes its types with moduleResolution ${resolution}`, async () => {
    const flags = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022', '--types', '', '--moduleResolution', resolution, '--module', module];
    try {
      await run(process.execPath, [bin('typescript', 'bin/tsc'), ...flags, 'types/use.ts'], { cwd: consumer });
    } catch (error) {
      assert.fail(error.stdout);
    }
  });
}

test('Node, import', async (t) => report(t, JSON.parse(await node('node.js'))));

test('Node, import of the inline entry point', async (t) => report(t, JSON.parse(await node('inline.js'))));

test('Node, require', async (t) => report(t, JSON.parse(await node('--no-warnings', 'require.cjs'))));

test('a process ends although keys wait for their expiry', async () => {
  await run(process.execPath, ['quiet.js'], { cwd: consumer, timeout: 20_000 });
});

test('Chromium, plain module script', async (t) => report(t, await inChromium(consumer, '/index.html')));

test('Chromium, Vite build', async (t) => {
  const { build } = await import('vite');
  const outDir = join(consumer, 'built');
  await build({ root: join(consumer, 'vite'), logLevel: 'warn', build: { outDir, emptyOutDir: true, target: 'es2022' } });
  await report(t, await inChromium(outDir, '/index.html'));
});

test('workerd', async (t) => {
  const { Miniflare } = await import('miniflare');
  const dist = (await run('tar', ['-tzf', tarball])).stdout.split('\n').filter((path) => /\/dist\/.*\.(js|wasm)$/.test(path));
  const files = ['worker.js', 'checks.js', ...dist.map((path) => path.replace(/^package/, 'node_modules/cachette'))];
  const modules = files.map((path) => ({ type: path.endsWith('.wasm') ? 'CompiledWasm' : 'ESModule', path: join(consumer, path) }));
  const runnable = modules.filter(({ path }) => !/platform\/(deno|edge-light)\.js$/.test(path));
  const miniflare = new Miniflare({ modules: runnable, modulesRoot: consumer, compatibilityDate: '2026-01-01', cf: false });
  try {
    const response = await miniflare.dispatchFetch('http://localhost/');
    await report(t, await response.json());
  } finally {
    await miniflare.dispose();
  }
});

/** What a page leaves as `results`, with `folder` served. */
async function inChromium(folder, page) {
  const { chromium } = await import('playwright-core');
  const server = createServer(async ({ url }, response) => {
    const path = new URL(url, 'http://localhost').pathname;
    try {
      const body = await readFile(join(folder, path));
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args });
  try {
    const tab = await browser.newPage();
    const problems = [];
    tab.on('pageerror', (error) => problems.push(String(error)));
    tab.on('response', (response) => {
      if (response.status() >= 400 && !response.url().endsWith('favicon.ico')) problems.push(`${response.status()} ${response.url()}`);
    });
    await tab.goto(`http://127.0.0.1:${server.address().port}${page}`);
    const results = await tab.waitForFunction(() => globalThis.results, null, { timeout: 60_000 }).catch((error) => {
      throw new Error(`${error}\n${problems.join('\n')}`);
    });
    assert.deepEqual(problems, []);
    return await results.jsonValue();
  } finally {
    await browser.close();
    server.close();
  }
}

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm' };
