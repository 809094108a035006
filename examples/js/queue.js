// A job queue. Producers push, workers wait for work; a job is in a list of its worker's until it is done, so that none is lost when a worker dies.
import { Cachette } from 'cachette';

const cache = await Cachette.create();

async function worker(name, stop) {
  const mine = `jobs:doing:${name}`;
  for (;;) {
    const job = await cache.blmove('jobs', mine, 'RIGHT', 'LEFT', 0, { signal: stop }).catch(() => null);
    if (job === null) return;
    console.log(`${name} does ${job}`);
    cache.lrem(mine, 1, job);
    cache.incr('jobs:done');
  }
}

/** Puts back what a worker that died had begun. */
function recover(name) {
  while (cache.lmove(`jobs:doing:${name}`, 'jobs', 'RIGHT', 'RIGHT') !== null);
}

cache.lpush('jobs:doing:dead', 'resize');
recover('dead');

const stop = new AbortController();
const workers = ['ada', 'bob'].map((name) => worker(name, stop.signal));
for (const job of ['mail', 'index', 'backup']) cache.lpush('jobs', job);
while (Number(cache.get('jobs:done')) < 4) await new Promise((resolve) => setTimeout(resolve, 1));
stop.abort();
await Promise.all(workers);
console.log(`done: ${cache.get('jobs:done')}, left: ${cache.llen('jobs')}`);
