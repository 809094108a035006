// `npx cachette repl`: a prompt to an engine in this process, or to any server that speaks RESP. What commands there are, how they are written and what they do
// is asked of the other end (COMMAND DOCS); the package's own texts fill in what an engine of ours leaves out.

import { connect } from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { Cachette } from '../cachette.js';
import { ReplyError } from '../errors.js';
import { full } from '../full/inline.js';
import { docs as texts } from '../generated/docs.js';
import '../platform/node.js';
import { upperBound, writeCommand, type Reply } from '../resp.js';
import { Wire } from '../wire.js';
import { Replies } from '../replies.js';
import { quote, split } from './words.js';

/** A way to the other end. */
interface Line {
  send(bytes: Uint8Array): void;
  close(): void;
}

type Hear = (bytes: Uint8Array) => void;

/** Opens a prompt on `input` and `output`; the promise settles when it is left. Without `url` it speaks to an empty cache of its own. */
export async function repl(url: string | undefined, input: Readable = process.stdin, output: Writable = process.stdout): Promise<void> {
  const talk = new Talk();
  talk.line = url === undefined ? inProcess((bytes) => talk.hear(bytes), () => talk.lost()) : await overSocket(new URL(url), (bytes) => talk.hear(bytes), () => talk.lost());
  await greet(talk, url);
  const help = new Help(await talk.ask('COMMAND', 'DOCS'));
  const terminal = 'isTTY' in output && output.isTTY === true;
  const reader = createInterface({ input, output, terminal, completer: (line: string) => help.complete(line) });
  const prompt = `${url === undefined ? 'cachette' : new URL(url).host || url}> `;
  talk.told = (reply) => output.write(`${show(reply)}\n`);
  talk.ended = () => {
    output.write('The connection is closed.\n');
    reader.close();
  };
  reader.setPrompt(prompt);
  reader.prompt();
  await answer(reader, talk, help, output);
  talk.ended = () => {};
  talk.line.close();
}

async function answer(reader: Interface, talk: Talk, help: Help, output: Writable): Promise<void> {
  for await (const line of reader) {
    const words = split(line);
    const [first = ''] = (words ?? []).map((word) => word.toString().toLowerCase());
    if (words === undefined) output.write('A quote is not closed, or no space follows it.\n');
    else if (first === 'exit' || (first === 'quit' && words.length === 1)) break;
    else if (first === 'help' || first === '?') output.write(`${help.about(words.slice(1).map(String))}\n`);
    else if (words.length > 0) output.write(`${show(await talk.ask(...words))}\n`);
    reader.prompt();
  }
  reader.close();
}

const CLOSED = new ReplyError('ERR the connection is closed', '');

/** One question at a time, each answered by the next reply that is no push. */
class Talk {
  line!: Line;
  /** Called with what came unasked. */
  told: (reply: Reply) => void = () => {};
  ended: () => void = () => {};
  private over = false;
  private readonly replies = new Replies();
  private asking: ((reply: Reply) => void) | undefined;

  ask(...words: (string | Uint8Array)[]): Promise<Reply> {
    if (this.over) return Promise.resolve(CLOSED);
    const bytes = new Uint8Array(upperBound(words));
    const end = writeCommand(bytes, 0, words);
    return new Promise((resolve) => {
      this.asking = resolve;
      this.line.send(bytes.subarray(0, end));
    });
  }

  hear(bytes: Uint8Array): void {
    for (const { reply, push } of this.replies.add(bytes)) {
      const asking = this.asking;
      // A subscription is confirmed by a push.
      this.asking = undefined;
      if (asking === undefined || (push && !isConfirmation(reply))) {
        this.asking = asking;
        this.told(reply);
      } else asking(reply);
    }
  }

  lost(): void {
    this.over = true;
    this.asking?.(CLOSED);
    this.ended();
  }
}

function isConfirmation(reply: Reply): boolean {
  return Array.isArray(reply) && /subscribe$/.test(text(reply[0]!));
}

function inProcess(hear: Hear, lost: () => void): Line {
  const cache = new Cachette({ engine: full });
  const wire = new Wire(cache.core, { take: hear, end: lost });
  return {
    send: (bytes) => wire.send(bytes),
    close: () => {
      wire.close();
      cache.close();
    },
  };
}

function overSocket(url: URL, hear: Hear, lost: () => void): Promise<Line> {
  const port = Number(url.port || 6379);
  const socket =
    url.protocol === 'unix:' ? connect(url.pathname) : url.protocol === 'rediss:' ? connectTls({ host: url.hostname, port, servername: url.hostname }) : connect({ host: url.hostname || '127.0.0.1', port });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', hear);
    socket.on('close', lost);
    socket.on(url.protocol === 'rediss:' ? 'secureConnect' : 'connect', () => resolve({ send: (bytes) => socket.write(bytes), close: () => socket.destroy() }));
  });
}

/** RESP3 where it is known, the password and the database of the URL. */
async function greet(talk: Talk, url: string | undefined): Promise<void> {
  const { username = '', password = '', pathname = '', protocol = '' } = url === undefined ? {} : new URL(url);
  if (password !== '') {
    const user = username === '' ? [] : [decodeURIComponent(username)];
    const refused = await talk.ask('AUTH', ...user, decodeURIComponent(password));
    if (refused instanceof ReplyError) throw refused;
  }
  await talk.ask('HELLO', '3');
  if (protocol !== 'unix:' && /^\/\d+$/.test(pathname)) await talk.ask('SELECT', pathname.slice(1));
}

/** A reply as redis-cli shows it. */
export function show(reply: Reply, indent = ''): string {
  if (reply === null) return '(nil)';
  if (reply instanceof ReplyError) return `(error) ${reply.message}`;
  if (reply instanceof Uint8Array) return quote(reply);
  if (typeof reply === 'boolean') return `(${reply})`;
  if (typeof reply === 'bigint' || Number.isInteger(reply)) return `(integer) ${reply}`;
  if (typeof reply === 'number') return `(double) ${reply}`;
  if (!Array.isArray(reply)) return String(reply);
  if (reply.length === 0) return '(empty array)';
  const width = String(reply.length).length;
  const lines = reply.map((item, at) => {
    const mark = `${String(at + 1).padStart(width)}) `;
    return (at === 0 ? '' : indent) + mark + show(item, indent + ' '.repeat(mark.length));
  });
  return lines.join('\n');
}

interface Argument {
  name: string;
  type: string;
  token: string;
  flags: string[];
  parts: Argument[];
}

interface Doc {
  /** As it is typed: `CLIENT INFO`. */
  name: string;
  summary: string;
  since: string;
  complexity: string;
  args: Argument[];
}

class Help {
  private readonly docs = new Map<string, Doc>();

  /** Reads the answer to COMMAND DOCS; where that is none (Redis before 7) the package's own texts name the commands. */
  constructor(reply: Reply) {
    const read = (name: string, about: Map<string, Reply>): void => {
      const typed = name.toUpperCase().replace('|', ' ');
      const own = texts[name];
      const said = (field: string): string => text(about.get(field) ?? '');
      const complexity = said('complexity') || (own?.complexity ?? '');
      this.docs.set(typed, { name: typed, summary: said('summary') || (own?.summary ?? ''), since: said('since'), complexity, args: argumentsOf(about.get('arguments')) });
      for (const [sub, more] of pairs(about.get('subcommands'))) read(sub, new Map(pairs(more)));
    };
    for (const [name, about] of pairs(reply)) read(name, new Map(pairs(about)));
    if (this.docs.size === 0) for (const name of Object.keys(texts)) read(name, new Map());
  }

  complete(line: string): [candidates: string[], word: string] {
    const [first = '', ...rest] = line.trimStart().split(/\s+/);
    if (rest.length > 1) {
      const doc = this.docs.get(`${first} ${rest[0]}`.toUpperCase()) ?? this.docs.get(first.toUpperCase());
      return fitting(tokens(doc?.args ?? []), rest.at(-1)!);
    }
    // Names may have two words; what is completed is the whole line then.
    const names = [...this.docs.keys()].filter((name) => rest.length > 0 || !name.includes(' '));
    const [found] = fitting(names, line.trimStart());
    if (rest.length === 0 || found.length > 0) return [found, line.trimStart()];
    return fitting(tokens(this.docs.get(first.toUpperCase())?.args ?? []), rest.at(-1)!);
  }

  about(words: string[]): string {
    const wanted = words.join(' ').toUpperCase();
    if (wanted === '') return 'help COMMAND tells of a command; Tab completes; exit leaves.';
    const doc = this.docs.get(wanted);
    if (doc === undefined) return `There is no help on ${wanted}.`;
    const subcommands = [...this.docs.keys()].filter((name) => name.startsWith(`${wanted} `));
    const usage = [doc.name, ...(subcommands.length > 0 ? ['subcommand …'] : doc.args.map(syntax))].join(' ');
    const costs = [doc.complexity, doc.since && `since ${doc.since}`].filter(Boolean).join(', ');
    return [usage, doc.summary, costs, subcommands.join(', ')].filter(Boolean).join('\n');
  }
}

function fitting(candidates: string[], word: string): [string[], string] {
  const lower = word !== '' && word === word.toLowerCase();
  const found = candidates.filter((name) => name.startsWith(word.toUpperCase())).sort();
  return [found.map((name) => `${lower ? name.toLowerCase() : name} `), word];
}

function tokens(args: Argument[]): string[] {
  return [...new Set(args.flatMap((arg) => [...(arg.token === '' ? [] : [arg.token]), ...tokens(arg.parts)]))];
}

/** `[EX seconds|PX milliseconds]`, `key [key ...]`: an argument as a reference writes it. */
function syntax(arg: Argument): string {
  const value = arg.type === 'pure-token' ? '' : arg.type === 'oneof' ? arg.parts.map(syntax).join('|') : arg.type === 'block' ? arg.parts.map(syntax).join(' ') : arg.name;
  const once = [arg.token, value].filter(Boolean).join(' ');
  const again = arg.flags.includes('multiple_token') ? once : value;
  const all = arg.flags.includes('multiple') ? `${once} [${again} ...]` : once;
  return arg.flags.includes('optional') ? `[${all}]` : all;
}

function argumentsOf(reply: Reply | undefined): Argument[] {
  return Array.isArray(reply) ? reply.map((one) => argumentOf(new Map(pairs(one)))) : [];
}

function argumentOf(about: Map<string, Reply>): Argument {
  const flags = about.get('flags');
  return {
    name: text(about.get('display_text') ?? about.get('name') ?? ''),
    type: text(about.get('type') ?? ''),
    token: text(about.get('token') ?? ''),
    flags: Array.isArray(flags) ? flags.map(text) : [],
    parts: argumentsOf(about.get('arguments')),
  };
}

/** Names and values of a map, which in RESP2 is a flat list. */
function pairs(reply: Reply | undefined): [string, Reply][] {
  if (!Array.isArray(reply)) return [];
  if (reply.every((item) => Array.isArray(item) && item.length === 2)) return (reply as [Reply, Reply][]).map(([name, value]) => [text(name), value]);
  return reply.flatMap((item, at) => (at % 2 === 0 ? [[text(item), reply[at + 1]!] as [string, Reply]] : []));
}

function text(reply: Reply): string {
  return reply instanceof Uint8Array ? Buffer.from(reply).toString() : String(reply);
}
