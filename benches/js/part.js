// One measurement in a process of its own: `node part.js NAME '{"…":…}'` prints its result as JSON.

import { readFileSync } from 'node:fs';
import { performance, PerformanceObserver } from 'node:perf_hooks';
import { evicting, generator, measure } from './operations.js';
import { peers, subjects } from './peers.js';

const [name, given] = process.argv.slice(2);
const options = JSON.parse(given ?? '{}');

/** Bytes of a WebAssembly memory of `size` bytes that have been touched: those behind them take nothing, as room of V8's heap that is not in use. */
function resident(size) {
  for (const mapping of readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const [, start, end, access] = /^(\w+)-(\w+) (\S+)/.exec(mapping);
    if (access === 'rw-p' && parseInt(end, 16) - parseInt(start, 16) === size) return 1024 * /^Rss: +(\d+) kB$/m.exec(mapping)[1];
  }
  throw new Error(`no mapping of ${size} bytes`);
}

const parts = {
  async operations() {
    const { host } = await import('./node.js');
    return measure(options, host);
  },

  async evicting() {
    const { host } = await import('./node.js');
    return evicting(options, host);
  },

  /**
   * The time to fill a cache with `n` keys, and a mix of reads, writes and deletions of them: CPU time a call, and, in a second run, how long each call
   * took, and how long after it was due it would be done, with `rate` calls a second due. That is what a caller notices: who must wait for a collector waits with all that come meanwhile. It is
   * reckoned from what the calls took: to wait for the moment at which one is due is to ask for the time again and again, and what that makes, the collector
   * takes away.
   */
  async latency() {
    const { host } = await import('./node.js');
    const { subject, n, calls, rate } = options;
    const peer = subjects[subject] ?? peers[subject];
    const cache = peer.make(n, host);
    const random = generator(99);
    const order = Int32Array.from({ length: 1 << 20 }, () => random() * n);
    const dice = Uint8Array.from({ length: 1 << 20 }, () => random() * 100);
    const value = subject === 'cachette' ? '`value of ${i} and a few more`' : '({ n: i })';
    const body = `const i = order[j & 1048575]; const k = \`user:\${100000 + i}:profile\`; const d = dice[(j * 7) & 1048575];
      if (d < 70) { if (${peer.get} != null) sum++; } else if (d < 95) { const v = ${value}; ${peer.set}; } else { ${peer.del}; const v = ${value}; ${peer.set}; }`;
    const fill = new Function('c', 'n', 'ex', `for (let i = 0; i < n; i++) { const k = \`user:\${100000 + i}:profile\`; const v = ${value}; ${peer.set}; }`);
    const run = new Function('c', 'order', 'dice', 'calls', 'ex', `let sum = 0; for (let j = 0; j < calls; j++) { ${body} } return sum;`);
    const timed = new Function('c', 'order', 'dice', 'calls', 'ex', 'clock', 'took', `
      let sum = 0; let before = clock.now();
      for (let j = 0; j < calls; j++) {
        ${body}
        const after = clock.now();
        took[j] = after - before;
        before = after;
      }
      return sum;`);
    const ex = { ex: 3600 };
    const begun = performance.now();
    fill(cache, n, ex);
    const filled = performance.now() - begun;
    run(cache, order, dice, 500_000, ex);
    let collecting = 0;
    new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => (collecting += duration))).observe({ entryTypes: ['gc'] });
    const start = host.time();
    run(cache, order, dice, calls, ex);
    const mean = (host.time() - start) / calls;
    const took = new Float64Array(calls);
    timed(cache, order, dice, calls, ex, performance, took);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const late = new Float64Array(calls);
    let done = 0;
    for (let j = 0; j < calls; j++) {
      const due = (j * 1000) / rate;
      done = Math.max(done, due) + took[j];
      late[j] = done - due;
    }
    const shares = (all) => {
      all.sort();
      const at = (share) => all[Math.min(calls - 1, Math.floor(calls * share))] * 1000;
      return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
    };
    return { filled, mean, ...shares(took), late: shares(late), gc: collecting };
  },

  /** Bytes an entry of `n`: what is in use on the heap, in array buffers and in WebAssembly memory, keys and values included. */
  async memory() {
    const { host } = await import('./node.js');
    const { subject, n, size } = options;
    const peer = subjects[subject] ?? peers[subject];
    const fill = new Function('c', 'n', 'ex', 'flat', `for (let i = 0; i < n; i++) { const k = flat(\`user:\${1000000 + i}:profile\`); const v = flat(String(i).padEnd(${size}, 'v')); ${peer.set}; }`);
    const held = () => {
      for (let i = 0; i < 4; i++) host.gc();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers + (cache?.core ? resident(cache.core.raw.memory.buffer.byteLength) : 0);
    };
    let cache;
    const before = held();
    // Most peers are made for twice what they are given; here, for just that.
    cache = peer.make(subject === 'quick-lru' ? n : n / 2, host);
    fill(cache, n, { ex: 3600 }, host.flat);
    const after = held();
    return { bytes: (after - before) / n, ledger: cache.stats?.().bytes / n };
  },

  /** What closing gives back: resident bytes before, full, and after. */
  async close() {
    const { host } = await import('./node.js');
    const resident = async () => {
      for (let i = 0; i < 5; i++) {
        host.gc();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return process.memoryUsage.rss();
    };
    const before = await resident();
    let cache = new host.Cachette();
    for (let i = 0; i < options.n; i++) cache.set(`user:${i}`, 'v'.repeat(100));
    const full = await resident();
    cache.close();
    cache = undefined;
    return { before, full, after: await resident() };
  },
};

const result = await parts[name]();
console.log(JSON.stringify(result));
process.exit(0);
