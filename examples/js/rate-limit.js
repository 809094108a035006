// Rate limits. The clock is ours, so that nothing has to wait.
import { Cachette } from 'cachette';
import { RateLimiter } from 'cachette/cache';

let now = 1_800_000_000_000;
const engine = await Cachette.create({ now: () => now });
const later = async (ms) => {
  now += ms;
  await Promise.resolve();
};

const api = new RateLimiter(engine, { name: 'api', limit: 3, window: '10s', algorithm: 'sliding' });
console.log('sliding:', [1, 2, 3, 4].map(() => api.take('1.2.3.4').allowed).join(' '));
const { retryAfter } = api.take('1.2.3.4');
await later(retryAfter);
console.log(`after ${retryAfter} ms:`, api.take('1.2.3.4').allowed);

// A bucket lets a burst through, and then an even stream.
const mails = new RateLimiter(engine, { name: 'mails', limit: 2, window: '1m', algorithm: 'token-bucket' });
console.log('bucket:', [1, 2, 3].map(() => mails.take('ada').allowed).join(' '));
await later(30_000);
console.log('half a minute later:', mails.take('ada').allowed, mails.take('ada').allowed);
