// A Hono app on Cloudflare's workerd. The cache is made at module scope and lives as long as the isolate does; what is slow is made once, however many ask.
import { Cachette } from 'cachette';
import { createCache, json, RateLimiter } from 'cachette/cache';
import { Hono } from 'hono';

const engine = new Cachette({ maxmemory: '32mb' });
const cache = createCache(engine, { codec: json, ttl: '1m', grace: '1h' });
const limiter = new RateLimiter(engine, { name: 'api', limit: 100, window: '1m', algorithm: 'fixed' });
const app = new Hono();
let made = 0;

app.use('/api/*', async (c, next) => {
  const { allowed, remaining, retryAfter } = limiter.take(c.req.header('cf-connecting-ip') ?? 'local');
  c.header('ratelimit-remaining', String(remaining));
  if (!allowed) return c.text('too many requests', 429, { 'retry-after': String(Math.ceil(retryAfter / 1000)) });
  await next();
});

app.get('/api/users/:id', async (c) => {
  const id = c.req.param('id');
  const user = await cache.getOrSet(`user:${id}`, async () => ({ id, name: 'Ada', made: ++made }), { tags: [`user:${id}`] });
  return c.json(user);
});

app.post('/api/users/:id/changed', (c) => {
  cache.deleteByTag(`user:${c.req.param('id')}`);
  return c.body(null, 204);
});

export default app;
