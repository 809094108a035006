// A process with a cache in it ends by itself, timers and all.
import { Cachette } from 'cachette';

const cache = new Cachette();
cache.on('expired', () => {});
cache.call('SET', 'k', 'v', 'EX', 3600);
