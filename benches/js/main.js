// `cargo xtask bench js`: cachette from JavaScript beside Map, lru-cache, tiny-lru, mnemonist and quick-lru.
//
//   operations  nanoseconds a call at 20,000, 100,000 and 1,000,000 keys, text and objects       node24, chromium  the same there
//   evicting    a new key into a full cache: another goes
//   latency     a mix of five million calls: CPU time, how late they were done, the collector    memory    bytes an entry
//   start       import, first answer, compile, instantiate; memory given back on close
//
// Each measurement is a process of its own. `--save` writes benches/results/js*.md and .svg, `--check` compares with the bars below and says what
// falls short (and fails nothing), names of parts run only those, numbers of keys only those sizes, `--quick` makes fewer calls. What was saved before stays
// until it is measured anew: its figures are in benches/results/js.json.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { bars } from './bars.js';
import { LEAST, LEAST_OF_TEXT, NOTHING } from './peers.js';
import { plot } from './plot.js';

const here = dirname(fileURLToPath(import.meta.url));
const results = join(here, '../results');
const args = process.argv.slice(2);
const flags = new Set(args.filter((arg) => arg.startsWith('--')));
const chosen = args.filter((arg) => !arg.startsWith('--') && !/^\d+$/.test(arg));
const sizes = args.filter((arg) => /^\d+$/.test(arg)).map(Number);
const wanted = (n) => sizes.length === 0 || sizes.includes(n);
const quick = flags.has('--quick');
const BASE = 'lru-cache+ttl';
const PEERS = ['Map', BASE, 'tiny-lru+ttl', 'mnemonist', 'quick-lru'];
const EVICTING = [BASE, 'tiny-lru+ttl', 'mnemonist'];
const SUBJECTS = ['cachette', 'References', 'cachette/lru', 'cachette/lru s3fifo'];

/** Installed beside the peers, where there is one for this machine. */
const NODE_24 = join(here, `node_modules/node-24-${process.platform}-${process.arch}/bin/node`);

/** Runs a script of this folder in a process of its own; its last line is the result. */
function run(script, args, flags = [], node = process.execPath) {
  const ran = spawnSync(node, [...flags, join(here, script), ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 26 });
  if (ran.status !== 0) throw new Error(`${script} ${args.join(' ')} ended with ${ran.status ?? ran.signal}`);
  return JSON.parse(ran.stdout.trim().split('\n').at(-1));
}

/** One measurement of part.js. */
function part(name, options, node = process.execPath) {
  return run('part.js', [name, JSON.stringify(options)], ['--expose-gc', '--max-old-space-size=8192'], node);
}

const number = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
const row = (cells) => `| ${cells.join(' | ')} |`;
const table = (head, rows) => [row(head), row(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(row), ''].join('\n');
const title = (n, size, distribution) => `${n.toLocaleString('en')} keys, ${size === 0 ? 'objects' : `values of ${size} characters`}, ${distribution}`;

/** Peers in columns, operations in rows: nanoseconds, spread, ratio to lru-cache with a TTL. */
function operationsTable(measured, names) {
  names = names.filter((name) => Object.values(measured).some((by) => by[name]));
  const rows = Object.entries(measured).map(([operation, by]) => [
    operation,
    ...names.map((name) => {
      const one = by[name];
      if (one === undefined) return '';
      const ratio = by[BASE] && name !== BASE ? ` (${(one.ns / by[BASE].ns).toFixed(2)})` : '';
      return `${one.ns.toFixed(0)}${ratio} ±${(one.spread * 100).toFixed(0)}`;
    }),
  ]);
  return table(['ns a call (ratio to lru-cache+ttl) ±%', ...names], rows);
}

// What was measured before and is not measured now stays as it is.
const file = join(results, 'js.json');
const kept = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};

function remember(name, found) {
  if (found === undefined) return;
  const old = kept[name]?.found;
  const isNew = (one) => found.some(({ n, size, subject }) => one.n === n && one.size === size && one.subject === subject);
  const merged = Array.isArray(old) ? [...old.filter((one) => !isNew(one)), ...found].sort((a, b) => a.n - b.n) : found;
  kept[name] = { node: process.versions.node, cpu: cpus()[0]?.model ?? 'unknown CPU', found: merged };
  // At once: a later part may fail.
  if (flags.has('--save')) writeFileSync(file, `${JSON.stringify(kept)}\n`);
}

/** The modules of the package, and one of a single function: what any takes. V8 validates every function of a module before it is compiled: `core` without that shows how much it is. */
const MODULES = [
  { label: 'core', name: 'core' },
  { label: 'core, not validated', name: 'core', flags: ['--wasm-lazy-validation'] },
  ...['full', 'tier', 'objects', 'least'].map((name) => ({ label: name, name })),
];
const STARTS = 21;
const OWN = new URL('../../pkg/dist/platform/node.js', import.meta.url).href;
/** Packages: what is imported of each, and how a cache is made of that, `m`. */
const PACKAGES = {
  cachette: [OWN, 'new m.Cachette()'],
  'cachette/lru': [OWN, 'new m.LRUCache({ max: 100 })'],
  'lru-cache': ['lru-cache', 'new m.LRUCache({ max: 100 })'],
  'tiny-lru': ['tiny-lru', 'm.lru(100)'],
  mnemonist: ['mnemonist', 'new m.LRUMap(100)'],
  'quick-lru': ['quick-lru', 'new m.default({ maxSize: 100 })'],
};

/** How long each package takes from its import to a first answer. Turn by turn, so that whatever else the machine does meets all alike. */
function imports(node) {
  const turns = Array.from({ length: STARTS }, () => Object.values(PACKAGES).map((how) => run('import.js', how, [], node)));
  return Object.keys(PACKAGES).map((name, at) => ({ name, ...middles(turns.map((turn) => turn[at])) }));
}

/** Bytes of a module as it is sent. */
function packed(name) {
  const path = join(here, `../../pkg/dist/${name}.wasm`);
  if (!existsSync(path)) return {};
  const sent = readFileSync(path);
  return { gzip: gzipSync(sent, { level: 9 }).length, brotli: brotliCompressSync(sent, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length };
}

/** The median of each figure. */
function middles(turns) {
  const middle = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];
  return Object.fromEntries(Object.keys(turns[0]).map((figure) => [figure, middle(turns.map((turn) => turn[figure]))]));
}

const CASES = [
  { n: 20_000, size: 16, distribution: 'zipf' },
  { n: 100_000, size: 100, distribution: 'uniform' },
  { n: 1_000_000, size: 100, distribution: 'uniform' },
];

/** What is called most, where else it runs. */
async function elsewhere(place, runner, effort) {
  const all = [];
  const among = ['Map', BASE];
  for (const one of CASES) {
    for (const subject of ['cachette', 'References']) {
      const options = { subject, among, ...one, size: subject === 'cachette' ? one.size : 0, ...effort };
      const measured = await runner(options);
      console.log(`### ${place}, ${title(one.n, options.size, one.distribution)}: ${subject}\n\n${operationsTable(measured, [...among, subject])}`);
      all.push({ ...options, measured });
    }
  }
  return all;
}

const parts = {
  operations(runner = (options) => part('operations', options)) {
    const all = [];
    for (const one of CASES.filter(({ n }) => wanted(n))) {
      for (const subject of SUBJECTS) {
        const objects = subject !== 'cachette';
        const least = { References: [LEAST], cachette: [LEAST_OF_TEXT] }[subject] ?? [];
        const among = [...(objects || (quick && one.n >= 1e6) ? ['Map', BASE] : [...PEERS, 'bare']), ...least];
        const calls = quick ? (one.n >= 1e6 ? 150_000 : 300_000) : one.n >= 1e6 ? 300_000 : 500_000;
        const options = { subject, among, ...one, size: objects ? 0 : one.size, rounds: quick ? 3 : 5, calls };
        const measured = runner(options);
        if (measured === undefined) continue;
        const names = [...among, subject];
        console.log(`### ${title(one.n, options.size, one.distribution)}: ${subject}\n\n${operationsTable(measured, names)}`);
        all.push({ ...options, measured });
        remember('operations', all);
      }
    }
    return all;
  },

  evicting() {
    const all = [];
    for (const n of [10_000, 100_000, 1_000_000].filter(wanted)) {
      for (const subject of SUBJECTS) {
        const options = { subject, among: EVICTING, n, size: subject === 'cachette' ? 100 : 0, rounds: quick ? 3 : 5, calls: 200_000 };
        const measured = part('evicting', options);
        console.log(`${n} ${JSON.stringify(measured)}`);
        all.push({ ...options, measured });
      }
    }
    return all;
  },

  latency() {
    const all = [];
    for (const n of [1_000_000, 4_000_000].filter(wanted)) {
      for (const subject of [NOTHING, 'Map', BASE, LEAST, 'cachette', 'References']) {
        all.push({ subject, n, ...part('latency', { subject, n, calls: quick ? 1_000_000 : 5_000_000, rate: 200_000 }) });
        console.log(JSON.stringify(all.at(-1)));
      }
    }
    return all;
  },

  memory() {
    const all = [];
    for (const size of [16, 100]) {
      for (const subject of [...PEERS, ...SUBJECTS]) {
        all.push({ subject, size, ...part('memory', { subject, n: 1_000_000, size }) });
        console.log(JSON.stringify(all.at(-1)));
      }
    }
    return all;
  },

  start() {
    const turns = Array.from({ length: STARTS }, () => MODULES.map(({ name, flags }) => run('start.js', [name], flags)));
    const modules = MODULES.map(({ label, name }, at) => ({ label, ...middles(turns.map((turn) => turn[at])), ...packed(name) }));
    const all = { imports: imports(), modules, close: part('close', { n: 500_000 }) };
    console.log(JSON.stringify(all));
    return all;
  },

  async node24() {
    if (!existsSync(NODE_24)) return console.log('no Node 24 for this machine');
    const version = spawnSync(NODE_24, ['--version'], { encoding: 'utf8' }).stdout.trim().slice(1);
    const all = await elsewhere(`Node ${version}`, (options) => part('operations', options, NODE_24), { rounds: 5, calls: 300_000 });
    const latency = [BASE, 'cachette', 'References'].map((subject) => ({ subject, n: 1e6, ...part('latency', { subject, n: 1e6, calls: 5_000_000, rate: 200_000 }, NODE_24) }));
    const turns = Array.from({ length: STARTS }, () => run('start.js', ['core'], [], NODE_24));
    return { version, all, latency, start: middles(turns), imports: imports(NODE_24) };
  },

  async chromium() {
    const { open } = await import('./chromium.js');
    const browser = await open();
    if (browser === undefined) return undefined;
    const all = await elsewhere('Chromium', (options) => browser.measure(options), { rounds: 3, calls: 300_000 });
    const start = await browser.start();
    await browser.close();
    return { version: browser.version, all, start };
  },
};

for (const [name, run] of Object.entries(parts)) {
  if (chosen.length === 0 || chosen.includes(name)) remember(name, await run());
}

if (flags.has('--save')) {
  writeFileSync(join(results, 'js.md'), `${report(kept).trimEnd()}\n`);
  if (kept.operations) writeFileSync(join(results, 'js.svg'), plot(kept.operations.found));
}
if (flags.has('--check')) {
  for (const { what, value, bar, floor, newer, browser } of bars(kept)) {
    const least = floor === undefined ? '' : `  (floor ${number(floor)})`;
    const said = value === undefined ? 'not measured' : `${number(value)}${value <= bar ? '' : `  falls short${least}`}`;
    const elsewhere = Object.entries({ 'Node 24': newer, Chromium: browser }).filter(([, found]) => found !== undefined).map(([place, found]) => `  ${place}: ${number(found)}`);
    console.log(`${what.padEnd(72)} ≤ ${String(bar).padEnd(6)} ${said}${elsewhere.join('')}`);
  }
}

/** Ratios of what is called most, by place and number of keys. */
function inShort(places) {
  const called = ['get', 'set', 'mget of 100'];
  const kinds = ['cachette', 'References'];
  const cell = (found, n, subject, operation) => {
    const by = found.find((one) => one.n === n && one.subject === subject)?.measured[operation];
    return by?.[subject] && by[BASE] ? (by[subject].ns / by[BASE].ns).toFixed(2) : '';
  };
  const numbers = (found) => [...new Set(found.map(({ n }) => n))];
  const rows = places.flatMap(([place, found]) =>
    numbers(found).map((n) => [place, n.toLocaleString('en'), ...kinds.flatMap((subject) => called.map((operation) => cell(found, n, subject, operation)))]));
  return table(['in', 'keys', ...['`Cachette`', '`References`'].flatMap((name) => [`${name} get`, ...called.slice(1)])], rows);
}

function report(kept) {
  const { operations, evicting, latency, memory, start, node24, chromium } = kept;
  const lines = ['# cachette from JavaScript', ''];
  const made = (one) => `Node ${one.node}, ${one.cpu}.`;
  const own = `Node ${parseInt(operations?.node ?? process.versions.node, 10)}`;
  lines.push('Written by `cargo xtask bench js --save`; the method is in benches/js. Lower is better. `get` and `set` have fresh keys (a template literal in the loop), `same` the very');
  lines.push(`string objects that were inserted; \`set\` has a TTL where a cache has one. \`${LEAST}\` is the least that a cache of objects in WebAssembly costs: the key is brought there`);
  lines.push('by a call and compared with one entry, that of a place in the index which the benchmark knows; the value comes out of an array. No hash is made, nothing is searched, counted or kept in');
  lines.push(`order. \`${LEAST_OF_TEXT}\` is less than that, of text: a call that looks nothing up, and the value is decoded from, or encoded to, a place in linear memory that the benchmark knows. Of many`);
  lines.push(`keys both bring all there in one call, and \`${LEAST_OF_TEXT}\` decodes all values as one string.`, '');
  if (operations) {
    const places = [[own, operations.found], ['Node 24', node24?.found.all ?? []], ['Chromium', chromium?.found.all ?? []]];
    lines.push('## In short', '', 'CPU time, in Chromium time that passed; lru-cache with a TTL = 1.', '', inShort(places));
    lines.push('![Ratios to lru-cache with a TTL](js.svg)', '', '## A call', '', `${made(operations)} CPU time of the main thread, medians, half the distance between quartiles in percent.`, '');
    for (const { subject, among, n, size, distribution, rounds, calls, measured } of operations.found) {
      lines.push(`### ${title(n, size, distribution)}: ${subject}`, '', `${rounds} rounds of ${calls.toLocaleString('en')} calls.`, '', operationsTable(measured, [...among, subject]));
    }
  }
  const there = (head, said, { all, start }) => {
    lines.push(head, '', `${said} Compile ${number(start.compile)} ms, instantiate ${number(start.instantiate)} ms.`, '');
    for (const { subject, among, n, size, distribution, measured } of all) {
      lines.push(`### ${title(n, size, distribution)}: ${subject}`, '', operationsTable(measured, [...among, subject]));
    }
  };
  if (node24) there('## In Node 24', `Node ${node24.found.version}, ${node24.cpu}. CPU time.`, node24.found);
  if (chromium) there('## In Chromium', `${chromium.found.version}, wall time.`, chromium.found);
  if (evicting) {
    lines.push('## A full cache', '', `${made(evicting)} A new key is set, and another one goes: nanoseconds of CPU time, medians. Text has 100 characters.`, '');
    const cell = ({ measured }, name) => `${measured[name].ns.toFixed(0)} ±${(measured[name].spread * 100).toFixed(0)}`;
    const ratio = ({ measured, subject }) => (measured[subject].ns / measured[BASE].ns).toFixed(2);
    lines.push(table(['entries', 'cache', 'ns ±%', ...EVICTING.map((name) => `${name}, beside it`), `ratio to ${BASE}`],
      evicting.found.map((one) => [one.n.toLocaleString('en'), one.subject, cell(one, one.subject), ...EVICTING.map((name) => cell(one, name)), ratio(one)])));
  }
  if (latency) {
    lines.push('## Latency', '', `${made(latency)} Filled: time that passed until all keys were in, a memory that grows included. Then 70 % reads, 25 % writes, 5 % deletions with a write. Mean: CPU time a call. Then how long calls took, and how long after it was due a call was done, with 200,000 a second due. ${NOTHING}: keys and values are made and read, and that is all.`, '');
    const figures = ({ p50, p99, p999, max }) => [p50, p99, p999, max].map(number);
    lines.push(table(['live keys', 'cache', 'filled, s', 'mean ns', 'took p50 µs', 'p99', 'p99.9', 'max', 'late p50 µs', 'p99', 'p99.9', 'max', 'collector, ms in all'],
      latency.found.map((one) => [one.n.toLocaleString('en'), one.subject, (one.filled / 1000).toFixed(1), one.mean.toFixed(0), ...figures(one), ...figures(one.late), one.gc.toFixed(0)])));
  }
  if (memory) {
    lines.push('## Memory', '', `${made(memory)} Bytes an entry of 1,000,000 with a TTL: keys of 20 characters, keys and values (text) included. What counts is what is in use: of V8's heap, and of WebAssembly's memory the part that was touched.`, '');
    const of = (subject, size) => memory.found.find((one) => one.subject === subject && one.size === size)?.bytes;
    const cell = (subject, size) => `${of(subject, size).toFixed(0)} (${(of(subject, size) / of(BASE, size)).toFixed(2)})`;
    lines.push(table(['bytes (ratio to lru-cache+ttl)', '16 characters', '100 characters'], [...PEERS, ...SUBJECTS].map((name) => [name, cell(name, 16), cell(name, 100)])));
  }
  if (start) {
    const { imports, modules, close } = start.found;
    const mb = (value) => `${(value / 2 ** 20).toFixed(0)} MB`;
    const size = (bytes) => bytes?.toLocaleString('en') ?? '';
    lines.push('## Start and end', '', `${made(start)} Medians of ${STARTS}, each of a fresh process. \`import\`: until the package is loaded; \`answer\`: from there until a cache has been made and has given back what was set.`, '');
    const there = (name) => node24?.found.imports?.find((one) => one.name === name);
    lines.push(table(['package', 'import, ms', 'answer, ms', 'Node 24: import, ms', 'answer, ms'],
      imports.map(({ name, ...own }) => [name, ...[own, there(name)].flatMap((one) => [one?.import, one?.answer].map((value) => (value === undefined ? '' : number(value))))])));
    lines.push('What of it goes into the WebAssembly. `least` is a module of one function.', '');
    lines.push(table(['module', 'bytes', 'gzip -9', 'brotli -q 11', 'compile, ms', 'instantiate, ms'],
      modules.map(({ label, bytes, gzip, brotli, compile, instantiate }) => [label, size(bytes), size(gzip), size(brotli), number(compile), number(instantiate)])));
    lines.push(table(['resident before', 'with 500,000 entries of 100 characters', 'after `close()`', 'given back'],
      [[mb(close.before), mb(close.full), mb(close.after), `${((100 * (close.full - close.after)) / (close.full - close.before)).toFixed(0)} %`]]));
  }
  lines.push('### Bars', '', `Keys are fresh, sets have a TTL. The floor is what the least of its kind takes in the same run, as a ratio to the same peer: \`${LEAST}\` of objects, \`${LEAST_OF_TEXT}\` of text,`);
  lines.push(`\`${NOTHING}\` in the mix of text and for what the collector does, \`least\` at the start. A bar below its floor cannot be reached.`, '');
  const verdict = (value, bar) => (value === undefined ? 'not measured' : value <= bar ? 'met' : 'short');
  const told = (value) => value?.toFixed(2) ?? '';
  lines.push(table(['', 'bar', own, '', 'floor', 'Node 24', 'Chromium'],
    bars(kept).map(({ what, bar, value, floor, newer, browser }) => [what, bar, told(value), verdict(value, bar), told(floor), told(newer), told(browser)])));
  return lines.join('\n');
}
