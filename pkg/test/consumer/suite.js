// All that is run in a runtime: the checks, and the scenarios through the package's own instances. No test library, no Node.
import { runChecks } from './checks.js';
import { instances, runScenarios } from './scenarios.js';

/** The door speaks RESP3, to one conversation, which cannot wait. */
const OPTIONS = { resp: 3, able: ['x87'] };
/** What `cachette/full` adds. */
const OF_FULL = { resp: 3, able: ['x87', 'admin'] };

/**
 * Runs all with the package's exports and what `cargo test --test scenarios export` wrote. `early` is a cache that was made at module scope, where a
 * host lets one be made; see `makeEarly`. With `full` of `cachette/full` among the exports the scenarios run on the
 * complete engine, too. Gives `{ checks, scenarios }`: each a list of `{ name, error }`, error empty if it held.
 */
export async function runSuite(cachette, files, early) {
  const checks = await runChecks(cachette);
  if (early !== undefined) checks.push({ name: 'a cache made at module scope serves later calls', error: judgeEarly(early) });
  await cachette.Cachette.create();
  const scenarios = runScenarios(files, instances(cachette), OPTIONS).results;
  if (cachette.full !== undefined) {
    await cachette.full();
    scenarios.push(...runScenarios(files, instances(cachette, cachette.full), OF_FULL).results);
  }
  return { checks, scenarios };
}

/** A cache that is made and written while modules load: where edge workers refuse randomness and timers, and their clock may stand at 0. */
export function makeEarly({ Cachette }) {
  const cache = new Cachette({ maxmemory: '1mb' });
  cache.set('early', 'bird');
  cache.hset('early:hash', 'field', 'value');
  return cache;
}

function judgeEarly(cache) {
  try {
    cache.set('late', 'v', { ex: 60 });
    const found = JSON.stringify([cache.get('early'), cache.hget('early:hash', 'field'), cache.ttl('late')]);
    return found === '["bird","value",60]' ? '' : `found ${found}`;
  } catch (error) {
    return String(error);
  }
}
