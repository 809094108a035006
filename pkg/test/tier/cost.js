// What a hit in L1 costs through the tier, next to the engine asked directly: ratios of medians, with the spread. Usage: node cost.js [REPORT]

import { writeFileSync } from 'node:fs';
import { Cachette } from 'cachette';
import { Tier } from 'cachette/tier';

const KEYS = 1000;
const CALLS = 200_000;
const ROUNDS = 15;
const keys = Array.from({ length: KEYS }, (_, at) => `user:${at}`);
const value = 'x'.repeat(100);

const cache = new Cachette();
const tier = new Tier();
for (const key of keys) {
  cache.set(key, value, { ex: 3600 });
  await tier.set(key, value, { ttl: 3_600_000 });
  await tier.get(key);
}

let sink = 0;
const ways = {
  'engine, get': () => {
    for (let i = 0; i < CALLS; i++) sink += cache.get(keys[i % KEYS]).length;
  },
  'tier, peek': () => {
    for (let i = 0; i < CALLS; i++) sink += tier.peek(keys[i % KEYS]).length;
  },
  'engine, awaited get': async () => {
    for (let i = 0; i < CALLS; i++) sink += (await Promise.resolve(cache.get(keys[i % KEYS]))).length;
  },
  'tier, awaited get': async () => {
    for (let i = 0; i < CALLS; i++) sink += (await tier.get(keys[i % KEYS])).length;
  },
};

const rounds = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, way] of Object.entries(ways)) {
    const start = process.hrtime.bigint();
    await way();
    rounds[name].push(Number(process.hrtime.bigint() - start) / CALLS);
  }
}
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const likes = { 'tier, peek': 'engine, get', 'tier, awaited get': 'engine, awaited get' };
let page = `# What a hit in the tier's L1 costs in JavaScript

\`cargo xtask bench tier --js\` (\`pkg/test/tier/cost.js\`), Node ${process.versions.node}: ${KEYS} keys, values of 100 characters; ns a call. The bar is twice its like.

| | median | least | most | to its like |
|---|---|---|---|---|
`;
for (const [name, list] of Object.entries(rounds)) {
  const like = median(rounds[likes[name] ?? name]);
  page += `| ${name} | ${median(list).toFixed(0)} | ${Math.min(...list).toFixed(0)} | ${Math.max(...list).toFixed(0)} | ${(median(list) / like).toFixed(2)} |\n`;
}
let made = 0;
const make = async () => (made++, await new Promise((done) => setTimeout(done, 50)), 'value');
await Promise.all(Array.from({ length: 10_000 }, () => tier.getOrSet('wanted', make, { ttl: 60_000 })));
page += `\nThe factory of one key that 10,000 callers ask for at once ran ${made} time(s).\n`;
if (sink === 0) throw new Error('nothing was read');
tier.close();
console.log(page);
if (process.argv[2]) writeFileSync(process.argv[2], page);
