// A live feed: a stream that readers follow from where they left off, and a group of workers that share its entries.
import { Cachette } from 'cachette';

const cache = await Cachette.create();
const post = (text) => cache.xadd('feed', '*', [{ text }], { maxlen: 1000 });

// A reader waits for what is new, from the last entry that it saw.
async function follow(name, entries) {
  let last = '$';
  for (let seen = 0; seen < entries; ) {
    const { feed } = await cache.xread({ feed: last }, { block: 0, count: 10 });
    for (const [id, fields] of feed) {
      console.log(`${name} reads: ${fields.text ?? fields[1]}`);
      [last, seen] = [id, seen + 1];
    }
  }
}
const reader = follow('ada', 2);
post('hello');
post('world');
await reader;

// A group: every entry goes to one of its workers, and is kept as pending until that one says it is done.
cache.xgroupCreate('feed', 'mailers', '0');
const take = (worker) => cache.xreadgroup('mailers', worker, { feed: '>' }, { count: 1 }).feed[0][0];
const [first, second] = [take('one'), take('two')];
cache.xack('feed', 'mailers', first);
console.log('pending:', cache.xpending('feed', 'mailers')[0], '- second is waiting:', cache.xpending('feed', 'mailers')[1] === second);
