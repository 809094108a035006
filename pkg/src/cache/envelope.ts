// What an entry knows beside its value, written before it:
//
//   \0 fresh,grace,cost,tries,kind,tag=version,…\n value
//
// Only entries that need it have one. A value stored without is what its codec made of it, byte for byte, and other programs can read it; one that begins
// with a zero byte itself is put into an envelope, so that there is no doubt.

/** `''` a value, `e` an error that the factory threw. */
export type Kind = '' | 'e';

export interface About {
  /** Unix milliseconds until which it is fresh; 0: as long as it is there. */
  fresh: number;
  /** Until when it may be given while it is made anew. */
  stale: number;
  /** Milliseconds that the factory took. */
  cost: number;
  /** How often it could not be made anew since it was made. */
  tries: number;
  kind: Kind;
  /** Tags with the versions that they had. */
  tags: [tag: string, version: string][];
}

const PLAIN: About = { fresh: 0, stale: 0, cost: 0, tries: 0, kind: '', tags: [] };
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const LF = 10;
const COMMA = 44;
const ZERO = 48;

/** Whether `value` cannot be stored as it is. */
export function needsEnvelope(value: string | Uint8Array): boolean {
  return typeof value === 'string' ? value.charCodeAt(0) === 0 : value[0] === 0;
}

export function seal(value: string | Uint8Array, about: Partial<About>): string | Uint8Array {
  const { fresh, stale, cost, tries, kind, tags } = { ...PLAIN, ...about };
  const head = `\0${moment(fresh)},${moment(stale)},${moment(cost)},${tries},${kind}${tags.map(([tag, version]) => `,${encodeURIComponent(tag)}=${version}`).join('')}\n`;
  if (typeof value === 'string') return head + value;
  const before = encoder.encode(head);
  const sealed = new Uint8Array(before.length + value.length);
  sealed.set(before);
  sealed.set(value, before.length);
  return sealed;
}

/** Whole milliseconds; what has no end is as far away as numbers go. */
function moment(at: number): number {
  return Math.min(Math.ceil(at), Number.MAX_SAFE_INTEGER);
}

/** An envelope's content, of a value for which {@link needsEnvelope} holds. */
export function open(sealed: string | Uint8Array): { value: string | Uint8Array; about: About } {
  if (typeof sealed === 'string') return { about: read(sealed), value: sealed.slice(cursor) };
  const about = read(decoder.decode(sealed.subarray(0, sealed.indexOf(LF) + 1)));
  return { about, value: sealed.subarray(sealed.indexOf(LF) + 1) };
}

/** Where the next part of a head is read. */
let cursor = 0;

/** Reads a head and leaves `cursor` behind it. Every hit of a cache that has one pays for this, so nothing is cut into pieces that need not be. */
function read(text: string): About {
  cursor = 1;
  const about: About = { fresh: integer(text), stale: integer(text), cost: integer(text), tries: integer(text), kind: '', tags: [] };
  if (text[cursor] === 'e') {
    about.kind = 'e';
    cursor++;
  }
  while (text.charCodeAt(cursor++) === COMMA) {
    const [middle, end] = [text.indexOf('=', cursor), endOf(text)];
    about.tags.push([decodeURIComponent(text.slice(cursor, middle)), text.slice(middle + 1, end)]);
    cursor = end;
  }
  return about;
}

/** The digits from `cursor` on; it is left behind what ends them. */
function integer(text: string): number {
  let value = 0;
  for (let digit = text.charCodeAt(cursor++) - ZERO; digit >= 0 && digit <= 9; digit = text.charCodeAt(cursor++) - ZERO) value = value * 10 + digit;
  return value;
}

/** Where the tag ends that begins at `cursor`. */
function endOf(text: string): number {
  const [comma, line] = [text.indexOf(',', cursor), text.indexOf('\n', cursor)];
  return comma >= 0 && comma < line ? comma : line;
}
