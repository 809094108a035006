// A stock Redis client against `cachette-server`. `node client.js PORT`.

import { createClient } from 'redis';

const port = Number(process.argv[2]);
const client = createClient({ socket: { host: '127.0.0.1', port } });
client.on('error', (error) => {
  throw error;
});
await client.connect();

const report = [];
function line(what, figure) {
  report.push(`  ${what.padEnd(46)} ${figure}`);
}

console.log(`\ncachette-server on port ${port}, asked by node-redis (RESP3)`);
await client.set('session:1', 'Ada', { expiration: { type: 'EX', value: 60 } });
line('SET with EX 60, GET, TTL', `${await client.get('session:1')}, ${await client.ttl('session:1')} s left`);

await client.zAdd('scores', [{ value: 'ada', score: 31 }, { value: 'bob', score: 12 }, { value: 'cleo', score: 27 }]);
const best = await client.zRangeWithScores('scores', 0, 1, { REV: true });
line('ZADD, ZRANGE REV WITHSCORES', best.map(({ value, score }) => `${value} ${score}`).join(', '));

await client.hSet('user:1', { name: 'Ada', language: 'en' });
line('HSET, HGETALL', JSON.stringify(await client.hGetAll('user:1')));

const [stored, sum] = await client.multi().set('n', 40).incrBy('n', 2).exec();
line('MULTI: SET, INCRBY, EXEC', `${stored}, ${sum}`);
if (sum !== 42) throw new Error(`expected 42, got ${sum}`);

const count = 20_000;
const start = performance.now();
await Promise.all(Array.from({ length: count }, (_, i) => client.set(`key:${i}`, `value ${i}`)));
const seconds = (performance.now() - start) / 1000;
line(`${count} SETs, pipelined by the client`, `${Math.round(count / seconds).toLocaleString('en')} a second`);
line('DBSIZE, used_memory_human', `${await client.dbSize()}, ${/used_memory_human:(\S+)/.exec(await client.info('memory'))?.[1]}`);
console.log(report.join('\n'));
await client.close();
