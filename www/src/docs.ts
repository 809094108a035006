// What the engine says about its own commands (COMMAND DOCS), with the package's texts for them: grammar, help, and where in the grammar a half-typed line stands.

import type { Reply } from 'cachette';
import { docs as texts } from 'cachette/docs';

export interface Argument {
  name: string;
  /** `key`, `integer`, `pure-token`, `oneof`, `block` … */
  type: string;
  token: string | undefined;
  optional: boolean;
  multiple: boolean;
  /** The token is repeated with each value. */
  multipleToken: boolean;
  parts: Argument[];
}

export interface Doc {
  /** As it is typed: `CLIENT INFO`. */
  name: string;
  summary: string;
  since: string;
  group: string;
  complexity: string;
  args: Argument[];
  subcommands: Doc[];
}

/** A piece of a syntax line, and how far the typing has come: behind it, at it, at a place where it may come, or not there yet. */
export interface Piece {
  text: string;
  state: 'done' | 'now' | 'may' | 'later';
}

type Fields = { [field: string]: Reply };

export class Docs {
  readonly all: Doc[];
  private readonly byName = new Map<string, Doc>();

  /** Reads the reply to COMMAND DOCS; an engine that knows no such command has no docs. */
  constructor(reply: Reply) {
    this.all = Object.entries(fields(reply)).map(([name, doc]) => docOf(name, fields(doc)));
    this.all.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const doc of this.all) {
      this.byName.set(doc.name, doc);
      for (const sub of doc.subcommands) this.byName.set(sub.name, sub);
    }
  }

  /** The doc of the command that `words` begin with, and how many words its name takes; a container stands for itself. */
  find(words: readonly string[]): { doc: Doc; length: number } | undefined {
    const name = (words[0] ?? '').toUpperCase();
    const sub = words.length > 1 ? this.byName.get(`${name} ${words[1]!.toUpperCase()}`) : undefined;
    if (sub !== undefined) return { doc: sub, length: 2 };
    const doc = this.byName.get(name);
    return doc && { doc, length: 1 };
  }

  groups(): string[] {
    return [...new Set(this.all.map(({ group }) => group))].sort();
  }

  /** Commands whose names are nearest to a mistyped one. */
  near(name: string): string[] {
    const wanted = name.toUpperCase();
    const scored = this.all.map((doc) => ({ name: doc.name, distance: distance(wanted, doc.name) }));
    const close = scored.filter((found) => found.distance <= (wanted.length < 5 ? 1 : 2));
    return close.sort((a, b) => a.distance - b.distance).slice(0, 3).map((found) => found.name);
  }
}

function fields(reply: Reply | undefined): Fields {
  if (Array.isArray(reply)) return fromPairs(reply);
  return typeof reply === 'object' && reply !== null && !(reply instanceof Uint8Array) && !(reply instanceof Error) ? (reply as Fields) : {};
}

/** Where the session speaks RESP2, a map is a flat list. */
function fromPairs(flat: Reply[]): Fields {
  const found: Fields = {};
  for (let i = 0; i + 1 < flat.length; i += 2) found[String(flat[i])] = flat[i + 1]!;
  return found;
}

function word(value: Reply | undefined): string {
  return value === undefined || value === null ? '' : String(value);
}

function docOf(name: string, doc: Fields): Doc {
  const subcommands = Object.entries(fields(doc.subcommands)).map(([sub, about]) => docOf(sub, fields(about)));
  return {
    name: name.toUpperCase().replace('|', ' '),
    summary: texts[name]?.summary ?? '',
    since: word(doc.since),
    group: word(doc.group),
    complexity: texts[name]?.complexity ?? '',
    args: listOf(doc.arguments),
    subcommands: subcommands.sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function listOf(reply: Reply | undefined): Argument[] {
  return Array.isArray(reply) ? reply.map((arg) => argumentOf(fields(arg))) : [];
}

function argumentOf(arg: Fields): Argument {
  const flags = Array.isArray(arg.flags) ? arg.flags.map(String) : [];
  return {
    name: word(arg.display_text ?? arg.name).replaceAll('_', '-'),
    type: word(arg.type),
    token: arg.token === undefined ? undefined : word(arg.token),
    optional: flags.includes('optional'),
    multiple: flags.includes('multiple'),
    multipleToken: flags.includes('multiple_token'),
    parts: listOf(arg.arguments),
  };
}

/** `[EX seconds|PX milliseconds|KEEPTTL]`, `key [key ...]`: one argument as a reference writes it. */
export function syntax(arg: Argument): string {
  const value = valueSyntax(arg);
  const once = [arg.token, value].filter(Boolean).join(' ');
  const again = arg.multipleToken ? once : value;
  const all = arg.multiple ? `${once} [${again} ...]` : once;
  return arg.optional ? `[${all}]` : all;
}

function valueSyntax(arg: Argument): string {
  switch (arg.type) {
    case 'pure-token':
      return '';
    case 'oneof':
      return arg.parts.map(syntax).join('|');
    case 'block':
      return arg.parts.map(syntax).join(' ');
    default:
      return arg.name;
  }
}

/** The whole syntax of a command: `SET key value [NX|XX] …`. */
export function usage(doc: Doc): string {
  if (doc.subcommands.length > 0 && doc.args.length === 0) return `${doc.name} subcommand [argument ...]`;
  return [doc.name, ...doc.args.map(syntax)].join(' ');
}

/** What matching an argument took of the words: how many, and whether more must come. */
interface Match {
  words: number;
  open: boolean;
}

/** The syntax of `doc` with the words after its name laid against it; the last word is the one being typed. */
export function hint(doc: Doc, words: readonly string[]): Piece[] {
  if (doc.subcommands.length > 0 && doc.args.length === 0) {
    return [{ text: doc.name, state: 'done' }, { text: 'subcommand [argument ...]', state: 'now' }];
  }
  const states = doc.args.map((): Piece['state'] => 'later');
  // The word being typed counts as not there: what it will be is the question.
  const typed = words.slice(0, -1);
  let at = 0;
  let next = 0;
  while (next < doc.args.length) {
    if (!doc.args[next]!.optional) {
      const kept = doc.args.slice(next + 1).filter((arg) => !arg.optional).length;
      // A number of keys says where they end.
      const most = doc.args[next - 1]?.name === 'numkeys' ? Number(typed[at - 1]) : Infinity;
      const match = matchAll(doc.args[next]!, typed, at, kept, most);
      if (match === undefined) break;
      at += match.words;
      states[next] = match.open ? 'now' : 'done';
      // Options whose place was passed are behind.
      for (let i = 0; i < next; i++) states[i] = 'done';
      if (match.open) break;
      next++;
      continue;
    }
    // A run of options: they come in any order, so each is tried until none fits.
    let end = next;
    while (end < doc.args.length && doc.args[end]!.optional) end++;
    at = matchOptions(doc.args, states, next, end, typed, at);
    if (states.includes('now')) break;
    next = end;
  }
  // Nothing is half typed: next is the first that must come, or one of the options before it.
  if (!states.includes('now')) {
    for (let i = 0; i < states.length; i++) {
      if (states[i] === 'done') continue;
      states[i] = doc.args[i]!.optional ? 'may' : 'now';
      if (states[i] === 'now') break;
    }
  }
  return [{ text: doc.name, state: 'done' }, ...doc.args.map((arg, i) => ({ text: syntax(arg), state: states[i]! }))];
}

function matchOptions(args: Argument[], states: Piece['state'][], from: number, to: number, words: readonly string[], at: number): number {
  for (let found = true; found && at < words.length; ) {
    found = false;
    // Those that begin with a token first: a plain value would take any word.
    for (const plain of [false, true]) {
      for (let i = from; i < to && !found; i++) {
        if (states[i] !== 'later' || plain !== !beginsWithToken(args[i]!)) continue;
        const match = matchAll(args[i]!, words, at, 0);
        if (match === undefined) continue;
        at += match.words;
        states[i] = match.open ? 'now' : 'done';
        found = true;
      }
    }
  }
  return at;
}

function beginsWithToken(arg: Argument): boolean {
  if (arg.token !== undefined) return true;
  if (arg.type === 'oneof') return arg.parts.every(beginsWithToken);
  return arg.type === 'block' && arg.parts[0] !== undefined && beginsWithToken(arg.parts[0]);
}

/** Matches an argument as often as it may come, leaving `kept` words for what must follow. Undefined where it does not fit. */
function matchAll(arg: Argument, words: readonly string[], at: number, kept: number, most = Infinity): Match | undefined {
  const first = matchOnce(arg, words, at, true);
  if (first === undefined || first.open || !arg.multiple) return first;
  let taken = first.words;
  let times = 1;
  while (at + taken < words.length - kept && times < most) {
    times++;
    const more = matchOnce(arg, words, at + taken, arg.multipleToken);
    if (more === undefined || more.words === 0) break;
    taken += more.words;
    if (more.open) return { words: taken, open: true };
  }
  // As many as wanted may follow, so typing is still at it, unless something else must come.
  const mayGoOn = most === Infinity ? kept === 0 : times < most;
  return { words: taken, open: mayGoOn && at + taken >= words.length };
}

function matchOnce(arg: Argument, words: readonly string[], at: number, withToken: boolean): Match | undefined {
  let taken = 0;
  if (withToken && arg.token !== undefined && arg.token !== '') {
    if (words[at]?.toUpperCase() !== arg.token.toUpperCase()) return undefined;
    taken = 1;
  }
  switch (arg.type) {
    case 'pure-token':
      return { words: taken, open: false };
    case 'oneof': {
      const tried = arg.parts.map((part) => matchOnce(part, words, at + taken, true));
      const best = tried.find((match, i) => match !== undefined && beginsWithToken(arg.parts[i]!)) ?? tried.find((match) => match !== undefined);
      if (best !== undefined) return { words: taken + best.words, open: best.open };
      return taken > 0 ? { words: taken, open: true } : undefined;
    }
    case 'block':
      for (const part of arg.parts) {
        const match = matchOnce(part, words, at + taken, true);
        if (match === undefined && part.optional) continue;
        if (match === undefined || match.open) return taken > 0 ? { words: taken + (match?.words ?? 0), open: true } : undefined;
        taken += match.words;
      }
      return { words: taken, open: false };
    default:
      if (at + taken < words.length) return { words: taken + 1, open: false };
      return taken > 0 ? { words: taken, open: true } : undefined;
  }
}

/** All tokens that may come in a command's arguments. */
export function tokens(args: readonly Argument[]): string[] {
  return args.flatMap((arg) => [...(arg.token ? [arg.token] : []), ...tokens(arg.parts)]);
}

/** The type of the plain argument at position `index` after the name, if the grammar is that plain so far. */
export function typeAt(doc: Doc, index: number): string | undefined {
  let at = 0;
  for (const arg of doc.args) {
    if (arg.type === 'block' && arg.multiple) return arg.parts[(index - at) % arg.parts.length]?.type;
    if (at === index || arg.multiple) return arg.token === undefined ? arg.type : undefined;
    if (arg.optional || arg.token !== undefined) return undefined;
    at++;
  }
  return undefined;
}

/** Edits (one letter put in, left out, changed, or two swapped) between two words. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return Infinity;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
