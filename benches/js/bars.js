// The bars that are set for cachette from JavaScript: ratios to lru-cache with a TTL, and milliseconds; keys are fresh. Nothing fails for them.

const BASE = 'lru-cache+ttl';
const RATIO = 'cachette / lru-cache with a TTL';

/** Each bar with what was measured, as far as it was. */
export function bars({ operations, latency, memory, start }) {
  const ratio = (subject, n, operation) => {
    const by = operations?.found.find((one) => one.subject === subject && one.n === n)?.measured[operation];
    return by?.[subject] && by[BASE] ? by[subject].ns / by[BASE].ns : undefined;
  };
  const late = (n, figure) => {
    const of = (subject) => latency?.found.find((one) => one.subject === subject && one.n === n);
    return (subject) => (of(subject) && of(BASE) ? figure(of(subject)) / figure(of(BASE)) : undefined);
  };
  const bytes = (size) => {
    const of = (subject) => memory?.found.find((one) => one.subject === subject && one.size === size)?.bytes;
    return of('cachette') && of(BASE) ? of('cachette') / of(BASE) : undefined;
  };
  const worst = latency?.found.find((one) => one.subject === 'References' && one.n === 4e6)?.max;
  const list = [];
  const bar = (what, value, bar, of = RATIO) => list.push({ what: `${what}, ${of}`, value, bar });
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
  bar('reference mix at 1,000,000: mean', late(1e6, (one) => one.mean)('References'), 0.4);
  bar('reference mix at 1,000,000: p99.9 of lateness', late(1e6, (one) => one.late.p999)('References'), 0.02);
  bar('text mix at 1,000,000: mean', late(1e6, (one) => one.mean)('cachette'), 0.4);
  bar('text mix at 1,000,000: p99.9 of lateness', late(1e6, (one) => one.late.p999)('cachette'), 0.02);
  bar('text bytes an entry of 16 characters', bytes(16), 0.5);
  bar('text bytes an entry of 100 characters', bytes(100), 0.7);
  bar('reference mix at 4,000,000: worst call', worst && worst / 1000, 5, 'milliseconds');
  bar('compile and instantiate', start && start.found.compile + start.found.instantiate, 2, 'milliseconds');
  return list;
}
