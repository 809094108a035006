// The examples, as they are, on the packed package: each runs to its end and says what it should.

import assert from 'node:assert/strict';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { here, installed, run } from './installed.js';
import { bundledForWorkerd } from './matrix/workers.js';

const examples = join(here, '../../examples/js');
let folder;

before(async () => {
  ({ folder } = await installed('hono'));
  await cp(examples, folder, { recursive: true });
});

const says = {
  'analytics.js': [/monday: 10000 within 3 %/, /both days: 15000 within 3 %/, /on both days: 2/],
  'counter.js': [/\[ '3', '10', null \]/, /2 today, kept for 48 hours/],
  'leaderboard.js': [/\[ 'eve', 325 \]/, /bob is number 3/, /with 100 to 320: 2/],
  'live-feed.js': [/ada reads: hello\nada reads: world\n/, /pending: 1 - second is waiting: true/],
  'queue.js': [/does resize/, /done: 4, left: 0/],
  'rate-limit.js': [/sliding: true true true false/, /bucket: true true false/, /half a minute later: true false/],
  'sessions.js': [/the code is gone: \{ (user: 'ada', theme: 'dark'|theme: 'dark', user: 'ada') \}/, /still there: true\nover: true/],
};

test('every example is run', async () => {
  const scripts = (await readdir(examples)).filter((name) => name.endsWith('.js'));
  assert.deepEqual(scripts.sort(), Object.keys(says));
  const readme = await readFile(join(examples, 'README.md'), 'utf8');
  for (const script of scripts) assert.ok(readme.includes(`(${script})`), script);
});

for (const [script, expected] of Object.entries(says)) {
  test(`examples/js/${script}`, async () => {
    const { stdout } = await run(process.execPath, [join(folder, script)], { cwd: folder, timeout: 20_000 });
    for (const pattern of expected) assert.match(stdout, pattern);
  });
}

test('examples/js/hono, on workerd', async (t) => {
  const lab = { folder, outDir: async (name) => join(folder, 'built', name) };
  // Its modules are found beside it.
  await cp(join(folder, 'hono/worker.js'), join(folder, 'hono-worker.js'));
  const worker = await bundledForWorkerd(lab, 'hono-worker.js');
  t.after(() => worker.dispose());
  const ask = async (path, init) => worker.dispatchFetch(`http://localhost${path}`, init);
  assert.deepEqual(await (await ask('/api/users/1')).json(), { id: '1', name: 'Ada', made: 1 });
  const again = await ask('/api/users/1');
  assert.deepEqual([await again.json(), again.headers.get('ratelimit-remaining')], [{ id: '1', name: 'Ada', made: 1 }, '98']);
  assert.equal((await ask('/api/users/1/changed', { method: 'POST' })).status, 204);
  assert.equal((await (await ask('/api/users/1')).json()).made, 2);
});

test('examples/js/page, in Chromium', { timeout: 60_000 }, async (t) => {
  const [{ createServer }, { chromium }, { until }] = [await import('node:http'), await import('./matrix/browsers.js'), await import('./matrix/lab.js')];
  const types = { html: 'text/html', js: 'text/javascript', wasm: 'application/wasm' };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const body = await readFile(join(folder, pathname)).catch(() => undefined);
    response.writeHead(body ? 200 : 404, { 'content-type': types[pathname.split('.').pop()] ?? 'text/plain' }).end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => (server.closeAllConnections(), server.close()));
  const ends = [];
  t.after(async () => { for (const end of ends) await end(); });
  const browser = await chromium({ atEnd: (end) => ends.push(end) });
  const tab = await browser.tab(`http://127.0.0.1:${server.address().port}/page/index.html`);
  await until(async () => assert.equal(await tab.value('#visits'), '1'));
});
