// How values become what the engine stores. Which way is the user's choice, never a guess.

import { decodeObject, encodeObject } from '../objects.js';

/** A way to store values of type `T`: as text or as bytes. */
export interface Codec<T> {
  /** Whether `decode` wants bytes. */
  readonly bytes: boolean;
  encode(value: T): string | Uint8Array;
  decode(stored: never): T;
}

/** Strings as they are. */
export const text: Codec<string> = {
  bytes: false,
  encode(value) {
    if (typeof value !== 'string') throw new TypeError(`a cache of text stores strings, not ${typeof value}; name a codec, such as codec: json`);
    return value;
  },
  decode: (stored: string) => stored,
};

/** Bytes as they are. */
export const bytes: Codec<Uint8Array> = { bytes: true, encode: (value) => value, decode: (stored: Uint8Array) => stored };

/** What `JSON.stringify` keeps of a value. */
export const json: Codec<any> = {
  bytes: false,
  encode(value) {
    const stored = JSON.stringify(value);
    if (stored === undefined) throw new TypeError(`JSON has no ${typeof value}`);
    return stored;
  },
  decode: (stored: string) => JSON.parse(stored),
};

/** MessagePack, as `setObject` stores it: plain data, `Date`, `Map`, `Uint8Array`, `bigint`. In a browser the cache is created with `objects: true`. */
export const messagePack: Codec<any> = { bytes: true, encode: encodeObject, decode: (stored: Uint8Array) => decodeObject(stored) };

interface Serializer {
  serialize(value: unknown): Uint8Array;
  deserialize(stored: Uint8Array): unknown;
}

/** What `structuredClone` can copy (`Map`, `Set`, `Error`, cycles …), in V8's own format: in Node, Deno and Bun. Throws elsewhere. */
export const structured: Codec<any> = {
  bytes: true,
  encode: (value) => serializer().serialize(value),
  decode: (stored: Uint8Array) => serializer().deserialize(stored),
};

function serializer(): Serializer {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  const v8 = process?.getBuiltinModule?.('node:v8') as Serializer | undefined;
  if (v8 === undefined) throw new TypeError('this runtime cannot turn structured clones into bytes; use codec: json or messagePack');
  return v8;
}
