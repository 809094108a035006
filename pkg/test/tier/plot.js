// A run as a picture: latency (p50, p99, by logarithm) above, where answers came from below; times of trouble are grey.

const WIDTH = 900;
const LEFT = 50;
const SLOTS = 300;
const SOURCES = { l1: ['L1', '#388e3c'], stale: ['L1, stale', '#f57c00'], l2: ['L2', '#1976d2'], factory: ['factory', '#c2185b'], fallback: ['nothing', '#999'] };
const LATENCIES = [[0.5, 'p50', '#1976d2'], [0.99, 'p99', '#c2185b']];

/** `samples`: second, ms, source, in order; `cycles`: trouble, from, to in seconds. */
export function plot(samples, cycles, end) {
  const x = (at) => LEFT + ((WIDTH - LEFT - 10) * at) / end;
  const slot = end / SLOTS;
  const slots = Array.from({ length: SLOTS }, () => []);
  for (const sample of samples) slots[Math.floor(sample[0] / slot)]?.push(sample);
  const lines = [`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} 400" font-family="sans-serif" font-size="11">`];
  lines.push('<rect width="100%" height="100%" fill="#fff"/>');
  for (const { trouble, from, to } of cycles.filter(({ from }) => from < end)) {
    const wide = Math.max(1, x(Math.min(to, end)) - x(from));
    lines.push(`<rect x="${x(from).toFixed(1)}" y="30" width="${wide.toFixed(1)}" height="330" fill="#eee"/>`);
    lines.push(`<text x="${x(from).toFixed(1)}" y="26" fill="#666" font-size="8">${trouble}</text>`);
  }
  for (const [label, at] of [['1 µs', 205], ['1 ms', 120], ['1 s', 35]]) {
    lines.push(`<text x="4" y="${at}" fill="#666">${label}</text>`, `<line x1="${LEFT}" x2="${WIDTH}" y1="${at}" y2="${at}" stroke="#ddd"/>`);
  }
  for (const [index, [share, name, color]] of LATENCIES.entries()) {
    const points = slots.flatMap((slot, at) => (slot.length === 0 ? [] : [`${x(at * (end / SLOTS)).toFixed(1)},${height(slot, share).toFixed(1)}`]));
    lines.push(`<polyline points="${points.join(' ')}" fill="none" stroke="${color}"/>`, `<text x="${60 + index * 30}" y="12" fill="${color}">${name}</text>`);
  }
  for (const [at, samples] of slots.entries()) {
    let top = 230;
    for (const [source, [, color]] of Object.entries(SOURCES)) {
      const high = (130 * samples.filter(([, , from]) => from === source).length) / Math.max(1, samples.length);
      if (high > 0.05) lines.push(`<rect x="${x(slot * at).toFixed(1)}" y="${top.toFixed(1)}" width="${(x(slot) - LEFT + 0.3).toFixed(1)}" height="${high.toFixed(1)}" fill="${color}"/>`);
      top += high;
    }
  }
  for (const [at, [name, color]] of Object.values(SOURCES).entries()) lines.push(`<text x="${60 + at * 90}" y="378" fill="${color}">${name}</text>`);
  lines.push(`<text x="${WIDTH - 10}" y="394" text-anchor="end" fill="#666">${end.toFixed(0)} s</text>`, '</svg>');
  return `${lines.join('\n')}\n`;
}

/** Of a share of the calls' latency: from 1 µs to 1 s. */
function height(samples, share) {
  const took = samples.map(([, took]) => took * 1000).sort((a, b) => a - b)[Math.floor(samples.length * share)];
  return 205 - 170 * Math.min(1, Math.log10(Math.max(1, took)) / 6);
}
