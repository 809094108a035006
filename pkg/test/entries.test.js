// Every entry point of the packed package, in every host that it is meant for (matrix/entries.js): it is found, loads, and exports something.
// Environment: as matrix/lab.js says. `cargo xtask test package` sets it.

import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium, visit } from './matrix/browsers.js';
import { bundledForBrowser } from './matrix/bundlers.js';
import { bundledForEdge, runInEdge } from './matrix/edge.js';
import { entryPoints, program, required, specifiers } from './matrix/entries.js';
import { openLab, output } from './matrix/lab.js';
import { bun, deno, node20, node24 } from './matrix/processes.js';
import { bundledForWorkerd } from './matrix/workers.js';

let lab;

before(async () => {
  lab = await openLab();
});

after(() => lab?.close());

/** All of the host's entry points, each with exports. */
function judge(found, host) {
  assert.deepEqual(Object.keys(found), specifiers(host));
  for (const [name, names] of Object.entries(found)) assert.ok(names.length > 0, `${name} exports nothing`);
}

test('entries.js names the entry points of the manifest', async () => {
  const manifest = JSON.parse(await readFile(join(lab.folder, 'node_modules/cachette/package.json'), 'utf8'));
  assert.deepEqual(Object.keys(entryPoints).sort(), Object.keys(manifest.exports).sort());
});

for (const [name, runtime, host] of [['Node 20', node20, 'node'], ['Node 24', node24, 'node'], ['Deno', deno, 'deno'], ['Bun', bun, 'bun']]) {
  test(name, async () => {
    await writeFile(join(lab.folder, `entries-${host}.js`), program(host));
    judge(JSON.parse(await output(runtime.program(), [...runtime.args, `entries-${host}.js`], { cwd: lab.folder })), host);
  });

  test(`${name} ends although keys wait for their expiry`, async () => {
    await output(runtime.program(), [...runtime.args, 'quiet.js'], { cwd: lab.folder, timeout: 20_000 });
  });
}

test('Node 20, require()', async () => {
  await writeFile(join(lab.folder, 'entries.cjs'), required());
  judge(JSON.parse(await output(node20.program(), [...node20.args, 'entries.cjs'], { cwd: lab.folder })), 'node');
});

test('cachette/wasm is what the option `module` takes', async () => {
  const program = `import { readFileSync } from 'node:fs';
    import { Cachette } from 'cachette';
    const module = new WebAssembly.Module(readFileSync(new URL(import.meta.resolve('cachette/wasm'))));
    const cache = await Cachette.create({ module });
    cache.set('k', 'v');
    console.log(cache.get('k'));`;
  await writeFile(join(lab.folder, 'own-module.js'), program);
  assert.equal(await output(node24.program(), [...node24.args, 'own-module.js'], { cwd: lab.folder }), 'v\n');
});

test('Chromium, bundled by esbuild', async () => {
  await writeFile(join(lab.folder, 'entries-browser.js'), program('browser'));
  const outdir = await lab.outDir('entries');
  await bundledForBrowser(lab, 'entries-browser.js', outdir);
  await copyFile(join(lab.folder, 'errors.js'), join(outdir, 'errors.js'));
  await writeFile(join(outdir, 'index.html'), '<!doctype html><script src="errors.js"></script><script type="module" src="entries-browser.js"></script>');
  judge(await visit(lab, chromium, [outdir], '/index.html'), 'browser');
});

test('workerd', async () => {
  await writeFile(join(lab.folder, 'entries-workerd.js'), program('workerd'));
  const worker = await bundledForWorkerd(lab, 'entries-workerd.js');
  try {
    judge(await (await worker.dispatchFetch('http://localhost/')).json(), 'workerd');
  } finally {
    await worker.dispose();
  }
});

test('edge-runtime', async () => {
  await writeFile(join(lab.folder, 'entries-edge-light.js'), program('edge-light'));
  const response = await runInEdge(await bundledForEdge(lab, 'entries-edge-light.js'), 'http://localhost/');
  judge(JSON.parse(await response.text()), 'edge-light');
});
