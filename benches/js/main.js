// GET and SET of short strings: cachette against Map (no TTL, no limit), lru-cache with a TTL, and a bare store in WebAssembly. `cargo xtask bench js`.
//
// Method: one process, all peers in it, turn by turn, order reversed every other round, garbage collected before each measurement, medians.
// Each loop is compiled for its peer alone, so that its call sites see one shape, as in a program with one cache. Time is CPU time of the
// main thread where the system tells it (Linux), else of the process: wall time misleads on a busy machine. Absolute numbers move with
// the machine and its load, ratios within one run much less.
//
// `fresh` keys are made in the loop by a template literal, as a server makes them; `same` keys are the very string objects that were
// inserted. All columns include the loop and the making of the key.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const { Cachette } = await import(pathToFileURL(join(root, 'pkg/dist/platform/node.js')));
const { LRUCache } = await import(pathToFileURL(createRequire(join(root, 'pkg/test/package.json')).resolve('lru-cache')));
const { Bare } = await import('./bare/bare.js');

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const OPS = Number(process.env.OPS ?? 1_000_000);
const OPERATIONS = ['get', 'get fresh', 'get miss', 'set', 'set fresh', 'set ttl fresh'];

const PEERS = {
  Map: { make: () => new Map(), get: 'c.get(k)', set: 'c.set(k, v)' },
  'lru-cache+ttl': { make: (n) => new LRUCache({ max: n * 2, ttl: 3_600_000 }), get: 'c.get(k)', set: 'c.set(k, v)' },
  // The design that a study of such caches found best, bare: what a whole engine costs on top is cachette's ratio to it.
  bare: { make: () => new Bare(join(root, 'target/wasm32-unknown-unknown/release/bare.wasm')), get: 'c.get(k)', set: 'c.set(k, v, 3_600_000)' },
  // One cache only: a second would make the calls into wasm see two targets.
  cachette: { make: () => new Cachette(), get: 'c.get(k)', set: 'c.set(k, v)', setTtl: 'c.set(k, v, ttl)' },
};

/** Nanoseconds of CPU that this thread has used. */
function cpuTime() {
  if (process.threadCpuUsage !== undefined) {
    const { user, system } = process.threadCpuUsage();
    return (user + system) * 1000;
  }
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]);
  } catch {
    const { user, system } = process.cpuUsage();
    return (user + system) * 1000;
  }
}

/** A loop over `order` that runs one operation, compiled for one peer. */
function loop(peer, operation) {
  const fresh = operation.includes('fresh');
  const key = operation === 'get miss' ? '`nobody:${100000 + i}:profile`' : fresh ? '`user:${100000 + i}:profile`' : 'keys[i]';
  const body = operation.startsWith('get')
    ? `const r = ${peer.get}; if (r != null) sum += r.length;`
    : `v = values[j & 1023]; ${operation.includes('ttl') ? (peer.setTtl ?? peer.set) : peer.set};`;
  return new Function(
    'c', 'keys', 'order', 'values', 'ttl',
    `let sum = 0, v; for (let j = 0; j < order.length; j++) { const i = order[j]; const k = ${key}; ${body} } return sum; // ${Math.random()}`,
  );
}

function zipf(n, count, random) {
  const sums = new Float64Array(n);
  let sum = 0;
  for (let i = 0; i < n; i++) sums[i] = sum += 1 / (i + 1) ** 0.99;
  const order = new Int32Array(count);
  for (let j = 0; j < count; j++) {
    const wanted = random() * sum;
    let [low, high] = [0, n - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    // Popular keys lie anywhere.
    order[j] = Math.imul(low, 0x9e3779b1) >>> 0;
    order[j] = (order[j] >>> 0) % n;
  }
  return order;
}

function generator(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

function run({ n, size, distribution }) {
  const random = generator(0x12345678);
  const number = (i) => 100_000 + i;
  const keys = [];
  // Flat strings, as a parser makes them: a template's is a rope until somebody reads it.
  for (let i = 0; i < n; i++) keys[i] = Buffer.from(`user:${number(i)}:profile`).latin1Slice();
  const order = distribution === 'zipf' ? zipf(n, OPS, random) : Int32Array.from({ length: OPS }, () => random() * n);
  const values = Array.from({ length: 1024 }, (_, i) => String(i).padEnd(size, 'v'));
  const ttl = { ex: 3600 };
  const peers = Object.entries(PEERS).map(([name, peer]) => {
    const cache = peer.make(n);
    const set = new Function('c', 'k', 'v', 'ttl', peer.set);
    for (let i = 0; i < n; i++) set(cache, keys[i], values[i & 1023], ttl);
    return { name, cache, loops: Object.fromEntries(OPERATIONS.map((operation) => [operation, loop(peer, operation)])), times: {} };
  });
  for (let round = 0; round < ROUNDS + 1; round++) {
    for (const operation of OPERATIONS) {
      for (const peer of round % 2 ? [...peers].reverse() : peers) {
        globalThis.gc?.();
        const start = cpuTime();
        peer.loops[operation](peer.cache, keys, order, values, ttl);
        const time = (cpuTime() - start) / OPS;
        // The first round warms up.
        if (round > 0) (peer.times[operation] ??= []).push(time);
      }
    }
  }
  const rows = peers.map(({ name, times }) => [name, ...OPERATIONS.map((operation) => median(times[operation]))]);
  const [base, bare, own] = ['lru-cache+ttl', 'bare', 'cachette'].map((wanted) => rows.find(([name]) => name === wanted));
  const lines = [
    `### ${n} keys, values of ${size} characters, ${distribution}`,
    '',
    `| ns a call (ratio to lru-cache+ttl) | ${OPERATIONS.join(' | ')} |`,
    `| --- |${OPERATIONS.map(() => ' ---: |').join('')}`,
    ...rows.map(([name, ...times]) => `| ${name} | ${times.map((time, i) => `${time.toFixed(0)} (${(time / base[i + 1]).toFixed(2)})`).join(' | ')} |`),
    `| cachette / bare | ${OPERATIONS.map((_, i) => (own[i + 1] / bare[i + 1]).toFixed(2)).join(' | ')} |`,
    '',
  ];
  return lines.join('\n');
}

const cases = [
  { n: 20_000, size: 16, distribution: 'zipf' },
  { n: 100_000, size: 100, distribution: 'uniform' },
];
let report = `# GET and SET of short strings from JavaScript\n\nNode ${process.versions.node}, ${cpus()[0]?.model ?? 'unknown CPU'}; ${OPS} calls a measurement, medians of ${ROUNDS}; CPU time of the main thread.\nWritten by \`cargo xtask bench js --save\`; the method is in benches/js/main.js.\n\n`;
for (const one of cases) {
  const table = run(one);
  console.log(table);
  report += `${table}\n`;
}
if (process.argv.includes('--save')) {
  mkdirSync(join(root, 'benches/results'), { recursive: true });
  writeFileSync(join(root, 'benches/results/js.md'), `${report.trimEnd()}\n`);
}
