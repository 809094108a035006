// node-redis (RESP3 from the start) against cachette-server: `node node-redis.mjs PORT`.
import assert from 'node:assert/strict';
import { createClient, RESP_TYPES } from 'redis';

const port = Number(process.argv[2]);
let checks = 0;
const plain = (value) => (value !== null && typeof value === 'object' && !Buffer.isBuffer(value) && !Array.isArray(value) && !(value instanceof Map) && !(value instanceof Set) ? { ...value } : value);
const same = (got, expected, what) => { assert.deepEqual(plain(got), expected, what); checks += 1; };

for (const RESP of [3, 2]) {
  const client = createClient({ RESP, name: 'smoke', database: 3, socket: { port, reconnectStrategy: false } });
  client.on('error', (error) => { console.error(error); process.exit(1); });
  await client.connect();

  same(await client.ping(), 'PONG', 'ping');
  same(await client.clientGetName(), 'smoke', 'name');
  same(await client.set('k', 'v', { expiration: { type: 'EX', value: 100 }, condition: 'NX' }), 'OK', 'set with options');
  same(await client.set('k', 'w', { condition: 'NX' }), null, 'set that does nothing');
  same(await client.get('none'), null, 'a miss');
  same(await client.ttl('k'), 100, 'ttl');
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
  await client.set('bytes', bytes);
  same(await client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).get('bytes'), bytes, 'every byte value');
  same(await client.mSet({ a: '1', b: '2' }), 'OK', 'mset');
  same(await client.mGet(['a', 'none', 'b']), ['1', null, '2'], 'mget');
  same(await client.incrBy('a', 41), 42, 'incrby');
  same(await client.hSet('h', { f: '1', g: '2' }), 2, 'hset');
  same(await client.hGetAll('h'), { f: '1', g: '2' }, 'hgetall: a map in RESP3');
  same(await client.sAdd('s', ['x', 'y']), 2, 'sadd');
  same([...(await client.sMembers('s'))].sort(), ['x', 'y'], 'smembers: a set in RESP3');
  same(await client.zAdd('z', [{ value: 'one', score: 1 }, { value: 'two', score: 2.5 }]), 2, 'zadd');
  same(await client.zScore('z', 'two'), 2.5, 'zscore: a double in RESP3');
  same(await client.zRangeWithScores('z', 0, -1), [{ value: 'one', score: 1 }, { value: 'two', score: 2.5 }], 'zrange');
  same(await client.rPush('l', ['1', '2', '3']), 3, 'rpush');
  same(await client.lRange('l', 0, -1), ['1', '2', '3'], 'lrange');
  same(await client.multi().incr('a').get('a').exec(), [43, '43'], 'transaction');
  await assert.rejects(client.lPush('k', 'x'), /WRONGTYPE/);
  checks += 1;

  const many = await Promise.all(Array.from({ length: 2000 }, (_, n) => client.set(`many:${n}`, String(n)).then(() => client.get(`many:${n}`))));
  same(many, Array.from({ length: 2000 }, (_, n) => String(n)), 'two thousand at once');
  const found = new Set();
  for await (const keys of client.scanIterator({ MATCH: 'many:*', COUNT: 100 })) keys.forEach((key) => found.add(key));
  same(found.size, 2000, 'scan');
  same(await client.flushDb(), 'OK', 'flushdb');
  await client.close();
}
console.log(`node-redis: ${checks} checks passed`);
