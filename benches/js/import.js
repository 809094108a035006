// What a program waits for until its cache is there and has answered, in milliseconds: `node import.js NAME`. In a process that has done nothing else.

const CACHETTE = new URL('../../pkg/dist/platform/node.js', import.meta.url).href;
const PACKAGES = {
  cachette: [CACHETTE, ({ Cachette }) => new Cachette()],
  'cachette/lru': [CACHETTE, ({ LRUCache }) => new LRUCache({ max: 100 })],
  'lru-cache': ['lru-cache', ({ LRUCache }) => new LRUCache({ max: 100 })],
  'tiny-lru': ['tiny-lru', ({ lru }) => lru(100)],
  mnemonist: ['mnemonist', ({ LRUMap }) => new LRUMap(100)],
  'quick-lru': ['quick-lru', ({ default: QuickLRU }) => new QuickLRU({ maxSize: 100 })],
};
const [specifier, make] = PACKAGES[process.argv[2]];

const begun = performance.now();
const exports = await import(specifier);
const imported = performance.now();
const cache = make(exports);
cache.set('key', 'value');
if (cache.get('key') !== 'value') throw new Error('a wrong answer');
console.log(JSON.stringify({ import: imported - begun, answer: performance.now() - imported }));
