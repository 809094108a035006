// What a cache is created with.

/** Options of `new Cachette(options)` and `Cachette.create(options)`. */
export interface CachetteOptions {
  /**
   * The most memory that keys and values may take: bytes, or text such as `'64mb'` (Redis's units: `k` is 1000, `kb` is 1024 and so on).
   * When more is used, keys are evicted, by the `maxmemory-policy` `allkeys-s3fifo` unless `config` names another. 0 or absent: no limit but
   * the host's.
   */
  maxmemory?: number | string;
  /** Values come as `Uint8Array` where they would be strings. The same as using `cache.bytes` everywhere. */
  bytes?: boolean;
  /** The clock: Unix milliseconds. Read once a turn of the event loop, not at every call. Default: `Date.now`. */
  now?: () => number;
  /** Seed of hashes and of random choices, for runs that must repeat. Default: drawn at the first command. */
  seed?: bigint;
  /** Further configuration, as `CONFIG SET` takes it: `{ 'hash-max-listpack-entries': 64 }`. */
  config?: Record<string, string | number>;
  /** For `create` in a browser: load what `setObject` and `getObject` need, too. Elsewhere it is at hand. */
  objects?: boolean;
  /**
   * The engine to run. `full` of `cachette/full` adds the commands that look after a server and its clients (ACL, CLIENT, COMMAND, DEBUG, LATENCY, MONITOR,
   * SLOWLOG …); the package's own, which is smaller, does not know them. A function that gives a compiled module, or a promise of one for `Cachette.create`.
   */
  engine?: () => object | Promise<object>;
  /** A compiled module to use (a `WebAssembly.Module`) in place of the package's own: `cachette/wasm`, compiled as your host does it. */
  module?: object;
}

/** What values come as with these options. */
export type ValueOf<O extends CachetteOptions> = O extends { bytes: true } ? Uint8Array : string;

const UNITS: Record<string, number> = { b: 1, k: 1e3, kb: 1024, m: 1e6, mb: 1024 ** 2, g: 1e9, gb: 1024 ** 3 };

/** Bytes meant by `64 * 1024`, `'65536'`, `'64kb'`, `'64mb'` …; throws a TypeError that says what would be right. */
export function parseBytes(size: number | string): number {
  const [, digits, unit] = /^\s*(\d+)\s*([a-z]*)\s*$/i.exec(String(size)) ?? [];
  const bytes = Number(digits) * (UNITS[(unit || 'b').toLowerCase()] ?? NaN);
  if (!Number.isSafeInteger(bytes)) {
    throw new TypeError(`maxmemory must be a whole number of bytes or text such as '64mb', not ${JSON.stringify(size)}`);
  }
  return bytes;
}

/** The commands that set a fresh engine up. */
export function configuration(options: CachetteOptions): string[][] {
  const { maxmemory, config = {} } = options;
  const limited = maxmemory === undefined ? {} : { 'maxmemory-policy': 'allkeys-s3fifo' };
  const pairs = Object.entries({ ...limited, ...config }).map(([name, value]) => [name, String(value)]);
  if (maxmemory !== undefined) pairs.push(['maxmemory', String(parseBytes(maxmemory))]);
  return pairs.map((pair) => ['CONFIG', 'SET', ...pair]);
}
