// Sessions: a hash each, whose fields end each on its own. The clock is ours, so that nothing has to wait.
import { Cachette } from 'cachette';

let now = Date.now();
const cache = await Cachette.create({ now: () => now });
const later = async (seconds) => {
  now += seconds * 1000;
  await Promise.resolve();
};

const key = 'session:8f3a';
cache.hset(key, { user: 'ada', theme: 'dark', code: '4711' });
cache.expire(key, 1800);
cache.hexpire(key, 60, 'code');
console.log('login:', cache.hgetall(key));

await later(61);
console.log('a minute later the code is gone:', cache.hgetall(key));

// Every request gives the session its time anew.
cache.expire(key, 1800);
await later(1799);
console.log('still there:', cache.exists(key) === 1);
await later(2);
console.log('over:', cache.exists(key) === 0);
