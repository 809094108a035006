// ioredis in process (`cachette/ioredis`) against ioredis over loopback to a redis-server: calls a second, awaited one by one, and fifty at a time.
// `cargo xtask bench ioredis`. Runs take turns; figures are medians, with the spread of the middle half.

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus } from 'node:os';
import { Connector } from '../../pkg/dist/node/ioredis.js';

const Redis = createRequire(new URL('../../pkg/test/package.json', import.meta.url))('ioredis');
const lines = [];
const say = (line) => (lines.push(line), console.log(line));
const RUNS = 11;
const CALLS = 20_000;

const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});
const server = spawn('redis-server', ['--port', port, '--save', '', '--bind', '127.0.0.1'], { stdio: 'ignore' });
const clients = { 'redis-server': new Redis({ port, retryStrategy: () => 20 }), 'in process': new Redis({ Connector }) };
clients['redis-server'].on('error', () => {});

const ways = {
  'GET, one by one': (client) => each(1, () => client.get('k')),
  'SET, one by one': (client) => each(1, (i) => client.set('k', i)),
  'GET, fifty at a time': (client) => each(50, () => client.get('k')),
};

async function each(together, call) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < CALLS; i += together) await (together === 1 ? call(i) : Promise.all(Array.from({ length: together }, (_, j) => call(i + j))));
  return (CALLS * 1e9) / Number(process.hrtime.bigint() - start);
}

for (const [way, run] of Object.entries(ways)) {
  const rates = { 'redis-server': [], 'in process': [] };
  for (let i = 0; i < RUNS; i++) for (const [name, client] of Object.entries(clients)) rates[name].push(await run(client));
  const mid = Object.fromEntries(Object.entries(rates).map(([name, list]) => [name, list.sort((a, b) => a - b)]));
  say(`${way}:`);
  for (const [name, list] of Object.entries(mid)) {
    const [low, median, high] = [1, 2, 3].map((quarter) => Math.round(list[(list.length * quarter) >> 2]).toLocaleString('en'));
    say(`  ${name.padEnd(14)}${median.padStart(9)} a second  (${low}–${high})`);
  }
  const half = RUNS >> 1;
  say(`  in process is ${(mid['in process'][half] / mid['redis-server'][half]).toFixed(1)} times as quick\n`);
}
for (const client of Object.values(clients)) client.disconnect();
server.kill();
if (process.argv.includes('--save')) {
  const about = `Node ${process.versions.node}, ${cpus()[0].model.trim()}. Written by \`cargo xtask bench ioredis --save\`; the method is in benches/ioredis/main.js.`;
  writeFileSync(new URL('../results/ioredis.md', import.meta.url), `# ioredis in process against ioredis over loopback\n\n${about}\n\n\`\`\`text\n${lines.join('\n')}\n\`\`\`\n`);
}
