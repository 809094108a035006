// Words of commands that may be many, in the forms that callers like.

import type { Arg } from './resp.js';

/** One word, or several: `del('a', 'b')`, `del(['a', 'b'])`; `zadd('z', [[1, 'a'], [2, 'b']])`. */
export type Many = Arg | readonly Arg[];

/** Names with values: `hset('h', 'name', 'value')`, `hset('h', { name: 'value' })`, `hset('h', map)`, `hset('h', ['n', 1], ['m', 2])`. */
export type Entries<T> = Arg | readonly Arg[] | ReadonlyMap<Arg, T> | { readonly [name: string]: T };

/** Keys, each with where to begin in it: `{ events: '$' }`, a map, or pairs. */
export type Columns = ReadonlyMap<Arg, Arg> | { readonly [key: string]: Arg } | readonly (readonly [key: Arg, id: Arg])[];

/** Adds the first words of all pairs in `given`, then the second ones. */
export function flattenColumns(words: Arg[], given: Columns): void {
  const flat: Arg[] = [];
  flatten(flat, [given]);
  for (const first of [0, 1]) words.push(...flat.filter((_, at) => at % 2 === first));
}

/** Adds how many elements of `step` words there are in `given`, then the words. */
export function flattenCounted(words: Arg[], given: unknown, step: number): void {
  const flat: Arg[] = [];
  flatten(flat, [given]);
  words.push(flat.length / step, ...flat);
}

/** Adds all words in `given` to `words`. What is no word at all is added as it is, for the sender to name. */
export function flatten(words: Arg[], given: readonly unknown[]): void {
  for (const one of given) {
    if (typeof one !== 'object' || one === null || one instanceof Uint8Array) words.push(one as Arg);
    else if (Array.isArray(one) || one instanceof Map) for (const word of one) Array.isArray(word) ? words.push(...word) : words.push(word);
    else if (Object.getPrototypeOf(one) === Object.prototype || Object.getPrototypeOf(one) === null) words.push(...Object.entries(one).flat());
    else words.push(one as Arg);
  }
}
