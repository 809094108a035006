// Typed use of the package, as a consumer would write it.
import { Cachette, References, ReplyError, type CacheStats, type Message, type Reply, type Subscription } from 'cachette';
import { createCache, httpCache, json, Locks, RateLimiter, type Cache, type Lock, type Verdict } from 'cachette/cache';
import { Cachette as Inline } from 'cachette/inline';
import { Connector, connectorTo } from 'cachette/ioredis';
import { Keyv5Cachette, KeyvCachette } from 'cachette/keyv';
import { LRUCache } from 'cachette/lru';
import { listen as openServer, type Listener } from 'cachette/server';
import { sessionStore } from 'cachette/session';
import { cachetteDriver } from 'cachette/unstorage';
import { requester, restHandler } from 'cachette/upstash';
import { connect, serve, type Port } from 'cachette/worker';

const cache = new Cachette({ maxmemory: '64mb' });
const text: string | null = cache.get('k');
const raw: Uint8Array | null = cache.bytes.get('k');
const done: 'OK' | string | null = cache.set('k', new Uint8Array([1]));
const replies: Reply[] = cache.pipeline().set('a', 1).get('a').exec();
const answers: Reply[] | null = cache.transaction((queue) => queue.get('a'));
const stats: CacheStats = cache.stats();
const object: { a: number } | null = cache.getObject<{ a: number }>('o');
const stop: () => void = cache.on('expired', ({ key, db }) => console.log(key.length, db.toFixed()));
const made: Promise<Cachette<Uint8Array>> = Cachette.create({ bytes: true });
const plain: Promise<Cachette<string>> = Inline.create();
try {
  cache.call('NOPE');
} catch (error) {
  if (error instanceof ReplyError) console.log(error.code, error.command);
}
const popped: Promise<string[] | null> = cache.blpop('q', 0);
const rawPopped: Promise<Uint8Array[] | null> = cache.bytes.brpop(['q', 'r'], 1.5);
const [atOnce, soon] = [cache.xread({ s: '$' }), cache.xread([['s', '$']], { block: 0 })];
const entries: Reply[] | undefined = atOnce?.s;
const later: Promise<Reply[] | undefined> = soon.then((streams) => streams?.s);
const queued: number = cache.pipeline().blpop('q', 0).length;
const listening: Subscription<string> = cache.subscribe('news', ({ channel, message }) => console.log(channel.length, message.length));
async function listen(): Promise<Message<Uint8Array> | undefined> {
  for await (const message of cache.bytes.psubscribe(['n*'], { buffer: 10 })) return message;
  return undefined;
}
interface User {
  name: string;
}
const users: Cache<User> = createCache<User>(cache, { codec: json, ttl: '1m' });
const user: Promise<User> = users.getOrSet('1', async ({ signal, stale }) => (signal.aborted ? stale! : { name: 'Ada' }), { tags: ['users'] });
const named: (id: number) => Promise<User> = users.memo(async (id: number) => ({ name: String(id) }), { key: (id) => `user:${id}` });
const verdict: Verdict = new RateLimiter(cache, { name: 'api', limit: 1, window: '1s' }).take('ada');
const locked: Promise<number> = new Locks(cache).with('job', (lock: Lock) => lock.token);
const opened: Promise<Listener> = openServer({ port: 0, cache });
const faces = [Connector, connectorTo(cache), new KeyvCachette(cache), new Keyv5Cachette(cache), cachetteDriver({ cache }), requester(cache), restHandler(cache), httpCache(cache)];
declare const port: Port;
const remote = connect(port);
const far: Promise<string | null> = remote.get('k');
const batch: Promise<Reply[]> = remote.pipeline().set('a', 1).get('a').exec();
const end: () => void = serve(cache, port);
class Store {
  on(_event: string): this {
    return this;
  }
}
const sessions: Promise<number> = sessionStore({ Store }, { cache }).on('connect').length();
// @ts-expect-error: a cache of text stores text
createCache(cache).set('k', { a: 1 });
// @ts-expect-error: an object is no value
cache.set('k', {});
// @ts-expect-error: there is no such event
cache.on('nothing', () => {});
export { batch, end, faces, far, locked, named, opened, sessions, user, verdict };
export { answers, done, entries, later, listen, listening, made, popped, queued, rawPopped, object, plain, raw, replies, stats, stop, text };
declare const console: { log(...what: unknown[]): void };

const lru = new LRUCache<string, { n: number }>({ max: 10, fetchMethod: async (key, stale, { signal }) => (signal.aborted ? stale : { n: key.length }) });
const found: { n: number } | undefined = lru.set('k', { n: 1 }, { ttl: 5 }).get('k', { allowStale: true });
const fetched: Promise<{ n: number } | undefined> = lru.fetch('k');
const dumped: [string, LRUCache.Entry<{ n: number }>][] = lru.dump();
const refs = new References<Map<string, number>>({ max: 10 });
const map: Map<string, number> | undefined = refs.get('k');
console.log(found, fetched, dumped, map);
