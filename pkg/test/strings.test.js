// The host's functions of strings (src/strings.wat), in hosts that have them; and the hosts that have none, or none that are quick.
// Environment: as matrix/lab.js says. `cargo xtask test package` sets it.

import assert from 'node:assert/strict';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium, visit } from './matrix/browsers.js';
import { bundledForBrowser } from './matrix/bundlers.js';
import { openLab, output } from './matrix/lab.js';
import { bun, deno, node20, node24 } from './matrix/processes.js';

let lab;

before(async () => {
  lab = await openLab();
  await writeFile(join(lab.folder, 'strings-process.js'), "import { look } from './strings.js';\nconsole.log(JSON.stringify(look()));\n");
});

after(() => lab?.close());

for (const [name, runtime, has] of [['Node 20', node20, false], ['Node 24', node24, true], ['Deno', deno, true], ['Bun', bun, false]]) {
  test(`${name} has ${has ? 'them' : 'none'}`, async () => {
    const found = await output(runtime.program(), [...runtime.args, 'strings-process.js'], { cwd: lab.folder });
    assert.deepEqual(JSON.parse(found), { has, wrong: [] });
  });
}

test('Chromium has them', async () => {
  await writeFile(join(lab.folder, 'strings-page.js'), "import { look } from './strings.js';\nfetch('/outcome', { method: 'POST', body: JSON.stringify(look()) });\n");
  const outdir = await lab.outDir('strings');
  await bundledForBrowser(lab, 'strings-page.js', outdir);
  await copyFile(join(lab.folder, 'errors.js'), join(outdir, 'errors.js'));
  await writeFile(join(outdir, 'index.html'), '<!doctype html><script src="errors.js"></script><script type="module" src="strings-page.js"></script>');
  assert.deepEqual(await visit(lab, chromium, [outdir], '/index.html'), { has: true, wrong: [] });
});
