// Bun's own client, in the Bun that the matrix of runtimes has.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const bun = join(here, '../matrix/node_modules/.bin/bun');

test("with Bun's client: what is set, read, invalidated; an outage", { skip: existsSync(bun) ? false : 'Bun is not installed in pkg/test/matrix' }, async () => {
  const { stdout } = await promisify(execFile)(bun, ['run', 'bun.js'], { cwd: here, timeout: 30_000 });
  const { detected, back } = JSON.parse(stdout);
  assert.ok(detected <= 1000, `down after ${detected} ms`);
  assert.ok(back <= 2000, `up after ${back} ms`);
});
