// A folder outside the tree with the packed package installed in it, and other packages of these tests linked beside it.
// Environment: CACHETTE_TARBALL, the package to test. `cargo xtask test package` sets it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const folders = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

export const run = promisify(execFile);
export const here = dirname(fileURLToPath(import.meta.url));

/** The folder's path, and a function that imports from the installed package. The folder is removed at the end. */
export async function installed(...links) {
  assert.ok(process.env.CACHETTE_TARBALL, 'CACHETTE_TARBALL must name the packed package; run `cargo xtask test package`');
  const folder = await mkdtemp(join(tmpdir(), 'cachette-installed-'));
  folders.push(folder);
  await writeFile(join(folder, 'package.json'), '{ "name": "consumer", "private": true, "type": "module" }\n');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--loglevel=error', process.env.CACHETTE_TARBALL], { cwd: folder });
  for (const name of links) {
    await mkdir(dirname(join(folder, 'node_modules', name)), { recursive: true });
    await symlink(join(here, 'node_modules', name), join(folder, 'node_modules', name));
  }
  const entry = join(folder, 'entry.mjs');
  await writeFile(entry, 'export default (name) => import(name);\n');
  const { default: load } = await import(pathToFileURL(entry).href);
  return { folder, load };
}
