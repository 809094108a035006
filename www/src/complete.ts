// What the word at the cursor may become: a command, a subcommand, an option, a key.

import { hint, tokens, typeAt, type Doc, type Docs, type Piece } from './docs.js';
import { split, typed } from './words.js';

export interface Candidate {
  text: string;
  /** A word about it: a command's summary. */
  about: string;
}

export interface Completion {
  /** The stretch of the line that a candidate replaces. */
  start: number;
  end: number;
  candidates: Candidate[];
  /** The syntax of the command being typed, with the place the typing is at. */
  pieces: Piece[];
  doc: Doc | undefined;
}

const NAMES = 40;
const KEYS = 8;

export function complete(docs: Docs, keys: (prefix: string, limit: number) => string[], line: string, cursor: number): Completion {
  const { words, problem } = split(line.slice(0, cursor));
  const last = words.at(-1);
  const inWord = last !== undefined && last.end === cursor;
  const start = inWord ? last.start : cursor;
  const before = words.slice(0, inWord ? -1 : undefined).map(({ value }) => String(value));
  const prefix = inWord ? String(last.value) : '';
  const named = docs.find(before) ?? (before.length === 0 ? docs.find([prefix]) : undefined);
  const doc = named?.doc;
  if (doc === undefined && before.length === 0 && prefix !== '') return nameOnly(docs, prefix, start, cursor);
  const rest = doc && before.length >= named.length ? [...before.slice(named.length), prefix] : [''];
  const pieces = doc ? hint(doc, rest) : [];
  const found = { start, end: cursor, pieces, doc };
  if (problem !== null && inWord && /^["']/.test(line.slice(start))) return { ...found, candidates: keyNames(doc, rest, prefix, keys) };
  if (before.length === 0) return { ...found, candidates: names(docs.all, prefix) };
  if (before.length === 1 && doc !== undefined && doc.subcommands.length > 0) {
    return { ...found, candidates: names(doc.subcommands, prefix, doc.name.length + 1) };
  }
  return { ...found, candidates: [...keyNames(doc, rest, prefix, keys), ...options(doc, rest, prefix)] };
}

/** No command yet: the likeliest one's syntax is shown already. */
function nameOnly(docs: Docs, prefix: string, start: number, end: number): Completion {
  const candidates = names(docs.all, prefix);
  const doc = docs.find([candidates[0]?.text ?? ''])?.doc;
  const pieces = doc ? hint(doc, []).map(({ text }): Piece => ({ text, state: 'later' })) : [];
  return { start, end, candidates, pieces, doc };
}

/** Commands that begin with `prefix`, the shortest first: the plain form of a family is the likelier. `skip` leaves out a container's name. */
function names(docs: readonly Doc[], prefix: string, skip = 0): Candidate[] {
  const wanted = prefix.toUpperCase();
  const found = docs.filter((doc) => doc.name.startsWith(wanted, skip)).sort((a, b) => a.name.length - b.name.length);
  const isLower = prefix !== '' && prefix === prefix.toLowerCase();
  return found.slice(0, NAMES).map((doc) => {
    const text = doc.name.slice(skip);
    return { text: isLower ? text.toLowerCase() : text, about: doc.summary };
  });
}

function options(doc: Doc | undefined, rest: readonly string[], prefix: string): Candidate[] {
  if (doc === undefined) return [];
  const used = new Set(rest.slice(0, -1).map((word) => word.toUpperCase()));
  const wanted = prefix.toUpperCase();
  const isLower = prefix !== '' && prefix === prefix.toLowerCase();
  const found = [...new Set(tokens(doc.args))].filter((token) => token.startsWith(wanted) && !used.has(token));
  return found.map((token) => ({ text: isLower ? token.toLowerCase() : token, about: `option of ${doc.name}` }));
}

function keyNames(doc: Doc | undefined, rest: readonly string[], prefix: string, keys: (prefix: string, limit: number) => string[]): Candidate[] {
  if (doc === undefined || typeAt(doc, rest.length - 1) !== 'key') return [];
  return keys(prefix, KEYS).map((key) => ({ text: typed(key), about: 'key' }));
}
