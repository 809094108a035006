// Servers of one's own on loopback: a redis-server, a cluster, a master under Sentinel. Gone when they are killed.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

let next = Math.floor(Math.random() * 4000);

/** A port that is free now. Below those that the system hands out, and so that the cluster's own (10,000 more) is one too. */
async function freePort() {
  for (let attempt = 0; attempt < 4000; attempt++) {
    const port = 13_000 + (next++ % 4000);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
  throw new Error('no free port');
}

function isFree(port) {
  return new Promise((answer) => {
    const server = createServer().once('error', () => answer(false));
    server.listen(port, '127.0.0.1', () => server.close(() => answer(true)));
  });
}

export class Redis {
  static async start(...args) {
    const redis = new Redis(await freePort(), args);
    await redis.restart();
    return redis;
  }

  /** One that speaks TLS alone, with these files. */
  static async startTls({ key, cert }, ...args) {
    const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert, '--tls-auth-clients', 'no'];
    const redis = new Redis(await freePort(), [...files, ...args]);
    redis.portOption = '--tls-port';
    redis.cliArgs = ['--tls', '--cacert', cert, '-h', 'localhost', ...(args.includes('--requirepass') ? ['--no-auth-warning', '-a', args[args.indexOf('--requirepass') + 1]] : [])];
    await redis.restart();
    return redis;
  }

  constructor(port, args) {
    this.port = port;
    this.args = args;
    this.portOption = '--port';
    this.cliArgs = [];
    this.url = `redis://127.0.0.1:${port}`;
    this.folder = mkdtempSync(join(tmpdir(), 'cachette-tier-'));
  }

  /** Starts it anew, empty; what it knows of its cluster stays. */
  async restart() {
    const off = this.portOption === '--port' ? [] : ['--port', '0'];
    const args = [...off, this.portOption, String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...this.args];
    this.child = spawn('redis-server', args, { stdio: 'ignore', cwd: this.folder });
    for (let attempt = 0; attempt < 400; attempt++) {
      if (await listens(this.port)) return;
      await sleep(10);
    }
    throw new Error('redis-server does not listen');
  }

  async kill() {
    await ended(this.child);
  }

  async remove() {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  stop() {
    this.child.kill('SIGSTOP');
  }

  go() {
    this.child.kill('SIGCONT');
  }

  cli(...words) {
    return cli(this.port, ...this.cliArgs, ...words);
  }

  role() {
    return this.cli('ROLE').split('\n')[0];
  }

  /** What it answers to a command, without holding up what else runs in this process; nothing if it is dead. */
  answers(command) {
    return new Promise((answer) => {
      const socket = connect(this.port, '127.0.0.1').setEncoding('utf8');
      socket.once('error', () => answer(''));
      socket.once('data', (text) => (socket.destroy(), answer(text)));
      socket.write(`${command}\r\n`);
    });
  }
}

async function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const done = new Promise((done) => child.once('exit', done));
  child.kill('SIGKILL');
  await done;
}

function cli(port, ...words) {
  return spawnSync('redis-cli', ['-p', String(port), ...words], { encoding: 'utf8' }).stdout.trim();
}

function listens(port) {
  return new Promise((answer) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), answer(true)));
    socket.once('error', () => answer(false));
  });
}

/** A group of servers of which one may be killed so that another takes over. */
class Group {
  constructor(servers) {
    this.servers = servers;
  }

  masters() {
    return this.servers.filter((server) => server.child.exitCode === null && server.child.signalCode === null && server.role() === 'master');
  }

  /** Kills a master; comes back when another has taken over. `meanwhile` is run when it is dead. */
  async failOver(killed = this.masters()[0], meanwhile = async () => undefined) {
    const masters = this.masters();
    await killed.kill();
    await meanwhile();
    const roles = () => Promise.all(this.servers.map((server) => server.answers('ROLE')));
    await until(async () => (await roles()).filter((role) => role.includes('master')).length === masters.length, 'another master', 20_000, 20);
    return killed;
  }

  /** Starts a killed one, which comes back as a replica. */
  async rejoin(killed) {
    await killed.restart();
    const isReplica = (role) => role.includes('slave') && role.includes('connected');
    await until(async () => isReplica(await killed.answers('ROLE')), 'a replica again', 20_000, 20);
  }
}

/** Three masters with a replica each. */
export class RedisCluster extends Group {
  static async start(...args) {
    const servers = [];
    for (let at = 0; at < 6; at++) {
      servers.push(await Redis.start('--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-config-file', 'nodes.conf', ...args));
    }
    const cluster = new RedisCluster(servers);
    const hosts = servers.map(({ port }) => `127.0.0.1:${port}`);
    const made = spawnSync('redis-cli', ['--cluster', 'create', ...hosts, '--cluster-replicas', '1', '--cluster-yes'], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`redis-cli --cluster create: ${made.stdout}`);
    const isWhole = () => servers.every((server) => server.cli('CLUSTER', 'INFO').includes('cluster_state:ok'));
    const replicas = () => servers.filter((server) => server.role() === 'slave' && server.cli('ROLE').includes('connected')).length;
    await until(() => isWhole() && replicas() === 3, 'a cluster', 30_000);
    return cluster;
  }

  get nodes() {
    return this.servers.map(({ port }) => ({ host: '127.0.0.1', port }));
  }

  /** The master that has a key's slot. */
  masterOf(key) {
    return this.masters().find((server) => !server.cli('TYPE', key).startsWith('MOVED'));
  }

  /** `redis-cli -c`. */
  cli(...words) {
    return cli(this.masters()[0].port, '-c', ...words);
  }

  async remove() {
    for (const server of this.servers) await server.remove();
  }
}

/** A master, a replica, and three sentinels that watch them as `mymaster`. */
export class Sentinels extends Group {
  static async start() {
    const master = await Redis.start('--repl-diskless-sync-delay', '0');
    const replica = await Redis.start('--repl-diskless-sync-delay', '0', '--replicaof', '127.0.0.1', String(master.port));
    const group = new Sentinels([master, replica]);
    group.sentinels = [];
    for (let at = 0; at < 3; at++) group.sentinels.push(await sentinel(master.port));
    const knows = ({ port }) => /num-slaves\n1\n/.test(cli(port, 'SENTINEL', 'MASTER', 'mymaster')) && /num-other-sentinels\n2\n/.test(cli(port, 'SENTINEL', 'MASTER', 'mymaster'));
    await until(() => group.sentinels.every(knows), 'sentinels that see each other', 30_000);
    return group;
  }

  get nodes() {
    return this.sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
  }

  cli(...words) {
    return this.masters()[0].cli(...words);
  }

  async remove() {
    for (const { child, folder } of this.sentinels) {
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
    }
    for (const server of this.servers) await server.remove();
  }
}

async function sentinel(masterPort) {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'cachette-sentinel-'));
  const lines = [`port ${port}`, 'bind 127.0.0.1', `sentinel monitor mymaster 127.0.0.1 ${masterPort} 2`];
  lines.push('sentinel down-after-milliseconds mymaster 500', 'sentinel failover-timeout mymaster 3000', 'sentinel parallel-syncs mymaster 1');
  writeFileSync(join(folder, 'sentinel.conf'), `${lines.join('\n')}\n`);
  const child = spawn('redis-server', ['sentinel.conf', '--sentinel'], { stdio: 'ignore', cwd: folder });
  await until(() => listens(port), 'a sentinel');
  return { port, child, folder };
}

/** Waits until `holds()` is true. */
export async function until(holds, what, within = 5000, every = 2) {
  const start = performance.now();
  while (!(await holds())) {
    if (performance.now() - start > within) throw new Error(`${what} did not come true within ${within} ms`);
    await sleep(every);
  }
  return performance.now() - start;
}
