// getOrSet of `cachette/cache` against a plain get, bentocache and cacheable, by one script: time, bytes, and what holds. `cargo xtask bench helpers`.
//
// Figures are medians of runs that take turns, with the spread of the middle half; `×` is against the line named. Bytes are those of the process, by contents
// of 100,000 entries, each library in a process of its own.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { CALLS, ENTRIES, RUNS, subjects, VALUE } from './subjects.js';

const script = fileURLToPath(import.meta.url);
const lines = [];
const say = (line) => (lines.push(line), console.log(line));
const [task, name] = process.argv.slice(2);

if (task === 'bytes') {
  console.log(await bytesOf(name));
} else {
  const made = await Promise.all(Object.entries(subjects).map(async ([name, open]) => [name, await open()]));
  await hits(made);
  await misses(made);
  say(`\nBytes an entry, ${ENTRIES.toLocaleString('en')} entries of 16-byte keys and ${VALUE.length}-byte values:\n`);
  for (const name of Object.keys(subjects)) {
    if (name === 'plain get') continue;
    say(`  ${name.padEnd(22)}${execFileSync(process.execPath, ['--expose-gc', script, 'bytes', name]).toString().trim()}`);
  }
  await correctness(made);
  for (const [, subject] of made) await subject.close?.();
  if (process.argv.includes('--save')) save();
  process.exit(0);
}

function save() {
  const about = `Node ${process.versions.node}, ${cpus()[0].model.trim()}. Measured by \`cargo xtask bench helpers\`; the method is in benches/helpers.`;
  writeFileSync(new URL('../results/helpers.md', import.meta.url), `# getOrSet against a plain get, bentocache and cacheable\n\n${about}\n\n\`\`\`text\n${lines.join('\n')}\n\`\`\`\n`);
}

function median(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return { median: sorted[sorted.length >> 1], low: sorted[sorted.length >> 2], high: sorted[(sorted.length * 3) >> 2] };
}

/** Awaited hits, one by one, of keys that change. */
async function hits(made) {
  const keys = Array.from({ length: 1000 }, (_, i) => `user:${String(i).padStart(11, '0')}`);
  const times = new Map(made.map(([name]) => [name, []]));
  for (const [, subject] of made) for (const key of keys) await subject.getOrSet(key, async () => VALUE);
  for (let run = 0; run < RUNS; run++) {
    for (const [name, subject] of made) {
      const never = async () => { throw new Error(`${name} lost a value`); };
      const start = process.hrtime.bigint();
      for (let i = 0; i < CALLS; i++) await subject.getOrSet(keys[i % 1000], never);
      if (run > 0) times.get(name).push(Number(process.hrtime.bigint() - start) / CALLS);
    }
  }
  const plain = median(times.get('plain get')).median;
  say(`A hit, awaited, ns (${RUNS - 1} runs of ${CALLS.toLocaleString('en')}):\n`);
  for (const [name, list] of times) {
    const { median: mid, low, high } = median(list);
    say(`  ${name.padEnd(22)}${mid.toFixed(0).padStart(6)}  (${low.toFixed(0)}–${high.toFixed(0)})  ${(mid / plain).toFixed(2)}× plain get`);
  }
}

/** 10,000 at once on a key that is missing. */
async function misses(made) {
  say('\n10,000 at once on a missing key: calls of the factory, milliseconds until all have it:\n');
  for (const [name, subject] of made) {
    if (name === 'plain get') continue;
    let calls = 0;
    const slow = () => (calls++, new Promise((resolve) => setTimeout(() => resolve(VALUE), 20)));
    const start = performance.now();
    await Promise.all(Array.from({ length: 10_000 }, () => subject.getOrSet('missing', slow)));
    say(`  ${name.padEnd(22)}${String(calls).padStart(6)} calls  ${(performance.now() - start).toFixed(0)} ms`);
  }
}

async function bytesOf(name) {
  const subject = await subjects[name]();
  gc();
  const before = process.memoryUsage().rss;
  for (let i = 0; i < ENTRIES; i++) await subject.getOrSet(`key:${String(i).padStart(12, '0')}`, async () => VALUE + i);
  gc();
  return Math.round((process.memoryUsage().rss - before) / ENTRIES);
}

/** What holds: each asked of the library by its own options for it. */
async function correctness(made) {
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const checks = {
    'a value that fails to be made anew: the older one is given': async (subject) => {
      await subject.getOrSet('grace', async () => 'old', { ttl: 30, grace: 60_000 });
      await wait(60);
      return (await subject.getOrSet('grace', async () => { throw new Error('down'); }, { ttl: 30, grace: 60_000 })) === 'old';
    },
    'without that, the error reaches the caller': async (subject) => subject.getOrSet('error', async () => { throw new Error('down'); }, { ttl: 30 }).then((value) => value === undefined ? 'undefined' : false, () => true),
    'a deletion while the factory runs is not undone': async (subject) => {
      const asked = subject.getOrSet('race', () => wait(20).then(() => 'old'), { ttl: 60_000 });
      await wait(5);
      await subject.delete('race');
      await asked;
      return (await subject.get('race')) === undefined;
    },
    'clear of a namespace leaves others': async (subject) => {
      if (subject.namespace === undefined) return 'no namespaces';
      const [a, b] = [subject.namespace('a'), subject.namespace('b')];
      await a.set('k', 'a');
      await b.set('k', 'b');
      await a.clear();
      return (await a.get('k')) === undefined && (await b.get('k')) === 'b';
    },
    'a value stored is not changed by whoever holds it': async (subject) => {
      const value = { n: 1 };
      await subject.objects.set('held', value);
      value.n = 2;
      return (await subject.objects.get('held')).n === 1;
    },
  };
  say('\nWhat holds:\n');
  for (const [what, check] of Object.entries(checks)) {
    say(`  ${what}`);
    for (const [name, subject] of made) {
      if (name === 'plain get' || name === 'getOrSet, with grace') continue;
      const holds = await check(subject).catch((error) => `no: ${error.message}`);
      say(`    ${name.padEnd(20)}${holds === true ? 'yes' : holds === false ? 'no' : holds}`);
    }
  }
}
