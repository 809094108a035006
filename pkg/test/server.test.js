// `cachette/server` and `npx cachette`, from the packed package, over sockets: as a server for the clients that programs use, and byte by byte.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { here, installed, run } from './installed.js';

const clients = join(here, '../../tests/clients');
let folder, listen, shared, Cachette;

before(async () => {
  const consumer = await installed('ioredis', 'redis');
  folder = consumer.folder;
  ({ listen } = await consumer.load('cachette/server'));
  ({ shared, Cachette } = await consumer.load('cachette'));
  for (const script of ['ioredis.mjs', 'node-redis.mjs']) await copyFile(join(clients, script), join(folder, script));
});

/** A listener that is closed after the test. */
async function server(t, options) {
  const listener = await listen(options);
  t.after(() => listener.close());
  return listener;
}

/** A raw connection: `say` writes, `hear` waits until so much has come and gives it. */
async function raw(t, where) {
  const socket = connect(where);
  t.after(() => socket.destroy());
  let text = '';
  let check = () => {};
  let closed = false;
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
    check();
  });
  socket.on('close', () => {
    closed = true;
    check();
  });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const until = (done) => new Promise((resolve) => {
    check = () => { if (done()) resolve(); };
    check();
  });
  return {
    socket,
    say: (bytes) => socket.write(bytes),
    async hear(expected) {
      await until(() => text.length >= expected.length || closed);
      assert.equal(text.slice(0, expected.length), expected);
      text = text.slice(expected.length);
    },
    async hearEnd() {
      await until(() => closed);
      return text;
    },
  };
}

for (const script of ['ioredis.mjs', 'node-redis.mjs']) {
  test(`a program with ${script} works against it`, async (t) => {
    const { port } = await server(t);
    const { stdout } = await run(process.execPath, [join(folder, script), String(port)], { cwd: folder });
    assert.match(stdout, /checks passed/);
  });
}

test('a program with redis-py works against it', async (t) => {
  const packages = join(here, '../../target/tmp/clients/python');
  const env = { ...process.env, PYTHONPATH: packages };
  try {
    await run('python3', ['-c', 'import redis'], { env }).catch(() =>
      run('python3', ['-m', 'pip', 'install', '--quiet', '--target', packages, '-r', join(clients, 'requirements.txt')]),
    );
  } catch (error) {
    assert.notEqual(process.env.CLIENTS, 'required', error.message);
    return t.skip('Python with pip is missing, or could not install redis');
  }
  const { port } = await server(t);
  const { stdout } = await run('python3', [join(clients, 'redis_py.py'), String(port)], { env });
  assert.match(stdout, /checks passed/);
});

test('every listener has a cache of its own, unless one is shared by name or handed in', async (t) => {
  const [a, b] = [await server(t), await server(t)];
  a.cache.set('k', 'a');
  assert.equal(b.cache.get('k'), null);
  const [c, d] = [await server(t, { name: 'one' }), await server(t, { name: 'one' })];
  c.cache.set('k', 'shared');
  assert.equal(d.cache.get('k'), 'shared');
  assert.equal(shared('one').get('k'), 'shared');
  assert.equal(shared('other').get('k'), null);
  await c.close();
  assert.equal(d.cache.get('k'), 'shared');
  const cache = new Cachette();
  const mine = await server(t, { cache });
  cache.set('k', 'mine');
  const line = await raw(t, mine.port);
  line.say('GET k\r\n');
  await line.hear('$4\r\nmine\r\n');
});

test('requests are whole whatever pieces they come in', async (t) => {
  const { port } = await server(t);
  const line = await raw(t, port);
  line.socket.setNoDelay(true);
  const request = '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nb\r\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n';
  for (const byte of request) {
    line.say(byte);
    await new Promise(setImmediate);
  }
  await line.hear('+OK\r\n$5\r\na\r\nb\r\r\n+PONG\r\n');
  // Half of a request, and then ten thousand small arguments in small pieces.
  const words = Array.from({ length: 10_000 }, (_, i) => `$6\r\n${String(i).padStart(6, '0')}\r\n`).join('');
  const many = `*10002\r\n$5\r\nRPUSH\r\n$4\r\nlist\r\n${words}`;
  for (let at = 0; at < many.length; at += 700) line.say(many.slice(at, at + 700));
  await line.hear(':10000\r\n');
});

test('a pipeline is answered in order, errors among the answers', async (t) => {
  const { port } = await server(t);
  const line = await raw(t, port);
  line.say('SET n 1\r\nINCR n\r\nLPUSH n x\r\nNOPE\r\nGET n\r\n'.repeat(500));
  const answers = "+OK\r\n:2\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n-ERR unknown command 'NOPE', with args beginning with: \r\n$1\r\n2\r\n";
  await line.hear(answers.repeat(500));
});

test('who waits is served in turn, and what was sent meanwhile runs then', async (t) => {
  const { port } = await server(t);
  const [a, b] = [await raw(t, port), await raw(t, port)];
  a.say('BLPOP q 0\r\nPING a\r\n');
  await new Promise((resolve) => setImmediate(resolve));
  a.say('PING b\r\n');
  b.say('RPUSH q v\r\nBLPOP none 0.01\r\n');
  await b.hear(':1\r\n*-1\r\n');
  await a.hear('*2\r\n$1\r\nq\r\n$1\r\nv\r\n$1\r\na\r\n$1\r\nb\r\n');
});

test('messages reach subscribers, as pushes in RESP3', async (t) => {
  const { port } = await server(t);
  const [a, b, c] = [await raw(t, port), await raw(t, port), await raw(t, port)];
  a.say('SUBSCRIBE news\r\n');
  await a.hear('*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n');
  b.say('CLIENT REPLY OFF\r\nHELLO 3\r\nCLIENT REPLY ON\r\nPSUBSCRIBE n*\r\n');
  await b.hear('+OK\r\n>3\r\n$10\r\npsubscribe\r\n$2\r\nn*\r\n:1\r\n');
  c.say('PUBLISH news hello\r\n');
  await c.hear(':2\r\n');
  await a.hear('*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n');
  await b.hear('>4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$5\r\nhello\r\n');
});

test('a password is asked for', async (t) => {
  const listener = await server(t, { requirepass: 'se cret' });
  assert.equal(listener.url, `redis://:se%20cret@127.0.0.1:${listener.port}`);
  const line = await raw(t, listener.port);
  line.say('GET k\r\n');
  await line.hear('-NOAUTH Authentication required.\r\n');
  line.say('AUTH wrong\r\nAUTH "se cret"\r\nGET k\r\n');
  await line.hear('-WRONGPASS invalid username-password pair or user is disabled.\r\n+OK\r\n$-1\r\n');
  // The limits of those who have not said who they are hold before the request is whole.
  const stranger = await raw(t, listener.port);
  stranger.say('*2\r\n$3\r\nGET\r\n$100000\r\n');
  assert.match(await stranger.hearEnd(), /^-ERR Protocol error: unauthenticated bulk length/);
});

test('limits hold: memory, clients', async (t) => {
  const { port } = await server(t, { maxmemory: '1mb', config: { maxclients: 2 } });
  const [a] = [await raw(t, port), await raw(t, port)];
  assert.equal(await (await raw(t, port)).hearEnd(), '-ERR max number of clients reached\r\n');
  a.say(`SET k ${'x'.repeat(60_000)}\r\n`.repeat(1) + Array.from({ length: 30 }, (_, i) => `SET k${i} ${'x'.repeat(60_000)}\r\n`).join(''));
  const answers = await new Promise((resolve) => {
    let text = '';
    a.socket.on('data', (bytes) => {
      text += bytes;
      if (text.split('\r\n').length > 31) resolve(text);
    });
  });
  assert.match(answers, /^(\+OK\r\n)+(-OOM command not allowed when used memory > 'maxmemory'\.\r\n)+$/);
});

test('what is no request ends that conversation alone', async (t) => {
  const { port } = await server(t);
  const [good, bad] = [await raw(t, port), await raw(t, port)];
  bad.say('*1\r\n+PING\r\n');
  assert.match(await bad.hearEnd(), /^-ERR Protocol error: expected '\$', got '\+'\r\n$/);
  good.say('PING\r\n');
  await good.hear('+PONG\r\n');
});

test('QUIT, CLIENT KILL and a closed half end with everything answered', async (t) => {
  const { port } = await server(t);
  const [a, b, c] = [await raw(t, port), await raw(t, port), await raw(t, port)];
  a.say('SET k v\r\nQUIT\r\nGET k\r\n');
  assert.equal(await a.hearEnd(), '+OK\r\n+OK\r\n');
  c.say('CLIENT ID\r\n');
  const id = await new Promise((resolve) => c.socket.once('data', (bytes) => resolve(String(bytes).slice(1, -2))));
  b.say(`CLIENT KILL ID ${id}\r\n`);
  await c.hearEnd();
  b.socket.end('GET k\r\n');
  assert.equal(await b.hearEnd(), ':1\r\n$1\r\nv\r\n');
});

test('a unix socket serves as well, and its file goes with it', async (t) => {
  const path = join(folder, 'socket');
  const listener = await server(t, { unixsocket: path });
  assert.deepEqual([listener.url, listener.port], [`unix://${path}`, undefined]);
  const line = await raw(t, path);
  line.say('CLIENT LIST\r\n');
  await line.hear('$');
  await listener.close();
  await assert.rejects(raw(t, path), { code: 'ENOENT' });
});

test('closing ends the listener and its cache, with everything answered', async (t) => {
  const listener = await server(t);
  const [busy, idle] = [await raw(t, listener.port), await raw(t, listener.port)];
  busy.say(`*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$4000000\r\n${'x'.repeat(4_000_000)}\r\nGET big\r\n`);
  await busy.hear('+OK\r\n');
  await listener.close();
  assert.equal((await busy.hearEnd()).length, 4_000_000 + '$4000000\r\n\r\n'.length);
  await idle.hearEnd();
  await listener.closed;
  assert.throws(() => listener.cache.get('k'), { name: 'CacheClosedError' });
  await assert.rejects(raw(t, listener.port), { code: 'ECONNREFUSED' });
});

test('an address that cannot be had is an error', async (t) => {
  const { port } = await server(t);
  await assert.rejects(listen({ port }), { code: 'EADDRINUSE' });
  await assert.rejects(listen({ config: { nosuch: 1 } }), /Unknown option/);
});

/** Runs `npx cachette`, with the lines given to it; resolves with what it said. */
function cachette(args, lines) {
  const child = spawn(process.execPath, [join(folder, 'node_modules/cachette/dist/node/cli.js'), ...args]);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (said += bytes));
  if (lines !== undefined) child.stdin.end(lines);
  const ended = new Promise((resolve) => child.on('close', (code) => resolve({ code, said })));
  return { child, ended, until: (pattern) => new Promise((resolve) => child.stdout.on('data', () => pattern.test(said) && resolve(pattern.exec(said)))) };
}

test('npx cachette serve serves until a signal', async (t) => {
  const { child, ended, until } = cachette(['serve', '--port', '0', '--requirepass', 'pw', '--maxmemory', '1mb', '--maxmemory-policy', 'allkeys-lru']);
  t.after(() => child.kill('SIGKILL'));
  const [, port] = await until(/Ready to accept connections on 127\.0\.0\.1:(\d+)/);
  const line = await raw(t, Number(port));
  line.say('AUTH pw\r\nCONFIG GET maxmemory\r\n');
  await line.hear('+OK\r\n*2\r\n$9\r\nmaxmemory\r\n$7\r\n1048576\r\n');
  child.kill('SIGTERM');
  assert.equal((await ended).code, 0);
  const wrong = await cachette(['serve', '--nosuch', '1']).ended;
  assert.deepEqual([wrong.code, /Unknown option/.test(wrong.said)], [1, true]);
});

test('npx cachette repl speaks to a cache of its own, and to any server', async (t) => {
  const lines = 'set "a key" "\\x00\\xff\\n"\nget "a key"\nrpush l a b\nlrange l 0 -1\nzadd z 1.5 m\nzscore z m\nnope\nhelp getdel\nhelp xgroup\nget "\n';
  const expected = ['OK', '"\\x00\\xff\\n"', '(integer) 2', '1) "a"\n2) "b"', '(integer) 1', '(double) 1.5', "(error) ERR unknown command 'nope'", 'GETDEL key', 'XGROUP CREATE', 'A quote is not closed'];
  const alone = await cachette(['repl'], lines).ended;
  assert.equal(alone.code, 0);
  for (const part of expected) assert.ok(alone.said.includes(part), `${part} in ${alone.said}`);
  const { url, cache } = await server(t, { requirepass: 'pw' });
  const remote = await cachette(['repl', `${url}/3`], lines).ended;
  for (const part of expected) assert.ok(remote.said.includes(part), `${part} in ${remote.said}`);
  cache.call('SELECT', 3);
  assert.equal(cache.llen('l'), 2);
});
