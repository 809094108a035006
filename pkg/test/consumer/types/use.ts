// Typed use of the package, as a consumer would write it.
import { Cachette, References, ReplyError, type CacheStats, type Message, type Reply, type Subscription } from 'cachette';
import { Cachette as Inline } from 'cachette/inline';
import { LRUCache } from 'cachette/lru';

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
// @ts-expect-error: an object is no value
cache.set('k', {});
// @ts-expect-error: there is no such event
cache.on('nothing', () => {});
export { answers, done, entries, later, listen, listening, made, popped, queued, rawPopped, object, plain, raw, replies, stats, stop, text };
declare const console: { log(...what: unknown[]): void };

const lru = new LRUCache<string, { n: number }>({ max: 10, fetchMethod: async (key, stale, { signal }) => (signal.aborted ? stale : { n: key.length }) });
const found: { n: number } | undefined = lru.set('k', { n: 1 }, { ttl: 5 }).get('k', { allowStale: true });
const fetched: Promise<{ n: number } | undefined> = lru.fetch('k');
const dumped: [string, LRUCache.Entry<{ n: number }>][] = lru.dump();
const refs = new References<Map<string, number>>({ max: 10 });
const map: Map<string, number> | undefined = refs.get('k');
console.log(found, fetched, dumped, map);
