// Where cells are run: the packed package installed outside the tree, a server for browsers, and what several cells share.
// Environment: CACHETTE_TARBALL, the package to test; CACHETTE_SCENARIOS, the scenarios as JSON (default: where `cargo test --test scenarios export`
// leaves them); CHROMIUM, FIREFOX, WEBKIT_DRIVER, XVFB, the programs that the cells which are run need. `cargo xtask matrix` sets them.

import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const here = dirname(fileURLToPath(import.meta.url));
const tests = join(here, '..');

/** Milliseconds after which a cell hangs. */
export const LONGEST = 180_000;

/** Runs a program to its end; gives its standard output, throws with its errors. */
export async function output(program, args, options = {}) {
  try {
    return (await run(program, args, { timeout: LONGEST, maxBuffer: 2 ** 26, ...options })).stdout;
  } catch (error) {
    throw new Error(`${program} ${args.join(' ')}\n${error.stdout ?? ''}\n${error.stderr ?? error}`);
  }
}

/** The version of a package that is installed beside `folder`'s tests. */
export async function versionOf(name, folder = here) {
  return JSON.parse(await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
}

/** What `attempt` gives, once it gives anything; the port of a program that starts is not heard of otherwise. */
export async function until(attempt, within = 30_000) {
  for (const start = Date.now(); ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() - start > within) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** A program that serves until it is ended; `said` is what it printed. */
export function start(path, args, options) {
  const child = spawn(path, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (text += data));
  const ended = new Promise((resolve) => child.once('close', resolve));
  return {
    said: () => text,
    ended,
    async end() {
      // With all that it started itself.
      if (child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
      await ended;
    },
  };
}

/** What the program that serves at this address makes of the scenarios; it is ended then. */
export async function answer(lab, serving, url) {
  try {
    const failed = serving.ended.then(() => Promise.reject(new Error('it ended')));
    await Promise.race([until(() => fetch(url, { method: 'HEAD' }).then((response) => response.body?.cancel()), 90_000), failed]);
    return await lab.ask(url);
  } catch (error) {
    throw new Error(`${error.message}\n${serving.said()}`);
  } finally {
    await serving.end();
  }
}

/** A port that nobody has. */
export async function freePort() {
  const server = createSocket();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function openLab() {
  const tarball = process.env.CACHETTE_TARBALL;
  if (!tarball) throw new Error('CACHETTE_TARBALL must name the packed package; run `cargo xtask matrix`');
  const scenarios = process.env.CACHETTE_SCENARIOS ?? join(tests, '../../target/scenarios.json');
  const folder = await mkdtemp(join(tmpdir(), 'cachette-consumer-'));
  await cp(join(tests, 'consumer'), folder, { recursive: true });
  await copyFile(join(tests, 'scenarios.js'), join(folder, 'scenarios.js'));
  await copyFile(scenarios, join(folder, 'scenarios.json')).catch(() => {
    throw new Error(`${scenarios} is missing: run \`cargo test --test scenarios export\``);
  });
  await writeFile(join(folder, 'package.json'), '{ "name": "consumer", "private": true, "type": "module" }\n');
  await output('npm', ['install', '--offline', '--no-audit', '--no-fund', '--loglevel=error', tarball], { cwd: folder });
  return new Lab(tarball, folder);
}

class Lab {
  #shared = new Map();
  #ends = [];

  /** `folder`: the consumer's, with the package in its node_modules. */
  constructor(tarball, folder) {
    this.tarball = tarball;
    this.folder = folder;
    this.scenarios = join(folder, 'scenarios.json');
  }

  /** What `make` gives, made once however many cells want it. */
  once(key, make) {
    if (!this.#shared.has(key)) this.#shared.set(key, make());
    return this.#shared.get(key);
  }

  /** Has `end` called when the lab closes. */
  atEnd(end) {
    this.#ends.push(end);
  }

  async close() {
    for (const end of this.#ends.reverse()) await end();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The scenarios as text, for those who get them in a request. */
  body() {
    return this.once('scenarios', () => readFile(this.scenarios, 'utf8'));
  }

  /** What a worker at this address answers to the scenarios. */
  async ask(url) {
    const response = await fetch(url, { method: 'POST', body: await this.body(), signal: AbortSignal.timeout(LONGEST) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.status} from ${url}\n${text.slice(0, 2000)}`);
    return JSON.parse(text);
  }

  /** A folder beside the consumer's for what bundlers write. */
  async outDir(name) {
    const folder = join(this.folder, 'built', name);
    await mkdir(folder, { recursive: true });
    return folder;
  }

  /**
   * A project of its own (projects/NAME) with its dependencies and the package, outside the tree. It stays between runs, for its installation takes
   * longest; the package is put into it anew.
   */
  project(name) {
    return this.once(`project ${name}`, async () => {
      const source = join(here, 'projects', name);
      const lock = await readFile(join(source, 'package-lock.json'));
      const place = join(tmpdir(), `cachette-${name}-${createHash('sha256').update(lock).digest('hex').slice(0, 12)}`);
      await cp(source, place, { recursive: true });
      for (const file of ['suite.js', 'checks.js', 'scenarios.js', 'browser/report.js', 'worker.js']) {
        await cp(join(this.folder, file), join(place, 'suite', file), { recursive: true });
      }
      const stamp = join(place, 'node_modules/.installed');
      if (!(await readFile(stamp).catch(() => null))) {
        await output('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: place, timeout: 600_000 });
        await writeFile(stamp, '');
      }
      const installed = join(place, 'node_modules/cachette');
      await rm(installed, { recursive: true, force: true });
      await mkdir(installed, { recursive: true });
      await output('tar', ['-xzf', this.tarball, '-C', installed, '--strip-components', '1']);
      return place;
    });
  }

  /** Serves `folders`, one over the other, and hears what pages report: `{ origin, outcome, missed, close }`. With a policy, it is sent with every answer. */
  async serve(folders, policy) {
    let settle;
    const outcome = new Promise((resolve, reject) => (settle = { resolve, reject }));
    outcome.catch(() => {});
    const timer = setTimeout(() => settle.reject(new Error('nothing was reported')), LONGEST);
    const missed = [];
    const server = createServer(async (request, response) => {
      response.setHeader('access-control-allow-origin', '*');
      if (policy) response.setHeader('content-security-policy', `${policy}; report-uri /violation`);
      const { pathname } = new URL(request.url, 'http://localhost');
      if (request.method === 'POST') {
        const text = await bodyOf(request);
        response.writeHead(204).end();
        if (pathname === '/violation') settle.reject(new Error(`the policy was violated: ${text}`));
        else settle.resolve(JSON.parse(text));
        return;
      }
      const places = pathname === '/scenarios.json' ? [this.scenarios] : folders.map((folder) => join(folder, pathname));
      for (const place of places) {
        const file = await readFile(place).catch(() => null);
        if (file === null) continue;
        response.writeHead(200, { 'content-type': TYPES[extname(pathname)] ?? 'application/octet-stream' }).end(file);
        return;
      }
      if (pathname !== '/favicon.ico') missed.push(pathname);
      response.writeHead(404).end();
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const close = () => {
      clearTimeout(timer);
      server.closeAllConnections();
      server.close();
    };
    return { origin: `http://127.0.0.1:${server.address().port}`, outcome, missed, close };
  }
}

async function bodyOf(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};
