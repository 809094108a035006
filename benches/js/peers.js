// What is measured, and how each says what every cache can do. Text in these tables is compiled into loops of its own for each peer.

/** Peers that hold what they are given: text and objects alike. `k` key, `v` value, `ttl` milliseconds, `ks` keys. `make` gives one with room for more than `n`, `full` one for `n`. */
export const peers = {
  Map: { make: () => new Map(), get: 'c.get(k)', set: 'c.set(k, v)', del: 'c.delete(k)' },
  'lru-cache+ttl': { make: (n, { LRUCache }) => new LRUCache({ max: n * 2, ttl: 3_600_000 }), full: (n, { LRUCache }) => new LRUCache({ max: n, ttl: 3_600_000 }), get: 'c.get(k)', set: 'c.set(k, v)', del: 'c.delete(k)' },
  'tiny-lru+ttl': { make: (n, { tiny }) => tiny(n * 2, 3_600_000), full: (n, { tiny }) => tiny(n, 3_600_000), get: 'c.get(k)', set: 'c.set(k, v)', del: 'c.delete(k)' },
  mnemonist: { make: (n, { LRUMap }) => LRUMap && new LRUMap(n * 2), full: (n, { LRUMap }) => new LRUMap(n), get: 'c.get(k)', set: 'c.set(k, v)' },
  // The design that a study of such caches found best, bare (benches/js/bare): what a whole engine costs on top is cachette's ratio to it.
  bare: { make: (n, { bare }) => (n <= 100_000 ? bare?.() : undefined), get: 'c.get(k)', set: 'c.set(k, v, 3_600_000)' },
  'quick-lru': { make: (n, { QuickLRU }) => new QuickLRU({ maxSize: n, maxAge: 3_600_000 }), get: 'c.get(k)', set: 'c.set(k, v)', del: 'c.delete(k)' },
};

/** What a cache of objects in WebAssembly costs at the least, and what one of text does (benches/js/crossing.js). */
export const LEAST = 'index known';
peers[LEAST] = { make: (n, { objectCrossing }) => objectCrossing?.(n), get: 'c.get(k, i)', set: 'c.put(k, i, v)', del: 'c.delete(k, i)', mget: 'c.getMany(ks, order, j)' };
export const LEAST_OF_TEXT = 'place known';
peers[LEAST_OF_TEXT] = {
  make: (n, { textCrossing }, size) => textCrossing?.(n, size), get: '(c.cross(k), c.take(i))', set: '(c.cross(k), c.put(i, v))', mget: 'c.takeMany(ks, order, j)',
};

/** Keys and values alone, made and read: what a program takes before it has a cache. */
export const NOTHING = 'no cache';
peers[NOTHING] = { make: () => ({}), get: '(k.charCodeAt(0) === 0 ? k : null)', set: 'k.charCodeAt(0)', del: 'k.charCodeAt(0)' };

/** The subjects. One a process: a second cache would make the calls into WebAssembly see two targets, which a program with one cache does not. */
export const subjects = {
  // Text in linear memory.
  cachette: {
    // Bounded, as the others are, far above what it takes: so it keeps account of who goes first.
    make: (n, { Cachette }) => new Cachette({ maxmemory: n * 500 }),
    // About what an entry takes.
    full: (n, { Cachette }, size) => new Cachette({ maxmemory: n * (size + 60) }),
    get: 'c.get(k)',
    set: 'c.set(k, v, ex)',
    del: 'c.del(k)',
    mget: 'c.mget(ks)',
    more: {
      'set no ttl': 'c.set(k, v)',
      exists: 'c.exists(k)',
      incr: 'c.incr(counters[i & 1023])',
      expire: 'c.expire(k, 3600)',
      hset: 'c.hset(hashes[i & 1023], field, v)',
      hget: 'c.hget(hashes[i & 1023], field)',
    },
  },
  // Values by reference.
  References: {
    make: (n, { References }) => new References({ max: n * 2, ttl: 3_600_000 }),
    full: (n, { References }) => new References({ max: n, ttl: 3_600_000 }),
    get: 'c.get(k)',
    set: 'c.set(k, v)',
    del: 'c.delete(k)',
    mget: 'c.mget(ks)',
  },
  // lru-cache's interface.
  'cachette/lru': {
    make: (n, { OurLRU }) => new OurLRU({ max: n * 2, ttl: 3_600_000 }),
    full: (n, { OurLRU }) => new OurLRU({ max: n, ttl: 3_600_000 }),
    get: 'c.get(k)',
    set: 'c.set(k, v)',
    del: 'c.delete(k)',
  },
  'cachette/lru s3fifo': {
    make: (n, { OurLRU }) => new OurLRU({ max: n * 2, ttl: 3_600_000, policy: 's3fifo' }),
    full: (n, { OurLRU }) => new OurLRU({ max: n, ttl: 3_600_000, policy: 's3fifo' }),
    get: 'c.get(k)',
    set: 'c.set(k, v)',
    del: 'c.delete(k)',
  },
};

/** The same, as far as it can be had, of a Map: what a program without a cache would write. */
export const byHand = {
  incr: 'c.set(counters[i & 1023], (c.get(counters[i & 1023]) ?? 0) + 1)',
  hset: '(c.get(hashes[i & 1023]) ?? (c.set(hashes[i & 1023], new Map()), c.get(hashes[i & 1023]))).set(field, v)',
  hget: 'c.get(hashes[i & 1023])?.get(field)',
};
