// cachette/tier over a redis-server that speaks TLS alone and asks for a password.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Redis as Ioredis } from 'ioredis';
import { createClient } from 'redis';
import { Tier } from 'cachette/tier';
import { Redis, until } from './redis.js';

const folder = mkdtempSync(join(tmpdir(), 'cachette-tls-'));
const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
const password = 'secret';
let redis;
let ca;

/** A certificate that vouches for itself. */
function certify() {
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...name]);
  return made.status === 0;
}

const skip = certify() ? false : 'there is no openssl to make a certificate with';

before(async () => {
  if (skip) return;
  ca = readFileSync(cert);
  redis = await Redis.startTls({ key, cert }, '--requirepass', password);
});
after(async () => {
  await redis?.remove();
  rmSync(folder, { recursive: true, force: true });
});

const clients = {
  'node-redis': (password) => createClient({ password, socket: { host: 'localhost', port: redis.port, tls: true, ca } }),
  ioredis: (password) => new Ioredis({ host: 'localhost', port: redis.port, password, tls: { ca }, lazyConnect: true }),
};

for (const [name, make] of Object.entries(clients)) {
  test(`TLS and a password, with ${name}`, { skip }, async () => {
    const tier = new Tier(make(password), { conflict: 'overwrite' });
    await until(() => tier.health().state === 'up' && tier.health().tracking, 'UP');
    assert.equal(await tier.set('k', 'v', { ttl: 60_000 }), 'l2');
    assert.equal(redis.cli('GET', 'k'), 'v');
    assert.equal(tier.peek('k'), 'v');
    redis.cli('SET', 'k', 'w');
    await until(() => tier.peek('k') === undefined, 'word of the change');
    assert.equal(await tier.get('k'), 'w');
    await redis.kill();
    await until(() => tier.health().state === 'down', 'DOWN', 1000);
    assert.equal(await tier.get('k'), 'w');
    await redis.restart();
    await until(() => tier.health().state === 'up', 'UP', 2000);
    assert.equal(await tier.get('k'), null);
    tier.close();
  });

  test(`a wrong password is said, and hidden behind nothing, with ${name}`, { skip }, async () => {
    const tier = new Tier(make('wrong'));
    const told = new Promise((tell) => tier.on('configuration', tell));
    assert.match((await told).words, /^WRONGPASS/);
    await assert.rejects(tier.get('k'), { code: 'CONFIGURATION' });
    tier.close();
  });
}
