// The libraries, each behind the same few methods. bentocache and cacheable with their memory stores alone, as they come but for the time to live.

import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { Cacheable } from 'cacheable';
import { Cachette } from '../../pkg/dist/platform/node.js';
import { createCache, json } from '../../pkg/dist/cache/index.js';

export const RUNS = 12;
export const CALLS = 100_000;
export const ENTRIES = 100_000;
export const VALUE = JSON.stringify({ id: 12_345, name: 'Ada Lovelace', languages: ['en', 'fr'], active: true, score: 99.5, note: 'x'.repeat(20) });

const TTL = 3_600_000;

async function ours(options) {
  const engine = await Cachette.create();
  const cache = createCache(engine, { ttl: TTL, ...options });
  const objects = createCache(engine, { codec: json, prefix: 'objects:' });
  return {
    getOrSet: (key, factory, options) => cache.getOrSet(key, factory, options),
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    delete: (key) => cache.delete(key),
    namespace: (name) => cache.namespace(name),
    objects,
    close: () => engine.close(),
  };
}

export const subjects = {
  'plain get': async () => {
    const engine = await Cachette.create();
    return {
      getOrSet: (key, factory) => {
        const value = engine.get(`cache:${key}`);
        return value ?? factory().then((value) => (engine.set(`cache:${key}`, value), value));
      },
      close: () => engine.close(),
    };
  },
  getOrSet: () => ours({}),
  'getOrSet, with grace': () => ours({ grace: TTL }),
  bentocache: async () => {
    const bento = new BentoCache({ default: 'memory', ttl: TTL, stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: 1_000_000 })) } });
    const facade = (cache) => ({
      getOrSet: (key, factory, options) => cache.getOrSet({ key, factory, ttl: TTL, ...options }),
      get: (key) => cache.get({ key }),
      set: (key, value) => cache.set({ key, value }),
      delete: (key) => cache.delete({ key }),
      clear: () => cache.clear(),
    });
    return { ...facade(bento), namespace: (name) => facade(bento.namespace(name)), objects: facade(bento), close: () => bento.disconnectAll() };
  },
  cacheable: async () => {
    const cache = new Cacheable({ ttl: TTL });
    return {
      getOrSet: (key, factory, options) => cache.getOrSet(key, factory, { ttl: TTL, ...options }),
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      delete: (key) => cache.delete(key),
      objects: cache,
    };
  },
};
