// Installs the packed package outside the tree and uses it. `node demo.js TARBALL`; run by `cargo xtask demo`.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = mkdtempSync(join(tmpdir(), 'cachette-demo-'));
try {
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', '--loglevel=error', process.argv[2]], { cwd: folder });
  const { Cachette } = await import(pathToFileURL(createRequire(join(folder, 'package.json')).resolve('cachette')));
  const cache = await Cachette.create();
  cache.set('greeting', 'hello');
  console.log('npm package:', cache.get('greeting'), cache.stats());
} finally {
  rmSync(folder, { recursive: true, force: true });
}
