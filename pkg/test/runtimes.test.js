// The cells of the matrix (matrix/cells.js) that are quick: the whole suite from the packed package in each of them. `cargo xtask matrix` runs all cells.
// Environment: as matrix/lab.js says. `cargo xtask test package` sets it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cells } from './matrix/cells.js';
import { judge } from './matrix/judge.js';
import { openLab } from './matrix/lab.js';

let lab;

before(async () => {
  lab = await openLab();
});

after(() => lab?.close());

for (const cell of cells.filter(({ ci }) => ci)) {
  test(`${cell.runtime}, ${cell.as}`, async () => {
    const { problems } = await judge(cell, lab);
    assert.ok(problems.length === 0, problems.join('\n\n'));
  });
}
