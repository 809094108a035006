// A command line and its words, by redis-cli's rules of quoting.

const ESCAPES: Record<string, number> = { n: 10, r: 13, t: 9, b: 8, a: 7 };

/** The words of a line; undefined where a quote is not closed or not followed by a space. */
export function split(line: string): Buffer[] | undefined {
  const words: Buffer[] = [];
  const rest = /\s*(?:"((?:\\.|[^"\\])*)"|'((?:\\'|[^'])*)'|([^\s"'][^\s]*))(?=\s|$)/gy;
  let at = 0;
  for (let found = rest.exec(line); found !== null; found = rest.exec(line)) {
    const [, double, single, plain] = found;
    if (double !== undefined) words.push(unescaped(double));
    else words.push(Buffer.from(single?.replaceAll("\\'", "'") ?? plain!));
    at = rest.lastIndex;
  }
  return line.slice(at).trim() === '' ? words : undefined;
}

function unescaped(text: string): Buffer {
  const parts = text.split(/(\\x[0-9a-f]{2}|\\.)/i).map((part) => {
    if (!part.startsWith('\\')) return Buffer.from(part);
    if (part.length === 4) return Buffer.from([parseInt(part.slice(2), 16)]);
    const code = ESCAPES[part[1]!];
    return code === undefined ? Buffer.from(part.slice(1)) : Buffer.from([code]);
  });
  return Buffer.concat(parts);
}

/** Bytes between quotes, so that reading them gives the same again. Letters of every script stay as they are. */
export function quote(bytes: Uint8Array): string {
  let text = '';
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    text = Buffer.from(bytes).toString('latin1').replace(/[\x80-\xff]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`);
    return `"${text.replace(/["\0-\x1f\x7f]/g, escaped)}"`;
  }
  return `"${text.replace(/["\\]|[\0-\x1f\x7f]/g, escaped)}"`;
}

function escaped(char: string): string {
  const code = char.charCodeAt(0);
  if (char === '"' || char === '\\') return `\\${char}`;
  const [letter] = Object.entries(ESCAPES).find(([, of]) => of === code) ?? [];
  return letter === undefined ? `\\x${code.toString(16).padStart(2, '0')}` : `\\${letter}`;
}
