// ioredis against cachette-server: `node ioredis.mjs PORT`. Says how many checks passed; a failed one ends it with status 1.
import assert from 'node:assert/strict';
import Redis from 'ioredis';

const port = Number(process.argv[2]);
let checks = 0;
const same = (got, expected, what) => { assert.deepEqual(got, expected, what); checks += 1; };

// `enableReadyCheck` (the default) waits for INFO to say loading:0; `db` sends SELECT, `connectionName` CLIENT SETNAME.
const redis = new Redis({ port, db: 2, connectionName: 'smoke', lazyConnect: true, maxRetriesPerRequest: 1 });
redis.on('error', (error) => { console.error(error); process.exit(1); });
await redis.connect();

same(await redis.ping(), 'PONG', 'ping');
same(await redis.client('GETNAME'), 'smoke', 'name');
same(await redis.set('k', 'v', 'EX', 100, 'NX'), 'OK', 'set with options');
same(await redis.set('k', 'other', 'NX'), null, 'set that does nothing');
same(await redis.ttl('k'), 100, 'ttl');
same(await redis.getBuffer('k'), Buffer.from('v'), 'buffers');
const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
await redis.set('bytes', bytes);
same(await redis.getBuffer('bytes'), bytes, 'every byte value');
same(await redis.mset('a', '1', 'b', '2'), 'OK', 'mset');
same(await redis.mget('a', 'none', 'b'), ['1', null, '2'], 'mget');
same(await redis.incrby('a', 41), 42, 'incrby');
same(await redis.hset('h', { f: '1', g: '2' }), 2, 'hset of an object');
same(await redis.hgetall('h'), { f: '1', g: '2' }, 'hgetall');
same(await redis.rpush('l', 1, 2, 3), 3, 'rpush');
same(await redis.lrange('l', 0, -1), ['1', '2', '3'], 'lrange');
same(await redis.zadd('z', 1, 'one', 2.5, 'two'), 2, 'zadd');
same(await redis.zrange('z', 0, -1, 'WITHSCORES'), ['one', '1', 'two', '2.5'], 'zrange');

const replies = await redis.pipeline().set('p', 1).incr('p').lpush('p', 'x').get('p').exec();
same(replies.map(([error, value]) => error?.message.split(' ')[0] ?? value), ['OK', 2, 'WRONGTYPE', '2'], 'a pipeline with an error in it');
same((await redis.multi().incr('p').get('p').exec()).map(([, value]) => value), [3, '3'], 'transaction');
await redis.watch('p');
const other = redis.duplicate({ db: 2 });
await other.set('p', 'changed');
same(await redis.multi().get('p').exec(), null, 'a transaction that lost its watch');

const many = await Promise.all(Array.from({ length: 2000 }, (_, n) => redis.set(`many:${n}`, n).then(() => redis.get(`many:${n}`))));
same(many, Array.from({ length: 2000 }, (_, n) => String(n)), 'two thousand at once');
const found = new Set();
for await (const keys of redis.scanStream({ match: 'many:*', count: 100 })) keys.forEach((key) => found.add(key));
same(found.size, 2000, 'scan');
const big = 'x'.repeat(3_000_000);
await redis.set('big', big);
same((await redis.get('big')).length, big.length, 'a big value');
await assert.rejects(redis.call('NOSUCH', 'a'), /unknown command/);
checks += 1;
same(await redis.flushdb(), 'OK', 'flushdb');

await other.quit();
await redis.quit();
console.log(`ioredis: ${checks} checks passed`);
