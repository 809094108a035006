// Trouble for a tier at load, in JavaScript: what benches/tier does in Rust. Usage: node chaos.js CYCLES [REPORT]
//
// Callers read keys that somebody else writes all the time, have values made, and write keys of their own, while redis-server is killed, stopped,
// emptied, or loses its clients; with node-redis and ioredis in turn.

import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis as Ioredis } from 'ioredis';
import { createClient } from 'redis';
import { Tier } from 'cachette/tier';
import { Redis, until } from './redis.js';

const cycles = Number(process.argv[2] ?? 5);
const CALLERS = 8;
const PAUSE = 5;
/** How long word of a change may be on its way. */
const TOLD_WITHIN = 250;

const TROUBLES = {
  'kill, 2 s away': async (redis) => {
    await redis.kill();
    await sleep(2000);
    await redis.restart();
  },
  'CLIENT KILL': async (redis) => {
    redis.cli('CLIENT', 'KILL', 'TYPE', 'normal');
    redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await sleep(300);
  },
  'restart, empty': async (redis) => {
    await redis.kill();
    await redis.restart();
  },
  FLUSHALL: async (redis) => {
    redis.cli('FLUSHALL');
    await sleep(200);
  },
  'SIGSTOP, 5 s': async (redis) => {
    redis.stop();
    await sleep(5000);
    redis.go();
  },
};
const loses = (trouble) => trouble !== 'SIGSTOP, 5 s' && trouble !== 'CLIENT KILL';

const versionOf = (value) => Number(String(value).split('=').at(-1));

async function run(name, make, count) {
  const redis = await Redis.start();
  const tier = new Tier(make(redis), { conflict: 'overwrite' });
  const other = new Tier(make(redis), { onDown: 'fail' });
  const whole = () => [tier, other].every((one) => one.health().state === 'up' && one.health().tracking && one.health().journaled === 0);
  await until(whole, 'UP', 10_000);
  const log = { calls: 0, errors: [], stale: [], lost: [], unknown: 0, down: [], detected: {}, back: [], cycles: [] };
  const others = new Map();
  const acked = new Map();
  const dropped = new Map();
  let settled;
  let running = true;
  let isDown = false;
  tier.on('state', ({ to }) => (isDown = to === 'down' || to === 'probing'));
  tier.on('journal', ({ what, key }) => what === 'dropped' && dropped.set(key, performance.now()));

  const timed = async (what, call, check) => {
    const start = performance.now();
    const downBefore = isDown;
    try {
      const answer = await call();
      check?.(answer, start);
    } catch (error) {
      if (error.code === 'UNKNOWN_OUTCOME') log.unknown++;
      else log.errors.push(`${what}: ${error.message}`);
      if (what === 'write') throw error;
    } finally {
      log.calls++;
      if (downBefore && isDown) log.down.push(performance.now() - start);
    }
  };

  const writer = (async () => {
    for (let version = 1; running; version++) {
      const key = `others:${version % 8}`;
      try {
        if ((await other.set(key, `${key}=${version}`)) === 'l2') others.set(key, [version, performance.now()]);
      } catch {
        // It says so itself, and tries the next.
      }
      await sleep(7);
    }
  })();
  const callers = Array.from({ length: CALLERS }, async (_, caller) => {
    for (let turn = caller, version = 0; running; turn++) {
      if (turn % 10 === 0) {
        const key = `own:${caller}:${Math.floor(turn / 10) % 20}`;
        version++;
        try {
          await timed('write', () => tier.set(key, `${key}=${version}`), (durability) => acked.set(key, { version, durability, at: performance.now() }));
        } catch {
          acked.delete(key);
        }
      } else if (turn % 10 < 3) {
        await timed('made', () => tier.getOrSet(`made:${(turn * 7919) % 500}`, () => 'made=1', { ttl: 2000 }));
      } else {
        const key = `others:${turn % 8}`;
        const known = others.get(key);
        await timed(
          'hot',
          () => tier.getWithMeta(key),
          ({ value, meta }, start) => {
            const [version, at] = known ?? [];
            if (value === null || meta.stale || version === undefined || settled === undefined || settled > start) return;
            if (at + TOLD_WITHIN < start && versionOf(value) < version) log.stale.push(`${key}: ${value}, ${version} was written before`);
          },
        );
      }
      await sleep(PAUSE);
    }
  });

  for (let cycle = 0; cycle < count; cycle++) {
    const [trouble, strike] = Object.entries(TROUBLES)[cycle % 5];
    settled = performance.now();
    await sleep(700);
    settled = undefined;
    const began = performance.now();
    let detected;
    const off = tier.on('state', ({ to }) => to === 'down' && (detected ??= performance.now() - began));
    await strike(redis);
    const answers = performance.now();
    await until(whole, `whole again after ${trouble}`, 20_000);
    const back = detected === undefined ? undefined : performance.now() - answers;
    off();
    if (loses(trouble)) others.clear();
    for (const [key, { version, durability, at }] of [...acked]) {
      if (loses(trouble) && durability === 'l2' && at < answers + 300) continue;
      const there = versionOf((await tier.command('GETRANGE', key, 0, -1)) || '=0');
      const overtaken = acked.get(key)?.version !== version;
      if (there < version && !overtaken && !(dropped.get(key) >= at)) log.lost.push(`${key}: ${version} (${durability}), Redis has ${there}`);
    }
    log.cycles.push({ trouble, detected, back });
    console.error(`   ${name} ${cycle + 1} ${trouble}: down after ${detected?.toFixed(0) ?? '-'} ms, back after ${back?.toFixed(0) ?? '-'} ms`);
  }
  running = false;
  await Promise.all([writer, ...callers]);
  tier.close();
  other.close();
  await redis.kill();
  return log;
}

const makers = {
  'node-redis': (redis) => createClient({ url: redis.url }),
  ioredis: (redis) => new Ioredis(redis.port, '127.0.0.1', { lazyConnect: true }),
};
const worst = (list) => (list.length === 0 ? '-' : `${Math.max(...list).toFixed(0)} ms`);
const logs = {};
for (const [name, make] of Object.entries(makers)) logs[name] = await run(name, make, Math.ceil(cycles / 2));
const detected = (log, ...troubles) => log.cycles.filter(({ trouble, detected }) => troubles.includes(trouble) && detected !== undefined).map(({ detected }) => detected);
const rows = [
  ['calls', '', (log) => log.calls],
  ['cycles', '', (log) => log.cycles.length],
  ['errors', '0', (log) => log.errors.length],
  ['p99 of all calls while down', '2 ms', (log) => (log.down.length === 0 ? '-' : `${log.down.sort((a, b) => a - b)[Math.floor(log.down.length * 0.99)].toFixed(2)} ms`)],
  ['down detected, connection refused (worst)', '1 s', (log) => worst(detected(log, 'kill, 2 s away', 'restart, empty'))],
  ['down detected, silent (worst)', '3 s', (log) => worst(detected(log, 'SIGSTOP, 5 s'))],
  ['up again after Redis answers (worst)', '2 s', (log) => worst(log.cycles.filter(({ back }) => back !== undefined).map(({ back }) => back))],
  ['stale reads after recovery', '0', (log) => log.stale.length],
  ['acknowledged writes lost without a word', '0', (log) => log.lost.length],
  ['writes with an unknown outcome, as their callers were told', '', (log) => log.unknown],
];
let page = `# The tier in JavaScript over a redis-server in trouble\n\n\`cargo xtask chaos --js --cycles ${cycles}\` (\`pkg/test/tier/chaos.js\`): ${CALLERS} callers, Node ${process.versions.node}.\n\n`;
page += `| | bar | ${Object.keys(logs).join(' | ')} |\n|---|---|${Object.keys(logs).map(() => '---').join('|')}|\n`;
for (const [what, bar, of] of rows) page += `| ${what} | ${bar} | ${Object.values(logs).map(of).join(' | ')} |\n`;
console.log(page);
const broken = Object.values(logs).flatMap((log) => [...log.errors, ...log.stale, ...log.lost]);
for (const line of broken.slice(0, 20)) console.error(`   ! ${line}`);
if (process.argv[3]) writeFileSync(process.argv[3], page);
process.exit(broken.length === 0 ? 0 : 1);
