// The bars that are set for cachette from JavaScript: ratios to lru-cache with a TTL, and milliseconds; keys are fresh. Nothing fails for them.

import { LEAST, LEAST_OF_TEXT, NOTHING } from './peers.js';

const BASE = 'lru-cache+ttl';
const LEAST_OF = { cachette: LEAST_OF_TEXT, References: LEAST };
const RATIO = 'cachette / lru-cache with a TTL';

/**
 * Each bar with what was measured in the Node that ran it, as far as it was, and with its floor: what the least of its kind takes. And what was measured in a newer Node, and
 * in a browser, where that was.
 */
export function bars({ operations, latency, memory, start, node24, chromium }) {
  const ratio = (subject, n, operation) => {
    const of = (name, found) => {
      const by = found?.find((one) => one.subject === subject && one.n === n)?.measured[operation];
      return by?.[name] && by[BASE] ? by[name].ns / by[BASE].ns : undefined;
    };
    return {
      value: of(subject, operations?.found), floor: of(LEAST_OF[subject], operations?.found),
      newer: of(subject, node24?.found.all), browser: of(subject, chromium?.found.all),
    };
  };
  const mixed = (subject, n, figure, least = NOTHING) => {
    const of = (name, all) => {
      const found = (name) => all?.find((one) => one.subject === name && one.n === n);
      return found(name) && found(BASE) ? figure(found(name)) / figure(found(BASE)) : undefined;
    };
    return { value: of(subject, latency?.found), floor: of(least, latency?.found), newer: of(subject, node24?.found.latency) };
  };
  const bytes = (size) => {
    const of = (subject) => memory?.found.find((one) => one.subject === subject && one.size === size)?.bytes;
    return { value: of('cachette') && of(BASE) ? of('cachette') / of(BASE) : undefined };
  };
  const worst = (subject) => {
    const max = latency?.found.find((one) => one.subject === subject && one.n === 4e6)?.max;
    return max && max / 1000;
  };
  const sum = (one) => one && one.compile + one.instantiate;
  const begin = (label) => sum(start?.found.modules.find((module) => module.label === label));
  const list = [];
  const bar = (what, measured, bar, of = RATIO) => list.push({ what: `${what}, ${of}`, ...measured, bar });
  bar('text get at 20,000', ratio('cachette', 20_000, 'get'), 0.85);
  bar('text get at 100,000', ratio('cachette', 100_000, 'get'), 0.7);
  bar('text get at 1,000,000', ratio('cachette', 1e6, 'get'), 0.6);
  bar('text set at 100,000', ratio('cachette', 100_000, 'set'), 0.85);
  bar('text set at 1,000,000', ratio('cachette', 1e6, 'set'), 0.75);
  bar('reference get at 20,000', ratio('References', 20_000, 'get'), 0.62);
  bar('reference get at 100,000', ratio('References', 100_000, 'get'), 0.47);
  bar('reference get at 1,000,000', ratio('References', 1e6, 'get'), 0.42);
  bar('reference set at 100,000', ratio('References', 100_000, 'set'), 0.45);
  bar('reference set at 1,000,000', ratio('References', 1e6, 'set'), 0.42);
  bar('text mget of 100 at 1,000,000', ratio('cachette', 1e6, 'mget of 100'), 0.22);
  bar('reference mget of 100 at 1,000,000', ratio('References', 1e6, 'mget of 100'), 0.22);
  bar('reference mix at 1,000,000: mean', mixed('References', 1e6, (one) => one.mean, LEAST), 0.4);
  bar('reference mix at 1,000,000: p99.9 of lateness', mixed('References', 1e6, (one) => one.late.p999), 0.02);
  bar('text mix at 1,000,000: mean', mixed('cachette', 1e6, (one) => one.mean), 0.4);
  bar('text mix at 1,000,000: p99.9 of lateness', mixed('cachette', 1e6, (one) => one.late.p999), 0.02);
  bar('text bytes an entry of 16 characters', bytes(16), 0.5);
  bar('text bytes an entry of 100 characters', bytes(100), 0.7);
  bar('reference mix at 4,000,000: worst call', { value: worst('References'), floor: worst(NOTHING) }, 5, 'milliseconds');
  bar('compile and instantiate', { value: begin('core'), floor: begin('least'), newer: sum(node24?.found.start), browser: sum(chromium?.found.start) }, 2, 'milliseconds');
  return list;
}
