// The READMEs' JavaScript, run as written against the packed package. Where a comment behind an expression is a value, the expression must have it.
// Environment: CACHETTE_TARBALL, the package to test. `cargo xtask test package` sets it.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { here, installed, run } from './installed.js';

const root = join(here, '../..');
let folder;

before(async () => {
  ({ folder } = await installed('ioredis', 'keyv', 'unstorage', '@upstash/redis'));
});

/** The value that a comment spells, as source text; undefined where it is prose. */
function valueOf(comment) {
  const text = comment.trim();
  try {
    new Function(`return (${text})`)();
    return text;
  } catch {
    return undefined;
  }
}

/** `expression; // value` becomes an assertion. Returns the script and how many assertions it holds. */
function asserting(code) {
  let assertions = 0;
  const lines = code.split('\n').map((line) => {
    const [, indent, expression, comment] = /^(\s*)((?:cache|error)[. ].*);\s*\/\/ (.*)$/.exec(line) ?? [];
    const value = comment === undefined ? undefined : valueOf(comment);
    if (value === undefined) return line;
    assertions += 1;
    return `${indent}assert.deepEqual(${expression}, ${value});`;
  });
  return { script: `import assert from 'node:assert/strict';\n${lines.join('\n')}`, assertions };
}

for (const [readme, least] of [['README.md', 2], ['pkg/README.md', 15]]) {
  test(`the JavaScript of ${readme} runs and says the truth`, async () => {
    const text = await readFile(join(root, readme), 'utf8');
    const blocks = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => asserting(code));
    assert.ok(blocks.reduce((sum, block) => sum + block.assertions, 0) >= least, 'the README has lost its examples');
    for (const [index, { script }] of blocks.entries()) {
      const file = join(folder, `block-${index}.js`);
      await writeFile(file, script);
      await run(process.execPath, [file], { cwd: folder });
    }
  });
}
