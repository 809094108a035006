// The scenarios of tests/scenarios/ on the WebAssembly module of the packed package, in Node and in Chromium.
// Environment: CACHETTE_TARBALL, the package to test; CHROMIUM, a browser; CACHETTE_SCENARIOS, the scenarios as JSON (default: where
// `cargo test --test scenarios export` leaves them). `cargo xtask test package` sets them.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { instances, runScenarios } from './scenarios.js';

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const document = process.env.CACHETTE_SCENARIOS ?? join(here, '../../target/scenarios.json');
/** The door speaks RESP3, to one conversation, which cannot wait. */
const OPTIONS = { resp: 3, able: ['x87'] };
let folder;
let dist;

before(async () => {
  const tarball = process.env.CACHETTE_TARBALL;
  assert.ok(tarball, 'CACHETTE_TARBALL must name the packed package; run `cargo xtask test package`');
  folder = await mkdtemp(join(tmpdir(), 'cachette-scenarios-'));
  dist = join(folder, 'package/dist');
  await run('tar', ['-xzf', tarball, '-C', folder]);
  await copyFile(document, join(folder, 'scenarios.json')).catch(() => {
    assert.fail(`${document} is missing: run \`cargo test --test scenarios export\``);
  });
});

after(() => rm(folder, { recursive: true, force: true }));

function judge({ results, skipped }) {
  const failed = results.filter(({ error }) => error !== '');
  assert.ok(results.length > 300, `only ${results.length} scenarios ran, ${skipped} were skipped`);
  assert.equal(failed.length, 0, failed.map(({ name, error }) => `${name}\n${error}`).join('\n\n'));
}

test('Node', async () => {
  const files = JSON.parse(await readFile(join(folder, 'scenarios.json'), 'utf8'));
  const { glue } = await import(pathToFileURL(join(dist, 'core.glue.js')));
  const module = new WebAssembly.Module(await readFile(join(dist, 'core.wasm')));
  judge(runScenarios(files, instances(module, glue), OPTIONS));
});

const PAGE = `<!doctype html><title>scenarios</title><script type="module">
  import { instances, runScenarios } from './scenarios.js';
  import { glue } from './package/dist/core.glue.js';
  const get = async (path) => (await fetch(path)).arrayBuffer();
  const module = await WebAssembly.compile(await get('package/dist/core.wasm'));
  const files = JSON.parse(new TextDecoder().decode(await get('scenarios.json')));
  globalThis.outcome = runScenarios(files, instances(module, glue), ${JSON.stringify(OPTIONS)});
</script>`;
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json', '.wasm': 'application/wasm' };

test('Chromium', async () => {
  const { chromium } = await import('playwright-core');
  await writeFile(join(folder, 'index.html'), PAGE);
  await copyFile(join(here, 'scenarios.js'), join(folder, 'scenarios.js'));
  const server = createServer(async ({ url }, response) => {
    const path = new URL(url, 'http://localhost').pathname;
    const body = await readFile(join(folder, path)).catch(() => null);
    response.writeHead(body ? 200 : 404, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' }).end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    const page = await browser.newPage();
    const problems = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.goto(`http://127.0.0.1:${server.address().port}/index.html`);
    const outcome = await page.waitForFunction(() => globalThis.outcome, null, { timeout: 60_000 }).catch((error) => {
      throw new Error(`${error}\n${problems.join('\n')}`);
    });
    judge(await outcome.jsonValue());
  } finally {
    await browser.close();
    server.close();
  }
});
