// A command line and its words: read by redis-cli's rules of quoting, and bytes written back by the same rules.

export interface Word {
  /** Text, or bytes where escapes made something that is no text. */
  value: string | Uint8Array;
  /** Where it stands in the line, quotes included. */
  start: number;
  end: number;
}

export interface Line {
  words: Word[];
  /** What is wrong, in words; the line cannot be run then. */
  problem: string | null;
}

const ESCAPES: Record<string, number> = { n: 10, r: 13, t: 9, b: 8, a: 7 };
const encoder = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function split(line: string): Line {
  const words: Word[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && /\s/.test(line[at]!)) at++;
    if (at >= line.length) return { words, problem: null };
    const start = at;
    const quote = line[at] === '"' || line[at] === "'" ? line[at]! : '';
    if (quote === '') {
      while (at < line.length && !/\s/.test(line[at]!)) at++;
      words.push({ value: line.slice(start, at), start, end: at });
      continue;
    }
    const { value, end } = quoted(line, at + 1, quote);
    words.push({ value, start, end });
    if (end > line.length) return { words: words.map((word) => ({ ...word, end: Math.min(word.end, line.length) })), problem: `The quote ${quote} is not closed.` };
    if (end < line.length && !/\s/.test(line[end]!)) return { words, problem: `After the closing quote ${quote} comes a space.` };
    at = end;
  }
}

/** Reads from behind an opening quote; `end` is behind the closing one, or beyond the line if there is none. */
function quoted(line: string, at: number, quote: string): { value: string | Uint8Array; end: number } {
  const parts: number[] = [];
  const text = (plain: string) => parts.push(...encoder.encode(plain));
  while (at < line.length && line[at] !== quote) {
    const hex = quote === '"' && /^\\x([0-9a-f]{2})/i.exec(line.slice(at, at + 4));
    if (hex) {
      parts.push(parseInt(hex[1]!, 16));
      at += 4;
    } else if (line[at] === '\\' && at + 1 < line.length && (quote === '"' || line[at + 1] === "'")) {
      const escape = ESCAPES[line[at + 1]!];
      if (quote === '"' && escape !== undefined) parts.push(escape);
      else text(line[at + 1]!);
      at += 2;
    } else {
      const char = String.fromCodePoint(line.codePointAt(at)!);
      text(char);
      at += char.length;
    }
  }
  return { value: textOrBytes(Uint8Array.from(parts)), end: at + 1 };
}

/** Text where the bytes are UTF-8, else the bytes themselves. */
export function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  try {
    return strict.decode(bytes);
  } catch {
    return bytes;
  }
}

/** True for text that can be shown as it is. */
export function isPlain(value: string | Uint8Array): value is string {
  return typeof value === 'string' && !/[\0-\x08\x0b-\x1f\x7f]/.test(value);
}

/** A value between quotes, so that reading it gives the same bytes again. Letters of every script stay as they are. */
export function quote(value: string | Uint8Array): string {
  return `"${bare(value)}"`;
}

/** As {@link quote}, without the quotes: for a name in a list. */
export function bare(value: string | Uint8Array): string {
  if (typeof value === 'string') return value.replace(/["\\]|[\0-\x1f\x7f]/g, (char) => escaped(char.charCodeAt(0)));
  let shown = '';
  for (const byte of value) shown += byte >= 32 && byte < 127 && byte !== 34 && byte !== 92 ? String.fromCharCode(byte) : escaped(byte);
  return shown;
}

function escaped(byte: number): string {
  if (byte === 34 || byte === 92) return `\\${String.fromCharCode(byte)}`;
  const [letter] = Object.entries(ESCAPES).find(([, code]) => code === byte) ?? [];
  return letter === undefined ? `\\x${byte.toString(16).padStart(2, '0')}` : `\\${letter}`;
}

/** A word as it must be typed: quoted only if it needs to be. */
export function typed(value: string | Uint8Array): string {
  return typeof value === 'string' && /^[^\s"'\\\0-\x1f]+$/.test(value) ? value : quote(value);
}
