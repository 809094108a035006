// A journal's file in whatever runs this (Node, Bun, Deno): what one tier left there is the next one's. Its argument is the file. Run by journal.test.js.

import { Tier } from 'cachette/tier';

const journal = { file: globalThis.process.argv.at(-1) };
/** Nobody listens there. */
const tier = new Tier({ url: 'http://127.0.0.1:1' }, { journal });
const down = new Promise((down) => tier.on('state', ({ to }) => to === 'down' && down()));
await tier.get('k');
await down;
console.log(await tier.set('k', 'kept'));
try {
  new Tier(null, { journal });
} catch {
  console.log('locked');
}
tier.close();
const next = new Tier(null, { journal, conflict: 'overwrite' });
console.log(await next.get('k'));
next.close();
