// Lengths of time, as options say them.

/** Milliseconds, or text: `'250ms'`, `'10s'`, `'5m'`, `'2h'`, `'1d'`. */
export type Duration = number | string;

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds; throws a TypeError that says what would be right. */
export function milliseconds(duration: Duration): number {
  if (typeof duration === 'number' && duration >= 0) return duration;
  const [, digits, unit] = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$/.exec(String(duration)) ?? [];
  if (unit === undefined) throw new TypeError(`a length of time is milliseconds or text such as '10s', not ${JSON.stringify(duration)}`);
  return Number(digits) * UNITS[unit]!;
}
