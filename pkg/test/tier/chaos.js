// Trouble for a tier at load, in JavaScript: what benches/tier does in Rust.
//
//   node chaos.js run CLIENT CYCLES FILE      one piece: its outcome as JSON
//   node chaos.js report FOLDER FILE...       the pieces as tier_chaos_js.md and a plot for each client
//
// Callers read keys that somebody else writes all the time, have values made, and write keys of their own, while redis-server is killed, stopped,
// emptied, or loses its clients; or while masters of a cluster, or under Sentinel, are killed.

import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, Redis as Ioredis } from 'ioredis';
import { createClient, createCluster, createSentinel } from 'redis';
import { Tier } from 'cachette/tier';
import { plot } from './plot.js';
import { Redis, RedisCluster, Sentinels, until } from './redis.js';

const CALLERS = 8;
const PAUSE = 5;
/** How long word of a change may be on its way. */
const TOLD_WITHIN = 250;
/** Seconds that the plot shows. */
const PLOTTED = 60;
const ignore = () => undefined;

/** Each comes back when Redis answers again, with the moment of that. */
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
const FAILOVER = {
  'master killed, another takes over': async (group, log) => {
    const killed = await group.failOver();
    const over = performance.now();
    // What the dead one had acknowledged to others may not have reached its replica.
    log.others.clear();
    await sleep(1500);
    await group.rejoin(killed);
    return over;
  },
};
/** Whether what Redis had may be gone afterwards. */
const loses = (trouble) => trouble !== 'SIGSTOP, 5 s' && trouble !== 'CLIENT KILL';

const single = (make) => ({ start: () => Redis.start(), troubles: TROUBLES, nodes: 1, make });
const clustered = (make) => ({ start: () => RedisCluster.start(), troubles: FAILOVER, nodes: 3, make });
const watched = (make) => ({ start: () => Sentinels.start(), troubles: FAILOVER, nodes: 1, make });
const CLIENTS = {
  'node-redis': single((redis) => createClient({ url: redis.url })),
  ioredis: single((redis) => new Ioredis(redis.port, '127.0.0.1', { lazyConnect: true })),
  'node-redis, cluster': clustered(({ nodes }) => createCluster({ rootNodes: nodes.map((socket) => ({ socket })) })),
  'ioredis, cluster': clustered(({ nodes }) => new Cluster(nodes, { lazyConnect: true })),
  'node-redis, Sentinel': watched(({ nodes }) => createSentinel({ name: 'mymaster', sentinelRootNodes: nodes }).connect()),
  'ioredis, Sentinel': watched(({ nodes }) => new Ioredis({ sentinels: nodes, name: 'mymaster', lazyConnect: true })),
};

const versionOf = (value) => Number(String(value).split('=').at(-1));

/** Where an answer came from; of a write, who has it. */
function sourceOf(answer) {
  if (typeof answer === 'string') return answer === 'l2' ? 'l2' : 'l1';
  return answer.meta.stale ? 'stale' : answer.meta.source;
}

/** What is known of all that happened. */
class Log {
  start = performance.now();
  /** `at` and `took` in ms, and where the answer came from. */
  samples = [];
  errors = [];
  hotErrors = 0;
  stale = [];
  lost = [];
  unknown = 0;
  /** What calls took that began and ended while Redis was known to be away. */
  down = [];
  cycles = [];
  /** What others wrote last: version, and when Redis had acknowledged it. */
  others = new Map();
  /** Own writes: version, by whom acknowledged, when. */
  acked = new Map();
  /** Journaled writes that were said to be lost. */
  dropped = new Map();
  /** The moment from which reads that are not said to be stale must show what others wrote before. */
  settled = undefined;
  isDown = false;
  running = true;

  async timed(what, call) {
    const start = performance.now();
    const downBefore = this.isDown;
    let source = 'fallback';
    try {
      const answer = await call(start);
      source = sourceOf(answer);
      return answer;
    } catch (error) {
      if (error.code === 'UNKNOWN_OUTCOME') this.unknown++;
      else this.errors.push(`${what}: ${error.message}`);
      if (what === 'hot') this.hotErrors++;
      return undefined;
    } finally {
      const took = performance.now() - start;
      this.samples.push([(start - this.start) / 1000, took, source]);
      if (downBefore && this.isDown) this.down.push(took);
    }
  }
}

async function othersWrite(other, log) {
  for (let version = 1; log.running; version++) {
    const key = `others:${version % 8}`;
    // Where it fails it says so, and the next is tried.
    if ((await other.set(key, `${key}=${version}`).catch(ignore)) === 'l2') log.others.set(key, [version, performance.now()]);
    await sleep(7);
  }
}

async function write(tier, log, key, version) {
  const durability = await log.timed('write', () => tier.set(key, `${key}=${version}`));
  // After an unknown outcome it is not known either whether the one before still stands, and the caller knows that.
  if (durability === undefined) log.acked.delete(key);
  else log.acked.set(key, { version, durability, at: performance.now() });
}

function readHot(tier, log, key) {
  const known = log.others.get(key);
  return log.timed('hot', async (start) => {
    const found = await tier.getWithMeta(key);
    const { value, meta } = found;
    if (known === undefined || value === null || meta.stale || log.settled === undefined || log.settled > start) return found;
    const [version, at] = known;
    if (at + TOLD_WITHIN < start && versionOf(value) < version) log.stale.push(`${key}: ${value}, ${version} was written before`);
    return found;
  });
}

async function call(tier, log, caller) {
  for (let turn = caller, version = 0; log.running; turn++) {
    if (turn % 10 === 0) await write(tier, log, `own:${caller}:${Math.floor(turn / 10) % 20}`, ++version);
    else if (turn % 10 < 3) await log.timed('made', () => tier.getOrSetWithMeta(`made:${(turn * 7919) % 500}`, () => 'made=1', { ttl: 2000 }));
    else await readHot(tier, log, `others:${turn % 8}`);
    await sleep(PAUSE);
  }
}

/** Acknowledged writes that are nowhere, though nobody said so. */
async function verify(tier, log, trouble, answers) {
  for (const [key, { version, durability, at }] of [...log.acked]) {
    // Acknowledged by Redis, and lost by Redis: not ours.
    if (loses(trouble) && durability === 'l2' && at < answers + 300) continue;
    // Given out by Redis itself, not by L1.
    const there = versionOf((await tier.command('GETRANGE', key, 0, -1)) || '=0');
    const overtaken = log.acked.get(key)?.version !== version;
    if (there < version && !overtaken && !(log.dropped.get(key) >= at)) log.lost.push(`${key}: ${version} (${durability}), Redis has ${there}`);
  }
}

async function run(client, count) {
  const { start, troubles, nodes, make } = CLIENTS[client];
  const redis = await start();
  const connect = async (options) => {
    const one = await make(redis);
    one.on('error', ignore);
    return new Tier(one, options);
  };
  // Journaled values are set, so that each can be looked for in Redis.
  const tier = await connect({ conflict: 'overwrite' });
  // Of its own kind: its own L1, its own breaker. It writes only what Redis acknowledges.
  const other = await connect({ onDown: 'fail' });
  const isWhole = (one) => {
    const health = one.health();
    return health.state === 'up' && health.tracking && health.journaled === 0 && (health.nodes?.length ?? 1) === nodes;
  };
  const whole = (what) => until(() => isWhole(tier) && isWhole(other), `whole ${what}`, 30_000);
  await whole('at the beginning');
  const log = new Log();
  tier.on('state', ({ to }) => (log.isDown = to === 'down' || to === 'probing'));
  tier.on('journal', ({ what, key }) => what === 'dropped' && log.dropped.set(key, performance.now()));
  const busy = [othersWrite(other, log), ...Array.from({ length: CALLERS }, (_, caller) => call(tier, log, caller))];

  for (let cycle = 0; cycle < count; cycle++) {
    const [trouble, strike] = Object.entries(troubles)[cycle % Object.keys(troubles).length];
    log.settled = performance.now();
    await sleep(700);
    log.settled = undefined;
    const began = performance.now();
    let detected;
    const off = tier.on('state', ({ to }) => to === 'down' && (detected ??= performance.now() - began));
    const answers = (await strike(redis, log)) ?? performance.now();
    await until(() => isWhole(tier), `whole again after ${trouble}`, 30_000);
    const up = performance.now();
    await whole(`again after ${trouble}`);
    off();
    if (loses(trouble)) log.others.clear();
    await verify(tier, log, trouble, answers);
    const back = detected === undefined ? undefined : Math.max(0, up - answers);
    log.cycles.push({ trouble, from: (began - log.start) / 1000, to: (up - log.start) / 1000, detected, back });
    console.error(`   ${client} ${cycle + 1} ${trouble}: down after ${detected?.toFixed(0) ?? '-'} ms, back after ${back?.toFixed(0) ?? '-'} ms`);
  }
  log.running = false;
  await Promise.all(busy);
  tier.close();
  other.close();
  await (redis.remove ?? redis.kill).call(redis);
  return log;
}

function piece(client, log) {
  const { samples, errors, hotErrors, stale, lost, unknown, down, cycles } = log;
  const end = Math.min(PLOTTED, samples.at(-1)[0]);
  return { client, calls: samples.length, errors, hotErrors, stale, lost, unknown, down, cycles, plot: plot(samples, cycles, end) };
}

// ---- the report -----------------------------------------------------------------------------------------------------------------

const worst = (list) => (list.length === 0 ? '-' : `${Math.max(...list).toFixed(0)} ms`);
const middle = (list) => (list.length === 0 ? '-' : `${[...list].sort((a, b) => a - b)[list.length >> 1].toFixed(0)} ms`);
const percentile = (list, share) => [...list].sort((a, b) => a - b)[Math.floor(list.length * share)];
const known = (list) => list.filter((one) => one !== undefined && one !== null);

function join(client, pieces) {
  const own = pieces.filter((piece) => piece.client === client);
  const all = (name) => own.flatMap((piece) => piece[name]);
  const sum = (name) => own.reduce((sum, piece) => sum + piece[name], 0);
  const cycles = all('cycles');
  const of = (name, ...troubles) => known(cycles.filter(({ trouble }) => troubles.includes(trouble)).map((cycle) => cycle[name]));
  return { client, cycles, of, all, sum, plot: own[0].plot, isSingle: Object.keys(TROUBLES).includes(cycles[0].trouble) };
}

const ROWS = [
  ['calls', '', ({ sum }) => sum('calls')],
  ['cycles', '', ({ cycles }) => cycles.length],
  ['errors on reads of keys in L1', '0', ({ sum }) => sum('hotErrors')],
  ['errors of any call', '', ({ all }) => all('errors').length],
  ['p99 of all calls while down', '2 ms', ({ all, isSingle }) => (isSingle ? `${percentile(all('down'), 0.99).toFixed(2)} ms` : '-')],
  ['down detected, connection refused (worst)', '1 s', ({ of }) => worst(of('detected', 'kill, 2 s away', 'restart, empty', 'master killed, another takes over'))],
  ['down detected, silent (worst)', '3 s', ({ of }) => worst(of('detected', 'SIGSTOP, 5 s'))],
  ['up again after Redis answers (worst)', '2 s', ({ of, isSingle }) => (isSingle ? worst(of('back', ...Object.keys(TROUBLES))) : '-')],
  ['stale reads after recovery', '0', ({ all }) => all('stale').length],
  ['acknowledged writes lost without a word', '0', ({ all }) => all('lost').length],
  ['writes with an unknown outcome, as their callers were told', '', ({ sum }) => sum('unknown')],
];

function page(clients) {
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  let text = `# The tier in JavaScript over real servers in trouble

\`cargo xtask chaos --js --cycles ${clients.find(({ isSingle }) => isSingle)?.cycles.length}\` (\`pkg/test/tier/chaos.js\`), Node ${process.versions.node}: ${CALLERS} callers, each a call every ${PAUSE} ms and more; the load and whoever makes the trouble share one process.

`;
  text += line(['', 'bar', ...clients.map(({ client }) => client)]) + line(['---', '---', ...clients.map(() => '---:')]);
  for (const [what, bar, of] of ROWS) text += line([what, bar, ...clients.map(of)]);
  text += `\n${line(['client', 'trouble', 'times', 'down after, median', 'worst', 'up again, median', 'worst'])}${line(Array(7).fill('---'))}`;
  for (const { client, cycles, of } of clients) {
    for (const trouble of new Set(cycles.map(({ trouble }) => trouble))) {
      const [detected, back] = [of('detected', trouble), of('back', trouble)];
      text += line([client, trouble, cycles.filter((cycle) => cycle.trouble === trouble).length, middle(detected), worst(detected), middle(back), worst(back)]);
    }
  }
  text += `
FLUSHALL and CLIENT KILL are over before the breaker would open. A failover takes as long as the cluster or the sentinels need for it; "up again" counts from the moment
at which another master stands, and until the killed one is back as a replica (which is waited for 1.5 s and more).
`;
  for (const { client } of clients.filter(({ isSingle }) => isSingle)) text += `\n![Latency and source of answers over time, ${client}](tier_chaos_${client}.svg)\n`;
  return text;
}

function report(folder, files) {
  const pieces = files.map((file) => JSON.parse(readFileSync(file, 'utf8')));
  const clients = [...new Set(pieces.map(({ client }) => client))].map((client) => join(client, pieces));
  const text = page(clients);
  console.log(text);
  writeFileSync(`${folder}/tier_chaos_js.md`, text);
  for (const { client, isSingle, plot } of clients) if (isSingle) writeFileSync(`${folder}/tier_chaos_${client}.svg`, plot);
  return pieces;
}

const [task, ...args] = process.argv.slice(2);
let pieces;
if (task === 'run') {
  const [client, count, file] = args;
  pieces = [piece(client, await run(client, Number(count)))];
  writeFileSync(file, JSON.stringify(pieces[0]));
} else {
  const [folder, ...files] = args;
  pieces = report(folder, files);
}
const broken = pieces.flatMap(({ errors, stale, lost }) => [...errors, ...stale, ...lost]);
for (const line of broken.slice(0, 20)) console.error(`   ! ${line}`);
process.exit(broken.length === 0 ? 0 : 1);
