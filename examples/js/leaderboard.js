// A leaderboard: scores in a sorted set, ranks and neighbours in logarithmic time.
import { Cachette } from 'cachette';

const cache = await Cachette.create();

cache.zadd('scores', [[310, 'ada'], [120, 'bob'], [275, 'eve'], [90, 'joe']]);
cache.zincrby('scores', 50, 'eve');

console.log('top three:', cache.zrange('scores', 0, 2, { rev: true, withscores: true }));
console.log('bob is number', cache.zrevrank('scores', 'bob') + 1);

function around(name, n) {
  const rank = cache.zrevrank('scores', name);
  return cache.zrange('scores', Math.max(0, rank - n), rank + n, { rev: true });
}
console.log('around ada:', around('ada', 1));
console.log('with 100 to 320:', cache.zcount('scores', 100, 320));
