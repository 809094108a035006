// Ratios to lru-cache with a TTL, one group of bars a size and operation.

const SHOWN = { Map: '#999', 'cachette': '#c2185b', References: '#1976d2', 'cachette/lru': '#388e3c', 'cachette/lru s3fifo': '#f57c00' };
const OPERATIONS = ['get', 'set', 'mget of 100', 'get same', 'set same'];
const [WIDTH, HEIGHT, BAR] = [900, 230, 11];

export function plot(measured) {
  const sizes = [...new Set(measured.map(({ n }) => n))];
  const high = HEIGHT - 70;
  const top = 2;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT * sizes.length + 30}" font-family="sans-serif" font-size="11">`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    ...Object.entries(SHOWN).map(([name, color], at) => `<text x="${10 + at * 130}" y="16" fill="${color}">${name}</text>`),
    `<text x="${WIDTH - 10}" y="16" text-anchor="end" fill="#222">time a call, lru-cache with a TTL = 1</text>`,
  ];
  sizes.forEach((n, row) => {
    const base = 30 + row * HEIGHT + 30 + high;
    lines.push(`<text x="30" y="${base - high - 8}" fill="#222">${n.toLocaleString('en')} keys</text>`);
    for (const mark of [0, 0.5, 1, 1.5, 2]) {
      const y = base - (mark / top) * high;
      lines.push(`<line x1="30" x2="${WIDTH - 10}" y1="${y}" y2="${y}" stroke="${mark === 1 ? '#666' : '#ddd'}"/>`, `<text x="26" y="${y + 4}" text-anchor="end" fill="#666">${mark}</text>`);
    }
    OPERATIONS.forEach((operation, group) => {
      const left = 40 + group * 172;
      lines.push(`<text x="${left}" y="${base + 14}" fill="#222">${operation === 'get' || operation === 'set' ? `${operation}, fresh keys` : operation}</text>`);
      Object.entries(SHOWN).forEach(([name, color], at) => {
        const one = measured.find(({ n: of, subject, measured: by }) => of === n && (subject === name || name === 'Map') && by[operation]?.[name]);
        const by = one?.measured[operation];
        if (!by?.['lru-cache+ttl']) return;
        const ratio = by[name].ns / by['lru-cache+ttl'].ns;
        const tall = (Math.min(ratio, top) / top) * high;
        const x = left + at * (BAR + 16);
        lines.push(`<rect x="${x}" y="${(base - tall).toFixed(1)}" width="${BAR}" height="${tall.toFixed(1)}" fill="${color}"/>`);
        lines.push(`<text x="${x + BAR / 2}" y="${(base - tall - 3).toFixed(1)}" text-anchor="middle" font-size="9" fill="#444">${ratio.toFixed(2)}</text>`);
      });
    });
  });
  return `${[...lines, '</svg>'].join('\n')}\n`;
}
