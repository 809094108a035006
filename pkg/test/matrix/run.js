// Runs cells of the matrix and prints a table: `node run.js [--save] [CELL…]`. With `--save` the outcome is written to results.json, from which
// `cargo xtask gen` makes the tables of the READMEs. Environment: as lab.js says.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cells } from './cells.js';
import { judge } from './judge.js';
import { here, openLab } from './lab.js';
import { sizesOf } from './sizes.js';

const { values: options, positionals: names } = parseArgs({ options: { save: { type: 'boolean' } }, allowPositionals: true });
const unknown = names.filter((name) => !cells.some((cell) => cell.name.startsWith(name)));
if (unknown.length > 0) throw new Error(`no cell is named ${unknown.join(', ')}; there are: ${cells.map(({ name }) => name).join(' ')}`);

const chosen = cells.filter((cell) => names.length === 0 || names.some((name) => cell.name.startsWith(name)));
const file = join(here, 'results.json');
const saved = new Map(JSON.parse(await readFile(file, 'utf8')).cells.map((outcome) => [outcome.name, outcome]));
let sizes;
let failures = 0;

const lab = await openLab();
try {
  sizes = await sizesOf(lab);
  console.log(`  bytes: ${Object.entries(sizes).map(([name, bytes]) => `${name} ${bytes}`).join(', ')}`);
  for (const cell of chosen) {
    const start = performance.now();
    const { version, checks, scenarios, problems } = cell.cannot ? { problems: [] } : await judge(cell, lab);
    const took = ((performance.now() - start) / 1000).toFixed(1);
    const found = cell.cannot ? `cannot: ${cell.cannot}` : `${checks} checks, ${scenarios} scenarios`;
    console.log(`${problems.length === 0 ? '✓' : '✗'} ${cell.name.padEnd(26)} ${String(version ?? '–').padEnd(20)} ${found}  ${took} s`);
    for (const problem of problems) console.log(`    ${problem.replaceAll('\n', '\n      ')}`);
    failures += problems.length === 0 ? 0 : 1;
    const { name, runtime, as, cannot } = cell;
    // Only what ran the whole suite belongs in the tables.
    if (cell.least === undefined) saved.set(name, { name, runtime, as, ...(cannot ? { cannot } : { version, checks, scenarios, failed: problems.length }) });
  }
} finally {
  await lab.close();
}

console.log(`${chosen.length - failures} cells passed, ${failures} failed`);
if (options.save) {
  // What is no cell any more is left out.
  const lines = cells.filter(({ name }) => saved.has(name)).map(({ name }) => `  ${JSON.stringify(saved.get(name))}`);
  await writeFile(file, `{\n"sizes": ${JSON.stringify(sizes)},\n"cells": [\n${lines.join(',\n')}\n]\n}\n`);
}
process.exitCode = failures === 0 ? 0 : 1;
