// What must hold wherever the package runs: no test library, no Node. Each check gets the package's exports.

/** Runs all checks and returns one result each: `{ name, error }`, error empty if it held. */
export async function runChecks(cachette) {
  const results = [];
  for (const [name, check] of Object.entries(checks)) {
    let error = '';
    try {
      await check(cachette);
    } catch (thrown) {
      error = String(thrown?.stack ?? thrown);
    }
    results.push({ name, error });
  }
  return results;
}

function equal(actual, expected) {
  const [a, b] = [show(actual), show(expected)];
  if (a !== b) throw new Error(`expected ${b}, got ${a}`);
}

function show(value) {
  if (value instanceof Uint8Array) return `bytes[${[...value]}]`;
  if (value instanceof Date) return `date[${value.toISOString()}]`;
  if (value instanceof Map) return `map${show([...value])}`;
  if (value instanceof Error) return `${value.name}(${value.message})`;
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value === 'object' && value !== null) return `{${Object.entries(value).map(([k, v]) => `${k}: ${show(v)}`).join(', ')}}`;
  return JSON.stringify(value) ?? String(value);
}

function thrown(work) {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

const rejected = (promise) => promise.then(() => { throw new Error('it was not rejected'); }, (error) => error);
const bytes = (...values) => new Uint8Array(values);
const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

const turnOver = () => Promise.resolve();

/** A cache's methods by way of a queue, which knows no lanes. */
function queueOf(cache) {
  const method = (_, name) => (...args) => {
    const [reply] = cache.pipeline()[name](...args).exec();
    if (reply instanceof Error) throw reply;
    return reply;
  };
  return new Proxy({}, { get: method });
}

function outcome(work) {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

function xorshift(state) {
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

const checks = {
  async 'create gives an empty cache that answers at once'({ Cachette }) {
    const cache = await Cachette.create();
    equal(cache.call('PING'), 'PONG');
    equal(cache.get('missing'), null);
    equal(cache.set('k', 'v'), 'OK');
    equal(cache.get('k'), 'v');
    equal(cache.del('k'), 1);
    equal(cache.get('k'), null);
  },

  async 'each cache is one of its own'({ Cachette }) {
    const [a, b] = [await Cachette.create(), new Cachette()];
    a.set('k', 'a');
    equal(b.get('k'), null);
  },

  async 'text of every length and alphabet comes back as it was'({ Cachette }) {
    const cache = await Cachette.create();
    for (const letter of ['a', 'é', '語', '😀', '\0', '\uFEFF']) {
      for (const length of [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 19, 20, 21, 31, 32, 33, 63, 64, 65, 100, 252, 255, 256, 257, 682, 683, 3000, 30000]) {
        // The last one is another letter: few are ASCII but for one.
        for (const text of [letter.repeat(length), 'a'.repeat(length) + letter]) {
          const what = `${length} times ${JSON.stringify(text[0] ?? '')}, ${JSON.stringify(letter)}`;
          cache.set(`key:${text}`, text);
          if (cache.get(`key:${text}`) !== text) throw new Error(`get of ${what}`);
          if (cache.mget(`key:${text}`, 'none', `key:${text}`).some((got, i) => got !== (i === 1 ? null : text))) throw new Error(`mget of ${what}`);
          if (cache.call('GET', `key:${text}`) !== text) throw new Error(`call of ${what}`);
          if (cache.call('PING', text) !== text) throw new Error(`ping of ${what}`);
          cache.del('hash');
          cache.hset('hash', text, text);
          if (cache.hget('hash', text) !== text) throw new Error(`hget of ${what}`);
        }
      }
    }
  },

  async 'unpaired surrogates become U+FFFD on every way'({ Cachette }) {
    const cache = await Cachette.create();
    for (const length of [1, 30, 100]) {
      cache.set('lane', '\uD800'.repeat(length));
      cache.call('SET', 'door', '\uD800'.repeat(length));
      equal(cache.get('lane'), '\uFFFD'.repeat(length));
      equal(cache.get('door'), '\uFFFD'.repeat(length));
    }
  },

  async 'bytes go in and come out unchanged'({ Cachette }) {
    const cache = await Cachette.create();
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    cache.set(all, all);
    equal(cache.bytes.get(all), all);
    equal(cache.bytes.call('GET', all), all);
    const other = await Cachette.create({ bytes: true });
    other.set('k', 'text');
    equal(other.get('k'), bytes(116, 101, 120, 116));
  },

  async 'numbers and bigints are sent in decimal'({ Cachette }) {
    const cache = await Cachette.create();
    cache.set('n', 42);
    equal(cache.get('n'), '42');
    cache.set('big', 2n ** 62n);
    equal(cache.get('big'), '4611686018427387904');
    cache.set(7, -0.5);
    equal(cache.get('7'), '-0.5');
  },

  async 'integers beyond the safe ones are bigints'({ Cachette }) {
    const cache = await Cachette.create();
    equal(cache.call('INCRBY', 'n', Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
    equal(cache.call('INCRBY', 'n', 1), 2n ** 53n);
    equal(cache.call('INCRBY', 'm', -(2n ** 63n)), -(2n ** 63n));
    equal(cache.call('INCRBY', 'o', -5), -5);
  },

  async 'a refusal is a ReplyError with code and command'({ Cachette, ReplyError }) {
    const cache = await Cachette.create();
    const error = thrown(() => cache.call('nope', 'x'));
    equal(error instanceof ReplyError, true);
    equal([error.name, error.code, error.command], ['ReplyError', 'ERR', 'NOPE']);
    equal(error.message.startsWith("ERR unknown command 'nope'"), true);
    cache.set('k', 'text');
    equal(thrown(() => cache.call('INCRBY', 'k', 1)).message, 'ERR value is not an integer or out of range');
  },

  async 'what is no argument is refused by name'({ Cachette }) {
    const cache = await Cachette.create();
    for (const bad of [undefined, null, true, {}, [], () => 1, Symbol('s')]) {
      equal(thrown(() => cache.set('k', bad)).name, 'TypeError');
      equal(thrown(() => cache.get(bad)).name, 'TypeError');
      equal(thrown(() => cache.call('SET', 'k', bad)).name, 'TypeError');
    }
    equal(thrown(() => cache.set('k', undefined)).message, 'argument 2 of SET must be a string, number, bigint or Uint8Array, not undefined');
    equal(cache.get('k'), null);
  },

  async 'a pipeline answers in order, refusals in place'({ Cachette, ReplyError }) {
    const cache = await Cachette.create();
    const replies = cache.pipeline().set('a', 1).get('a').call('NOPE').get('b').exec();
    equal(replies.length, 4);
    equal(replies.slice(0, 2), ['OK', '1']);
    equal(replies[2] instanceof ReplyError, true);
    equal(replies[3], null);
    equal(cache.pipeline().exec(), []);
  },

  async 'a transaction runs all or nothing'({ Cachette }) {
    const cache = await Cachette.create();
    equal(cache.transaction((queue) => queue.set('a', 1).get('a')), ['OK', '1']);
    const error = thrown(() => cache.transaction((queue) => queue.set('a', 2).call('NOPE')));
    equal(error.code, 'ERR');
    equal(cache.get('a'), '1');
    equal(thrown(() => cache.transaction(() => { throw new Error('mine'); })).message, 'mine');
    equal(cache.get('a'), '1');
    equal(cache.transaction(() => {}), []);
  },

  async 'between MULTI and EXEC everything is queued, by whatever way'({ Cachette }) {
    const cache = await Cachette.create();
    cache.call('MULTI');
    equal(cache.set('k', 'v'), 'QUEUED');
    equal(cache.get('k'), 'QUEUED');
    equal(cache.call('EXEC'), ['OK', 'v']);
    equal(cache.get('k'), 'v');
  },

  async 'a watched key that changes undoes the transaction, by whatever way it changes'({ Cachette }) {
    const cache = await Cachette.create();
    cache.call('WATCH', 'k');
    cache.set('k', 'v');
    equal(cache.transaction((queue) => queue.get('k')), null);
    equal(cache.transaction((queue) => queue.get('k')), ['v']);
  },

  async 'the clock is the one given, read once a turn'({ Cachette }) {
    let now = 1_700_000_000_000;
    let readings = 0;
    const cache = await Cachette.create({
      now: () => {
        readings++;
        return now;
      },
    });
    cache.call('SET', 'k', 'v', 'PX', 100);
    for (let i = 0; i < 100; i++) equal(cache.get('k'), 'v');
    equal(readings, 1);
    await turn();
    now += 101;
    equal(cache.get('k'), null);
    equal(cache.stats().expired, 1);
  },

  async 'a clock that stands still during a request: nothing ages until it moves'({ Cachette }) {
    let now = 1_700_000_000_000;
    const cache = await Cachette.create({ now: () => now });
    const gone = [];
    cache.on('expired', ({ key }) => gone.push(key));
    cache.set('k', 'v', { px: 50 });
    cache.hset('h', { f: 1 });
    cache.hpexpire('h', 50, 'f');
    // Many turns, and more calls than share one reading of the clock.
    for (let i = 0; i < 10; i++) {
      await turn();
      for (let n = 0; n < 300; n++) equal(cache.get('k'), 'v');
    }
    equal([cache.pttl('k'), cache.hget('h', 'f'), gone], [50, '1', []]);
    cache.set('late', 'v', { px: 50 });
    const popped = cache.blpop('q', 0.05);
    equal(await Promise.race([popped, turn().then(() => 'still waiting')]), 'still waiting');
    // The next request: it moved.
    now += 51;
    equal([cache.get('k'), cache.hget('h', 'f'), cache.get('late')], [null, null, null]);
    equal(await popped, null);
    await turn();
    equal(gone.sort(), ['k', 'late']);
    cache.close();
  },

  async 'making a cache asks neither for the time nor for randomness; its first command does'({ Cachette }) {
    let readings = 0;
    let draws = 0;
    const now = () => {
      readings++;
      return 1_700_000_000_000;
    };
    const { crypto } = globalThis;
    const draw = crypto.getRandomValues;
    const counting = (array) => {
      draws++;
      return draw.call(crypto, array);
    };
    await Cachette.create();
    Object.defineProperty(crypto, 'getRandomValues', { value: counting, configurable: true });
    try {
      equal(crypto.getRandomValues === counting, true);
      const cache = new Cachette({ now, maxmemory: '1mb', config: { 'notify-keyspace-events': 'Ex' } });
      equal([readings, draws], [0, 0]);
      cache.set('k', 'v');
      equal([readings, draws], [1, 1]);
    } finally {
      delete crypto.getRandomValues;
    }
  },

  async 'a loop that waits for an expiry ends'({ Cachette }) {
    let now = 1_700_000_000_000;
    const cache = await Cachette.create({ now: () => now++ });
    cache.call('SET', 'k', 'v', 'PX', 5);
    let rounds = 0;
    while (cache.get('k') !== null) if (++rounds > 100_000) throw new Error('it does not end');
  },

  async 'expiries are told'({ Cachette }) {
    let now = 1_700_000_000_000;
    const cache = await Cachette.create({ now: () => now });
    const seen = [];
    const stop = cache.on('expired', (event) => seen.push(event));
    for (const key of ['a', 'b', 'c']) cache.call('SET', key, 'v', 'PX', 10);
    now += 11;
    await turn();
    cache.get('a');
    await turn();
    await turn();
    equal(seen.some(({ key, db }) => key === 'a' && db === 0), true);
    stop();
    cache.close();
  },

  async 'at its limit a cache evicts, tells it, and keeps what is used'({ Cachette }) {
    const cache = await Cachette.create({ maxmemory: '64kb', seed: 1n });
    const seen = new Set();
    cache.on('evicted', ({ key }) => seen.add(key));
    for (let i = 0; i < 5000; i++) {
      cache.set(`k:${i}`, 'v'.repeat(50));
      for (let hot = 0; hot < 20; hot++) if (i >= hot) equal(cache.get(`k:${hot}`), 'v'.repeat(50));
    }
    const { bytes, evicted, keys } = cache.stats();
    equal(bytes < 66_000 && keys > 300 && keys + evicted === 5000, true);
    await turn();
    equal(seen.size, evicted);
    equal(cache.call('CONFIG', 'GET', 'maxmemory-policy')['maxmemory-policy'], 'allkeys-s3fifo');
    cache.close();
    const strict = await Cachette.create({ maxmemory: 1000, config: { 'maxmemory-policy': 'noeviction' } });
    equal(/^OOM/.test(thrown(() => { for (let i = 0; ; i++) strict.set(`k:${i}`, 'v'); }).message), true);
    strict.close();
  },

  async 'objects are stored whole'({ Cachette }) {
    const cache = await Cachette.create({ objects: true });
    const object = {
      text: 'é', numbers: [0, -1, 1.5, 2 ** 40, NaN, Infinity], yes: true, nothing: null, when: new Date(1234567890123),
      raw: bytes(0, 255), big: 2n ** 60n, keyed: new Map([[1, 'one'], ['two', 2]]), deep: { deeper: [{}] },
    };
    cache.setObject('o', object);
    equal(cache.getObject('o'), object);
    equal(cache.getObject('missing'), null);
    equal(cache.bytes.get('o') instanceof Uint8Array, true);
    const hostile = JSON.parse('{"__proto__": {"admin": true}}');
    cache.setObject('h', hostile);
    equal(cache.getObject('h').admin, undefined);
    equal(Object.keys(cache.getObject('h')), ['__proto__']);
  },

  async 'what is no data is refused, and nothing breaks'({ Cachette }) {
    const cache = await Cachette.create({ objects: true });
    const cycle = {};
    cycle.cycle = cycle;
    const throws = { get x() { throw new Error('mine'); } };
    for (const bad of [cycle, () => 1, Symbol('s'), new Set([1]), 2n ** 70n, new Date(NaN), [[[() => 1]]], throws]) {
      equal(thrown(() => cache.setObject('o', bad)).name, 'TypeError');
    }
    for (let i = 0; i < 5000; i++) thrown(() => cache.setObject('o', throws));
    cache.set('text', 'no object');
    equal(thrown(() => cache.getObject('text')).name, 'TypeError');
    equal(cache.getObject('o'), null);
  },

  async 'a crash breaks this cache alone, says so, and reset begins anew'({ Cachette, CacheCrashedError }) {
    const [cache, other] = [await Cachette.create(), await Cachette.create()];
    cache.set('k', 'v');
    other.set('k', 'v');
    const raw = cache.core.raw;
    cache.core.raw = { ...raw, get: () => { throw new WebAssembly.RuntimeError('unreachable'); } };
    const first = thrown(() => cache.get('k'));
    equal(first instanceof CacheCrashedError, true);
    equal(first.cause instanceof WebAssembly.RuntimeError, true);
    equal(thrown(() => cache.set('k', 'v')) instanceof CacheCrashedError, true);
    equal(thrown(() => cache.call('PING')) instanceof CacheCrashedError, true);
    equal(thrown(() => cache.stats()) instanceof CacheCrashedError, true);
    equal(other.get('k'), 'v');
    cache.reset();
    equal(cache.get('k'), null);
    equal(cache.set('k', 'new'), 'OK');
    equal(cache.get('k'), 'new');
  },

  async 'a closed cache refuses'({ Cachette, CacheClosedError }) {
    const cache = await Cachette.create();
    cache.set('k', 'v');
    cache.close();
    cache.close();
    for (const call of [() => cache.get('k'), () => cache.set('k', 'v'), () => cache.call('PING'), () => cache.stats(), () => cache.pipeline().get('k').exec()]) {
      equal(thrown(call) instanceof CacheClosedError, true);
    }
    const other = new Cachette();
    if (Symbol.dispose !== undefined) {
      other[Symbol.dispose]();
      equal(thrown(() => other.get('k')) instanceof CacheClosedError, true);
    }
  },

  async 'methods take words in the forms that callers like'({ Cachette }) {
    const cache = await Cachette.create();
    cache.mset('a', 1, 'b', 2);
    cache.mset({ c: 3, d: 4 });
    cache.mset(new Map([['e', 5]]), ['f', 6]);
    equal(cache.mget('a', 'b', 'c', 'd', 'e', 'f', 'g'), ['1', '2', '3', '4', '5', '6', null]);
    equal(cache.mget(['a', 'b']), ['1', '2']);
    equal(cache.bytes.mget('a', 'g'), [bytes(49), null]);
    equal(cache.rpush('l', 'x', ['y', 'z']), 3);
    equal(cache.lrange('l', 0, -1), ['x', 'y', 'z']);
    equal(cache.exists(['a', 'b'], 'nope'), 2);
    equal(cache.set('a', 'new', { xx: true, get: true }), '1');
    equal(cache.set('a', 'no', { nx: true }), null);
    equal(cache.lmpop(['nope', 'l'], 'LEFT', { count: 2 }), ['l', ['x', 'y']]);
    equal(cache.linsert('l', 'BEFORE', 'z', 'w'), 2);
    const [cursor, found] = cache.scan(0, { match: 'a', count: 100 });
    equal([cursor, found], ['0', ['a']]);
  },

  async 'fields of hashes have deadlines'({ Cachette }) {
    let now = 1_700_000_000_000;
    const cache = await Cachette.create({ now: () => now });
    cache.hset('h', { a: 1, b: 2, c: 3 });
    equal(cache.hpexpire('h', 50, ['a', 'none']), [1, -2]);
    equal(cache.hsetex('h', { d: 4, e: 5 }, { px: 60, fnx: true }), 1);
    equal(cache.hpttl('h', ['a', 'b', 'd']), [50, -1, 60]);
    await turn();
    now += 55;
    // By the hot lane, which meets fields that are past.
    equal([cache.hget('h', 'a'), cache.hget('h', 'd'), cache.hlen('h')], [null, '4', 4]);
    equal(cache.hgetex('h', 'd', { persist: true }), ['4']);
    await turn();
    now += 10;
    equal(cache.hkeys('h').sort(), ['b', 'c', 'd']);
    equal(cache.hgetdel('h', ['b', 'c', 'd']), ['2', '3', '4']);
    equal(cache.exists('h'), 0);
  },

  async 'mget of many'({ Cachette }) {
    const cache = await Cachette.create();
    const keys = Array.from({ length: 1000 }, (_, i) => `key:${i}`);
    const value = (i) => (i % 7 === 0 ? null : i % 5 === 0 ? `é${i}` : 'v'.repeat(i % 300) + i);
    keys.forEach((key, i) => value(i) !== null && cache.set(key, value(i)));
    equal(cache.mget(keys), keys.map((_, i) => value(i)));
    equal(cache.mget(...keys), keys.map((_, i) => value(i)));
  },

  async 'a command that would wait answers at once where it is called by its words'({ Cachette }) {
    const cache = await Cachette.create();
    equal(cache.call('BLPOP', 'q', 0), null);
    equal(cache.pipeline().call('BLPOP', 'q', 0).call('RPUSH', 'q', 'x').call('BLPOP', 'q', 0).get('k').exec(), [null, 1, ['q', 'x'], null]);
    equal(cache.call('PING'), 'PONG');
  },

  async 'a method of a command that waits gives a promise, and the cache goes on'({ Cachette, ReplyError }) {
    const cache = await Cachette.create();
    cache.rpush('full', 'a');
    equal(await cache.blpop(['none', 'full'], 0), ['full', 'a']);
    const popped = cache.blpop('q', 0);
    equal(cache.set('k', 'v'), 'OK');
    equal(cache.get('k'), 'v');
    equal(cache.rpush('q', 'x'), 1);
    equal(cache.llen('q'), 0);
    equal(await popped, ['q', 'x']);
    const raw = cache.bytes.blpop('q', 0);
    cache.rpush('q', bytes(0, 255));
    equal(await raw, [bytes(113), bytes(0, 255)]);
    equal((await rejected(cache.blpop('k', 0))) instanceof ReplyError, true);
    equal((await rejected(cache.blpop('q', -1))).command, 'BLPOP');
    equal((await rejected(cache.blpop(null, 0))).name, 'TypeError');
    equal(cache.pipeline().blpop('q', 0).get('k').exec(), [null, 'v']);
  },

  async 'every command that waits does'({ Cachette }) {
    const cache = await Cachette.create();
    cache.xgroupCreate('events', 'g', '$', { mkstream: true });
    const waits = [
      cache.brpop('a', 0), cache.blmove('b', 'to', 'LEFT', 'RIGHT', 0), cache.brpoplpush('c', 'to', 0), cache.blmpop(0, ['none', 'd'], 'LEFT', { count: 2 }), cache.bzpopmin('e', 0),
      cache.xread({ events: '$' }, { block: 0 }), cache.xreadgroup('g', 'me', new Map([['events', '>']]), { block: 0 }), cache.wait(1, 20),
    ];
    equal(cache.xread({ events: '0' }), null);
    for (const list of ['a', 'b', 'c', 'd']) cache.rpush(list, `${list}1`, `${list}2`);
    cache.zadd('e', [[1.5, 'm']]);
    cache.xadd('events', '1-1', ['f', 'v']);
    const entry = { events: [['1-1', ['f', 'v']]] };
    equal(await Promise.all(waits), [['a', 'a2'], 'b1', 'c2', ['d', ['d1', 'd2']], ['e', 'm', 1.5], entry, entry, 0]);
    equal(/connected_clients:(\d+)/.exec(cache.info('clients'))[1], '1');
  },

  async 'waiters are served in the order in which they came'({ Cachette }) {
    const cache = await Cachette.create();
    const got = [];
    const waits = [1, 2, 3].map((n) => cache.blpop('q', 0).then(([, value]) => got.push(`${n}:${value}`)));
    cache.rpush('q', 'x', 'y');
    await turn();
    equal(got, ['1:x', '2:y']);
    cache.rpush('q', 'z');
    await Promise.all(waits);
    equal(got, ['1:x', '2:y', '3:z']);
  },

  async 'a wait ends in time, by the clock of the cache'({ Cachette }) {
    const cache = await Cachette.create();
    const start = Date.now();
    equal(await cache.blpop('q', 0.03), null);
    equal(Date.now() - start >= 29, true);
    let now = 1_700_000_000_000;
    const own = await Cachette.create({ now: () => now });
    const wait = own.blpop('q', 60);
    equal(await Promise.race([wait, turn().then(() => 'still waiting')]), 'still waiting');
    now += 60_001;
    own.exists('q');
    const late = own.blpop('q', 0.001);
    now += 2;
    equal(await Promise.all([wait, late]), [null, null]);
  },

  async 'a wait that is called off takes nothing'({ Cachette }) {
    const cache = await Cachette.create();
    const control = new AbortController();
    const [off, stays] = [cache.blpop('q', 0, { signal: control.signal }), cache.blpop('q', 0)];
    control.abort();
    cache.rpush('q', 'x');
    equal((await rejected(off)).name, 'AbortError');
    equal(await stays, ['q', 'x']);
    equal((await rejected(cache.blpop('q', 0, { signal: control.signal }))).name, 'AbortError');
    equal((await rejected(cache.blpop('q', 0, { signal: AbortSignal.abort(new Error('mine')) }))).message, 'mine');
    // What was popped for a call before it was called off is its own.
    const late = new AbortController();
    const served = cache.blpop('q', 0, { signal: late.signal });
    cache.rpush('q', 'y');
    late.abort();
    equal(await served, ['q', 'y']);
    equal(cache.llen('q'), 0);
  },

  async 'waits end with the cache'({ Cachette, CacheClosedError, CacheCrashedError }) {
    const [closed, reset, crashed] = await Promise.all([1, 2, 3].map(() => Cachette.create()));
    const waits = [closed, reset, crashed].map((cache) => rejected(cache.blpop('q', 0)));
    closed.close();
    reset.reset();
    const { raw } = crashed.core;
    crashed.core.raw = { ...raw, get: () => { throw new WebAssembly.RuntimeError('unreachable'); } };
    thrown(() => crashed.get('k'));
    const errors = await Promise.all(waits);
    equal(errors.map((error) => error.constructor === CacheClosedError), [true, true, false]);
    equal(errors[2] instanceof CacheCrashedError, true);
    equal((await rejected(closed.blpop('q', 0))) instanceof CacheClosedError, true);
    reset.rpush('q', 'x');
    equal(await reset.blpop('q', 0), ['q', 'x']);
  },

  async 'the complete engine has what looks after a server'({ Cachette, CacheClosedError, full }) {
    // Entry points that carry their module as text are not taken together with it.
    if (full === undefined) return;
    const cache = await Cachette.create({ engine: full, maxmemory: '1mb' });
    equal(cache.clientId(), 1);
    equal(cache.aclWhoami(), 'default');
    equal(thrown(() => cache.call('CLUSTER', 'INFO')).message, 'ERR This instance has cluster support disabled');
    const wait = rejected(cache.blpop('q', 0));
    cache.clientKill({ id: 2 });
    equal((await wait).constructor === CacheClosedError, true);
    const plain = await Cachette.create();
    equal(thrown(() => plain.aclWhoami()).message.startsWith("ERR unknown command 'ACL'"), true);
  },

  async 'a wait is in the database in which it began, and the cache stays in its own'({ Cachette }) {
    const cache = await Cachette.create();
    cache.select(1);
    const [popped, read] = [cache.blpop('q', 0), rejected(cache.xreadgroup('g', 'me', { s: '>' }, { block: 0 }))];
    await read;
    cache.xgroupCreate('s', 'g', '$', { mkstream: true });
    const gone = rejected(cache.xreadgroup('g', 'me', { s: '>' }, { block: 0 }));
    // By a hot lane, which serves nobody itself.
    cache.del('s');
    equal((await gone).code, 'UNBLOCKED');
    cache.select(0);
    cache.set('k', 'zero');
    cache.pipeline().select(1).rpush('q', 'x').select(0).exec();
    equal(await popped, ['q', 'x']);
    equal(cache.get('k'), 'zero');
  },

  async 'messages reach their listeners, at the end of the turn'({ Cachette }) {
    const cache = await Cachette.create();
    const seen = [];
    const news = cache.subscribe(['news', 'more'], (message) => seen.push(message));
    const pattern = cache.bytes.psubscribe('n*', (message) => seen.push(message));
    cache.ssubscribe('news', (message) => seen.push(message));
    equal(cache.publish('news', 'hello'), 2);
    equal(seen, []);
    await turnOver();
    const raw = { channel: bytes(110, 101, 119, 115), message: bytes(104, 101, 108, 108, 111), pattern: bytes(110, 42) };
    equal(seen.splice(0), [{ channel: 'news', message: 'hello' }, raw]);
    pattern.unsubscribe();
    pattern.unsubscribe();
    equal([cache.publish('news', 1), cache.publish('more', 2), cache.spublish('news', 3)], [1, 1, 1]);
    await turnOver();
    equal(seen.splice(0).map(({ message }) => message), ['1', '2', '3']);
    cache.reset();
    equal([news.active, cache.publish('more', 'still there')], [true, 1]);
    await turnOver();
    equal(seen.splice(0), [{ channel: 'more', message: 'still there' }]);
    if (Symbol.dispose !== undefined) news[Symbol.dispose]();
    else news.unsubscribe();
    equal([cache.publish('news', 'x'), cache.pubsubChannels()], [0, []]);
    equal(thrown(() => cache.subscribe([], () => {})).command, 'SUBSCRIBE');
    equal(cache.get('k'), null);
  },

  async 'messages are read in turn, and what nobody reads is bounded'({ Cachette }) {
    const cache = await Cachette.create();
    const read = [];
    const messages = cache.subscribe('news', { buffer: 2 });
    const pending = messages.next();
    for (const word of ['a', 'b', 'c', 'd']) cache.publish('news', word);
    equal(await pending, { value: { channel: 'news', message: 'a' }, done: false });
    equal(messages.dropped, 1);
    for await (const { message } of messages) {
      read.push(message);
      if (read.length === 1) cache.publish('news', 'e');
      if (read.length === 3) break;
    }
    equal(read, ['c', 'd', 'e']);
    equal([messages.active, cache.publish('news', 'f'), await messages.next()], [false, 0, { value: undefined, done: true }]);
    // The end lets what came before be read.
    const last = cache.bytes.subscribe('news');
    cache.publish('news', 'g');
    await turnOver();
    cache.close();
    equal([(await last.next()).value.message, (await last.next()).done], [bytes(103), true]);
  },

  async 'what happens to keys can be subscribed to'({ Cachette }) {
    const cache = await Cachette.create({ config: { 'notify-keyspace-events': 'Ex' } });
    const expired = cache.subscribe('__keyevent@0__:expired');
    cache.set('k', 'v', { px: 5 });
    await new Promise((resolve) => setTimeout(resolve, 8));
    // Hosts without timers do it at the next call.
    cache.exists('other');
    equal((await expired.next()).value.message, 'k');
    expired.unsubscribe();
  },

  async 'memory grows under a cache at work'({ Cachette }) {
    const cache = await Cachette.create();
    const before = cache.stats().wasmBytes;
    const sizes = new Set();
    for (let i = 0; i < 2000; i++) {
      cache.set(`k:${i}`, 'v'.repeat(5000));
      sizes.add(cache.stats().wasmBytes);
    }
    for (let i = 0; i < 2000; i++) if (cache.get(`k:${i}`).length !== 5000) throw new Error(`key ${i}`);
    const { keys, bytes, wasmBytes } = cache.stats();
    equal(keys, 2000);
    equal(bytes > 10_000_000 && wasmBytes > before, true);
    // By shares, not by single pages, of which there are more than 150: a host makes a buffer of the whole memory at each.
    if (sizes.size > 60) throw new Error(`memory grew ${sizes.size} times`);
    const big = 'x'.repeat(20_000_000);
    cache.set('big', big);
    equal(cache.get('big') === big, true);
    cache.close();
  },

  async 'the hot lanes answer as the door does'({ Cachette }) {
    let now = 1_700_000_000_000;
    const options = { now: () => now, seed: 1n };
    const [lanes, door] = [await Cachette.create(options), await Cachette.create(options)];
    for (const cache of [lanes, door]) {
      cache.call('RPUSH', 'list', 'a');
      cache.call('SET', 'counter', '9223372036854775806');
      cache.call('HSET', 'hash', 'a', '1');
    }
    const random = xorshift(0x2545f491);
    const pick = (pool) => pool[random() % pool.length];
    const keys = ['list', 'hash', 'counter', 'a', 'bb', 'ccc', 'k'.repeat(20), 'k'.repeat(21), 'é', 'k'.repeat(700), '', 7, 8n, bytes(0, 255), bytes(97)];
    const values = ['', '1', 'text', 'v'.repeat(16), 'v'.repeat(17), 'v'.repeat(100), 'é'.repeat(30), '😀', 'x'.repeat(30000), -5, 1e21, Infinity, 2n ** 70n, bytes(), bytes(255, 0)];
    const spans = [1, 10, 0, -1, 1.5, 2 ** 53, 2n ** 62n, 9n ** 30n, '5', 'x'];
    const sets = [undefined, {}, { ex: 5 }, { px: 100 }, { ex: 0 }, { px: -1 }, { ex: 1.5 }, { ex: 5, px: 5 }, { nx: true }, { xx: true, get: true }, { keepttl: true }, { nx: false }];
    const many = (pool) => Array.from({ length: random() % 5 }, () => pick(pool));
    const calls = [
      () => ['get', [pick(keys)]],
      () => ['set', [pick(keys), pick(values), pick(sets)]],
      () => ['del', [pick(keys)]],
      () => ['del', many(keys)],
      () => ['exists', [pick(keys)]],
      () => ['exists', many(keys)],
      () => ['incr', [pick(keys)]],
      () => ['expire', [pick(keys), pick(spans)]],
      () => ['ttl', [pick(keys)]],
      () => ['hget', [pick(keys), pick(keys)]],
      () => ['hset', [pick(['hash', 'other', 'list']), pick(keys), pick(values)]],
      () => ['hset', ['hash', { [String(pick(['a', 'b', 'é']))]: pick(values) }, 'f', 'v']],
      () => ['mget', many(keys)],
      () => ['mget', [many(keys)]],
      () => ['mset', many(keys).flatMap((key) => [key, pick(values)])],
      () => ['mset', many([...keys, ...values])],
    ];
    for (let i = 0; i < 20000; i++) {
      const [name, args] = pick(calls)();
      const [quick, slow] = [lanes, queueOf(door)].map((way) => outcome(() => way[name](...args)));
      if (show(quick) !== show(slow)) throw new Error(`${name}(${show(args).slice(0, 300)}) is ${show(quick).slice(0, 300)} by the lane, ${show(slow).slice(0, 300)} by the door`);
      if (i % 50 === 0) {
        await turnOver();
        now += random() % 3000;
      }
    }
    equal(lanes.stats().keys, door.stats().keys);
  },

  async 'values by reference are the very objects, within their limits'({ References }) {
    const refs = await References.create({ max: 100, now: () => 1e12 });
    const objects = Array.from({ length: 1000 }, (_, i) => ({ i }));
    for (const object of objects) refs.set(`k${object.i}`, object);
    equal(refs.size, 100);
    for (const [key, value] of refs) if (objects[value.i] !== value || key !== `k${value.i}`) throw new Error(`${key} is another's`);
    equal([...refs.keys()].length, 100);
    refs.set('k', objects[0]).set('k', objects[1]);
    equal([refs.get('k') === objects[1], refs.peek('k') === objects[1], refs.has('k'), refs.has('none'), refs.get('none')], [true, true, true, false, undefined]);
    equal([refs.delete('k'), refs.delete('k'), refs.size], [true, false, 99]);
    const long = 'é'.repeat(5000);
    refs.set(long, null).set('a', undefined).set('', 0);
    equal([refs.get(long), refs.has('a'), refs.get('a'), refs.get('')], [null, true, undefined, 0]);
    equal(refs.mget([long, 'none', '']), [null, undefined, 0]);
    refs.clear();
    equal([refs.size, refs.get(long), [...refs]], [0, undefined, []]);
    equal(thrown(() => refs.set('k', 1, { ttl: -1 })).name, 'TypeError');
    refs.close();
    equal(thrown(() => refs.get('k')).name, 'CacheClosedError');
  },

  async 'values by reference are let go of when they expire, are evicted or outweighed'({ References }) {
    let now = 1e12;
    const refs = new References({ maxSize: 1000, sizeOf: (value) => value.length, ttl: 5000, now: () => now });
    for (let i = 0; i < 100; i++) refs.set(`k${i}`, 'v'.repeat(50));
    equal([refs.size, refs.totalSize], [20, 1000]);
    refs.set('small', 'v', { ttl: 0 });
    equal([refs.remaining('small'), refs.remaining('none')], [Infinity, 0]);
    refs.set('large', 'v'.repeat(900));
    equal([refs.totalSize <= 1000, refs.get('large').length, refs.remaining('large')], [true, 900, 5000]);
    now += 5001;
    await turn();
    refs.set('small', 'v', { ttl: 0 });
    equal(refs.get('large'), undefined);
    for (let i = 0; i < 20 && refs.size > 1; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    equal([...refs], [['small', 'v']]);
    const bytes = new References({ maxmemory: '1mb', now: () => now });
    for (let i = 0; i < 5000; i++) bytes.set(`k${i}`, i, { size: 1000 });
    equal(bytes.size > 700 && bytes.size < 1000, true);
  },

  async 'values by reference are those of a Map, whatever came and went'({ References }) {
    const [refs, map, random] = [new References({ now: () => 1e12 }), new Map(), xorshift(99)];
    for (let i = 0; i < 60_000; i++) {
      // Many at first, then ever fewer: what holds the keys grows and shrinks.
      const key = `key:${random() % (i < 30_000 ? 20_000 : 62_000 - i)}`;
      const value = { i };
      const how = random() % 8;
      if (how < 5) {
        // A key may get a time, lose it, and change its size.
        refs.set(key, value, { ttl: how < 3 ? 0 : 5000, size: random() % 3 });
        map.set(key, value);
      } else if (how < 7) equal([key, refs.delete(key)], [key, map.delete(key)]);
      else if (refs.get(key) !== map.get(key)) throw new Error(`${key} is another's`);
    }
    equal(refs.size, map.size);
    for (const [key, value] of map) if (refs.get(key) !== value || refs.peek(key) !== value) throw new Error(`${key} is another's`);
    const keys = [...map.keys()];
    refs.mget(keys).forEach((value, i) => equal(value === map.get(keys[i]), true));
    refs.close();
  },

  async 'a seed can be given'({ Cachette }) {
    const cache = await Cachette.create({ seed: 42n });
    cache.set('k', 'v');
    equal(cache.get('k'), 'v');
  },

  async 'sizes are read as Redis reads them'({ Cachette }) {
    equal(thrown(() => new Cachette({ maxmemory: 'much' })).name, 'TypeError');
    equal(thrown(() => new Cachette({ maxmemory: -1 })).name, 'TypeError');
  },
};
