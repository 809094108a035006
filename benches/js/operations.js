// Nanoseconds a call, of one subject and its peers in one process. Runs in Node and in a browser.
//
// Method: all in one process, turn by turn, order reversed every other round, garbage collected before each measurement, medians. Each loop is
// compiled for its peer alone, so that its call sites see one shape, as in a program with one cache. In Node time is CPU time of the main thread
// where the system tells it: wall time misleads on a busy machine. Absolute numbers move with the machine and its load, ratios within a run less.
//
// `get`, `set` and the others have fresh keys, made in the loop by a template literal, as a server makes them; `same` keys are the very string objects
// that were inserted. All columns include the loop and the making of the key. A key that is read has a value of its own, as such keys have; what is set
// is one of 1,024 values, which the processor's cache has, as it has one that was just made. So the keys that are read and those that are set are two
// halves of all. Each round goes through the keys in an order of its own: in one that returned, what was deleted and set again would lie in memory in the very
// order in which it is wanted next, which made `set` of a Map three times as quick as its `get`.

import { byHand, peers, subjects } from './peers.js';

const MANY = 100;

export function generator(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export function zipf(n, count, random) {
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
    order[j] = (Math.imul(low, 0x9e3779b1) >>> 0) % n;
  }
  return order;
}

const FRESH = '`user:${100000 + i}:profile`';

/** The operations of a peer: name, code, and the order in which it goes through the keys. */
function operationsOf(name, peer, size) {
  const read = (code) => `const r = ${code}; if (r != null) sum += ${size === 0 ? 'r.n' : 'r.length'};`;
  const one = (key, body) => `for (let j = 0; j < order.length; j++) { const i = order[j] & -2; const k = ${key}; ${body} }`;
  const put = (key, body) => `for (let j = 0; j < order.length; j++) { const i = order[j] | 1; const k = ${key}; const v = values[j & 1023]; ${body} }`;
  const list = [
    ['get same', one('keys[i]', read(peer.get))],
    ['get', one(FRESH, read(peer.get))],
    ['get miss', one('`nobody:${100000 + i}:profile`', read(peer.get))],
    ['set same', put('keys[i]', `${peer.set};`)],
    ['set', put(FRESH, `${peer.set};`)],
  ];
  const gathered = `const ks = []; for (let m = 0; m < ${MANY}; m++) { const i = order[j + m] & -2; ks.push(${FRESH}); }`;
  const many = peer.mget
    ? `const rs = ${peer.mget}; for (let m = 0; m < ${MANY}; m++) { const r = rs[m]; if (r != null) sum += ${size === 0 ? 'r.n' : 'r.length'}; }`
    : `for (let m = 0; m < ${MANY}; m++) { const k = ks[m]; const i = order[j + m] & -2; ${read(peer.get)} }`;
  list.push([`mget of ${MANY}`, `for (let j = 0; j + ${MANY} <= order.length; j += ${MANY}) { ${gathered} ${many} }`]);
  if (peer.del) list.push(['del, set', put(FRESH, `${peer.del}; ${peer.set};`)]);
  for (const [more, code] of Object.entries(peer.more ?? (name === 'Map' ? byHand : {}))) {
    list.push([more, put(['set no ttl', 'exists', 'expire'].includes(more) ? FRESH : 'keys[i]', `${code};`)]);
  }
  if (name === 'cachette') {
    for (const length of [16, 100]) {
      const body = `const p = c.pipeline(); for (let m = 0; m < ${length}; m++) { const i = order[j + m] & -2; p.get(${FRESH}); } const rs = p.exec(); sum += rs.length;`;
      list.push([`pipeline of ${length}`, `for (let j = 0; j + ${length} <= order.length; j += ${length}) { ${body} }`]);
    }
  }
  return list;
}

/**
 * Measures `subject` among `among`. `size` is the characters of a value, 0 for objects. Gives operation -> peer -> { ns, spread }, spread being
 * half of the distance between the quartiles, as a share of the median.
 */
export function measure({ subject, among, n, size, distribution, rounds, calls }, host) {
  const random = generator(0x12345678);
  const keys = [];
  // Flat strings, as a parser makes them: a template's is a rope until somebody reads it.
  for (let i = 0; i < n; i++) keys[i] = host.flat(`user:${100_000 + i}:profile`);
  const values = Array.from({ length: n }, (_, i) => (size === 0 ? { n: i } : host.flat(String(i).padEnd(size, 'v'))));
  const ordered = () => (distribution === 'zipf' ? zipf(n, calls, random) : Int32Array.from({ length: calls }, () => random() * n));
  const shared = { keys, values, ex: { ex: 3600 }, field: 'field', counters: names('counter'), hashes: names('hash') };
  const table = { ...Object.fromEntries(among.map((name) => [name, peers[name]])), [subject]: subjects[subject] ?? peers[subject] };
  const made = [];
  for (const [name, peer] of Object.entries(table)) {
    const cache = peer.make(n, host, size);
    if (!cache) continue;
    const set = new Function('c', 'k', 'v', 'ex', 'i', peer.set);
    for (let i = 0; i < n; i++) set(cache, keys[i], values[i], shared.ex, i);
    const loops = operationsOf(name, peer, size).map(([operation, code]) => {
      const loop = new Function('c', 'order', ...Object.keys(shared), `let sum = 0; ${code} return sum; // ${name} ${operation}`);
      return [operation, (order) => loop(cache, order, ...Object.values(shared))];
    });
    made.push({ name, loops: new Map(loops), times: {} });
  }
  const operations = [...new Set(made.flatMap(({ loops }) => [...loops.keys()]))];
  for (let round = 0; round < rounds + 1; round++) {
    const order = ordered();
    for (const operation of operations) {
      for (const { loops, times } of round % 2 ? [...made].reverse() : made) {
        const loop = loops.get(operation);
        if (!loop) continue;
        host.gc();
        const start = host.time();
        loop(order);
        // The first round warms up.
        if (round > 0) (times[operation] ??= []).push((host.time() - start) / calls);
      }
    }
  }
  const result = {};
  for (const operation of operations) {
    for (const { name, times } of made) {
      if (times[operation]) (result[operation] ??= {})[name] = summed(times[operation]);
    }
  }
  return result;
}

/** Nanoseconds that setting a new key takes in a full cache of `n` entries, where another one goes for it. As {@link measure} otherwise. */
export function evicting({ subject, among, n, size, rounds, calls }, host) {
  const values = Array.from({ length: 1024 }, (_, i) => (size === 0 ? { n: i } : host.flat(String(i).padEnd(size, 'v'))));
  const made = [...among, subject].map((name) => {
    const peer = subjects[name] ?? peers[name];
    const cache = peer.full(n, host, size);
    const set = `for (let i = from; i < from + calls; i++) { const k = ${FRESH}; const v = values[i & 1023]; ${peer.set}; } // ${name}`;
    const loop = new Function('c', 'from', 'calls', 'values', 'ex', set);
    const times = [];
    let from = 0;
    const run = (calls) => {
      loop(cache, from, calls, values, { ex: 3600 });
      from += calls;
    };
    run(2 * n);
    return { name, run, times };
  });
  for (let round = 0; round < rounds + 1; round++) {
    for (const { run, times } of round % 2 ? [...made].reverse() : made) {
      host.gc();
      const start = host.time();
      run(calls);
      if (round > 0) times.push((host.time() - start) / calls);
    }
  }
  return Object.fromEntries(made.map(({ name, times }) => [name, summed(times)]));
}

/** The median, and half of the distance between the quartiles as a share of it. */
function summed(times) {
  const all = [...times].sort((a, b) => a - b);
  const [low, ns, high] = [all[all.length >> 2], all[all.length >> 1], all[(all.length * 3) >> 2]];
  return { ns, spread: (high - low) / 2 / ns };
}

function names(what) {
  return Array.from({ length: 1024 }, (_, i) => `${what}:${i}`);
}
