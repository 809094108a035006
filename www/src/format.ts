// Figures as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const SIZES = ['B', 'KB', 'MB', 'GB', 'TB'];

/** `3,412`. */
export function count(n: number): string {
  return whole.format(n);
}

/** `812 B`, `1.42 MB`: three figures, steps of 1024 as in `maxmemory`. */
export function bytes(n: number): string {
  let step = 0;
  while (n >= 1000 && step < SIZES.length - 1) {
    n /= 1024;
    step++;
  }
  return `${threeFigures(n, step === 0)} ${SIZES[step]}`;
}

function threeFigures(n: number, isWhole: boolean): string {
  if (isWhole || n >= 100) return String(Math.round(n));
  return n.toFixed(n >= 10 ? 1 : 2).replace(/\.?0+$/, '');
}

/** `9.4 s`, `59 s`, `4 m 05 s`, `2 h 03 m`, `3 d 4 h`: tenths only where they are worth watching. */
export function duration(ms: number): string {
  if (ms < 10_000) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const [minutes, hours, days] = [Math.floor(seconds / 60), Math.floor(seconds / 3600), Math.floor(seconds / 86_400)];
  if (hours === 0) return `${minutes} m ${two(seconds % 60)} s`;
  if (days === 0) return `${hours} h ${two(minutes % 60)} m`;
  return `${count(days)} d ${hours % 24} h`;
}

/** What a command took: `12 µs`, `3.1 ms`. A clock that is too coarse for it gives the bound it can vouch for. */
export function took(ms: number): string {
  if (ms <= 0) return '< 0.1 ms';
  if (ms < 1) return `${Math.max(1, Math.round(ms * 1000))} µs`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

/** `93.1 %`. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(share === 1 || share === 0 ? 0 : 1)} %`;
}

function two(n: number): string {
  return String(n).padStart(2, '0');
}
