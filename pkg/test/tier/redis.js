// A redis-server of one's own, on a free port, gone when it is stopped.

import { spawn, spawnSync } from 'node:child_process';
import { createServer, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

export class Redis {
  static async start() {
    const redis = new Redis(await freePort());
    await redis.restart();
    return redis;
  }

  constructor(port) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
  }

  /** Starts it anew, empty. */
  async restart() {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    this.child = spawn('redis-server', args, { stdio: 'ignore' });
    for (let attempt = 0; attempt < 400; attempt++) {
      if (await listens(this.port)) return;
      await sleep(10);
    }
    throw new Error('redis-server does not listen');
  }

  async kill() {
    const ended = new Promise((done) => this.child.once('exit', done));
    this.child.kill('SIGKILL');
    await ended;
  }

  stop() {
    this.child.kill('SIGSTOP');
  }

  go() {
    this.child.kill('SIGCONT');
  }

  cli(...words) {
    return spawnSync('redis-cli', ['-p', String(this.port), ...words], { encoding: 'utf8' }).stdout.trim();
  }
}

function listens(port) {
  return new Promise((answer) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), answer(true)));
    socket.once('error', () => answer(false));
  });
}

/** Waits until `holds()` is true. */
export async function until(holds, what, within = 5000) {
  const start = performance.now();
  while (!(await holds())) {
    if (performance.now() - start > within) throw new Error(`${what} did not come true within ${within} ms`);
    await sleep(2);
  }
  return performance.now() - start;
}
