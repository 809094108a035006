// Counters: single ones, one a day that ends by itself, and many read in one crossing.
import { Cachette } from 'cachette';

const cache = await Cachette.create();

for (let i = 0; i < 3; i++) cache.incr('views:home');
cache.incrby('views:about', 10);
console.log(cache.mget('views:home', 'views:about', 'views:none'));

function countToday(page, date) {
  const key = `views:${page}:${date}`;
  const views = cache.incr(key);
  if (views === 1) cache.expire(key, 2 * 86_400);
  return views;
}
countToday('home', '2026-11-29');
console.log(countToday('home', '2026-11-29'), 'today, kept for', cache.ttl('views:home:2026-11-29') / 3600, 'hours');

// Several of one thing in one key.
cache.hincrby('user:1:counts', 'likes', 2);
cache.hincrby('user:1:counts', 'posts', 1);
console.log(cache.hgetall('user:1:counts'));
