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

/** Whether `value` cannot be stored as it is. */
export function needsEnvelope(value: string | Uint8Array): boolean {
  return typeof value === 'string' ? value.charCodeAt(0) === 0 : value[0] === 0;
}

export function seal(value: string | Uint8Array, about: Partial<About>): string | Uint8Array {
  const { fresh, stale, cost, tries, kind, tags } = { ...PLAIN, ...about };
  const head = `\0${fresh},${stale},${Math.round(cost)},${tries},${kind}${tags.map(([tag, version]) => `,${encodeURIComponent(tag)}=${version}`).join('')}\n`;
  if (typeof value === 'string') return head + value;
  const before = encoder.encode(head);
  const sealed = new Uint8Array(before.length + value.length);
  sealed.set(before);
  sealed.set(value, before.length);
  return sealed;
}

/** An envelope's content, of a value for which {@link needsEnvelope} holds. */
export function open(sealed: string | Uint8Array): { value: string | Uint8Array; about: About } {
  const end = typeof sealed === 'string' ? sealed.indexOf('\n') : sealed.indexOf(LF);
  const head = typeof sealed === 'string' ? sealed.slice(1, end) : decoder.decode(sealed.subarray(1, end));
  const [fresh, stale, cost, tries, kind, ...tags] = head.split(',');
  const value = typeof sealed === 'string' ? sealed.slice(end + 1) : sealed.subarray(end + 1);
  const versions = tags.map((tag): [string, string] => {
    const [name, version] = tag.split('=');
    return [decodeURIComponent(name!), version!];
  });
  return { value, about: { fresh: Number(fresh), stale: Number(stale), cost: Number(cost), tries: Number(tries), kind: kind as Kind, tags: versions } };
}
