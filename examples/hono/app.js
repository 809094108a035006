// A web API whose results are cached for 60 s: in memory in development, before Redis in production. The client is yours; without one the tier is in memory.

import { Hono } from 'hono';
import { Tier } from 'cachette/tier';

const MINUTE = 60_000;

/** `client`: of node-redis, ioredis or Bun, or `{ url, token }` of a REST server. */
export function createApp(client, query) {
  const cache = new Tier(client);
  const app = new Hono();

  app.get('/users/:id', async (context) => {
    const id = context.req.param('id');
    const { value, meta } = await cache.getOrSetWithMeta(`user:${id}`, async () => JSON.stringify(await query(id)), { ttl: MINUTE });
    context.header('x-cache', meta.source === 'factory' ? 'miss' : 'hit');
    return context.body(value, 200, { 'content-type': 'application/json' });
  });

  app.post('/users/:id', async (context) => {
    await cache.delete(`user:${context.req.param('id')}`);
    return context.body(null, 204);
  });

  app.get('/health', (context) => context.json(cache.health()));
  return { app, cache };
}
