// The tier as its user sees it: callers' requests to the machine, the machine's actions to the client.

import { Cachette } from '../cachette.js';
import { ReplyError } from '../errors.js';
import { ReplyReader, type Arg, type Reply } from '../resp.js';
import { driverFor, type RedisLike } from './clients/index.js';
import { Local } from './clients/local.js';
import { Cluster, redirection } from './cluster.js';
import { StandIn } from './engine.js';
import { isPromise, Journal, openStorage } from './journal.js';
import type { Driver, Ears, Link, Way, Words } from './link.js';
import { Machine, text, wordsOf, type Action } from './machine.js';
import { tierEngine } from './module.js';
import { keepWords, optionWords, type JournalStorage, type KeepOptions, type TierOptions } from './options.js';
import { encodeReplies } from './replies.js';
import { hold } from './timers.js';

/** Where a value came from, and what is known of it. */
export interface Meta {
  /** `fallback`: from nowhere, since Redis could not be asked. */
  source: 'l1' | 'l2' | 'factory' | 'fallback';
  /** It may be older than what Redis holds. */
  stale: boolean;
  /** Milliseconds since it was written or came here. */
  ageMs: number;
  durability: Durability;
}

/** Who has a write: Redis, the journal (lost if this process ends before Redis is back, unless `journal` says where it is kept), or this process alone. */
export type Durability = 'l2' | 'journaled' | 'local';

/** What is told of Redis; in a cluster, of which node (`host:port`). */
export interface TierEvents {
  /** Redis's state, as the tier sees it. */
  state: { from: State; to: State; node?: string };
  /** Whether Redis tells what changes. */
  tracking: { what: 'lost' | 'restored' | 'unsupported'; node?: string };
  /** What became of a journaled write. */
  journal: { what: 'replayed' | 'dropped'; key: string; reason?: string };
  /** Redis refuses this client: its words. */
  configuration: { words: string; node?: string };
  /** What keeps the journal failed: until it does not, what is journaled is in this process alone. */
  storage: { error: unknown };
}

export interface Health {
  state: State;
  tracking: boolean;
}

/** `state` is the worst of all nodes, `tracking` whether all of them tell what changes. */
export interface TierHealth extends Health {
  /** What the client is taken for. */
  client: string;
  /** Writes that wait in the journal, and their bytes. */
  journaled: number;
  journalBytes: number;
  /** Of a cluster: each node. */
  nodes?: (Health & { node: string })[];
}

export type State = 'up' | 'slow' | 'down' | 'probing' | 'recovering';
const STATES: readonly State[] = ['up', 'slow', 'down', 'probing', 'recovering'];
const FROM_BEST: readonly State[] = ['up', 'slow', 'recovering', 'probing', 'down'];

/** A call that failed. `code`: `L2DOWN`, `UNKNOWN_OUTCOME`, `JOURNAL_FULL`, `CONFIGURATION`, `FACTORY`, `FACTORY_TIMEOUT`, `NOT_SHARED`, `CLOSED`. */
export class TierError extends Error {
  override readonly name = 'TierError';

  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const WORDING: Record<string, string> = {
  L2DOWN: 'Redis cannot be reached',
  UNKNOWN_OUTCOME: 'the write was sent and no answer came; it may have been done',
  JOURNAL_FULL: 'the journal of writes for Redis is full',
  CONFIGURATION: 'Redis refuses this client',
  FACTORY_TIMEOUT: 'the factory took too long',
  NOT_SHARED: 'this command needs a connection of its own',
  CLOSED: 'the tier is closed',
};

export type Factory = () => string | Uint8Array | null | undefined | Promise<string | Uint8Array | null | undefined>;

interface Waiting {
  resolve(answer: Action): void;
  reject(error: unknown): void;
}

/** Milliseconds that never go backwards, from the Unix epoch at the start. */
const clock = (): number => Math.floor(performance.timeOrigin + performance.now());
/** How often it is compared with the clock on the wall, which may be set. */
const WALL_EVERY = 1000;
const LONGEST_TIMER = 2 ** 31 - 1;
/** Hits that may share a reading of the clock within a turn of the event loop. */
const HITS_PER_READING = 256;
const settled = Promise.resolve();
/** Of the machine's figures, those that are not of nodes. */
const FIGURES = 13;
const JOURNALED = 11;
const JOURNAL_BYTES = 12;

/** What commands are looked up in, for all tiers; made when one is first run. */
let known: Cachette<Uint8Array> | undefined;
/** What L1, and an engine in the place of a node that is away, may take by default. */
const L1_BYTES = 64 << 20;

/** Node's diagnostics channel `cachette:tier`, where there is one. */
interface Channel {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
}

function channel(): Channel | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): { channel(name: string): Channel } | undefined } };
  return process?.getBuiltinModule?.('node:diagnostics_channel')?.channel('cachette:tier');
}

/**
 * A local first level before Redis: a cache in this process that Redis keeps right, and that goes on while Redis is away. Without a client it is an engine in
 * this process, by the same calls.
 *
 * The constructor waits for nothing.
 */
export class Tier<V extends string | Uint8Array = string> {
  private readonly machine: Machine;
  private readonly driver: Driver;
  private readonly ways: readonly Way[];
  private readonly cluster: Cluster | undefined;
  /** Engines in the place of nodes that are away, and what each may hold. */
  private readonly here = new Map<number, StandIn>();
  private readonly hereBytes: number;
  private journal: Journal | undefined;
  /** Until what was journaled before is read, nothing can be asked. */
  private opening: Promise<void> | undefined;
  private readonly asBytes: boolean;
  private readonly waiting = new Map<number, Waiting>();
  private readonly factories = new Map<number, Factory>();
  private readonly failures = new Map<number, unknown>();
  private readonly listeners: { [E in keyof TierEvents]?: Set<(event: TierEvents[E]) => void> } = {};
  private readonly diagnostics = channel();
  private requests = 0;
  private acting = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private timerDue = Infinity;
  private wallTold = 0;
  /** Why nothing can be asked any more: it was closed, or it broke. */
  private ended: unknown;
  private hitsLeft = 0;
  private turn = 0;

  constructor(client?: RedisLike | null, options: TierOptions & { bytes?: V extends Uint8Array ? true : boolean } = {}) {
    const { connectTimeout: timeout = 1000, l1Bytes = L1_BYTES } = options;
    const listens = options.tracking !== false || options.backplane !== undefined;
    const driver: Driver = client ? driverFor(client, { timeout, listens }) : { kind: 'embedded', tracking: false, channels: true, to: { way: new Local() } };
    if (options.backplane !== undefined && !driver.channels) throw new TypeError(`cachette: a client of the kind ${driver.kind} subscribes to no channel`);
    this.driver = driver;
    this.hereBytes = l1Bytes;
    this.asBytes = options.bytes ?? false;
    this.machine = new Machine(clock(), optionWords({ ...driver.defaults, ...options }, driver.tracking && options.tracking !== false, !client));
    const { to } = driver;
    this.cluster = 'cluster' in to ? new Cluster(to.cluster, (...words) => this.tell(...words), () => this.isWhole()) : undefined;
    this.ways = 'way' in to ? [to.way] : this.cluster!.links;
    if (options.journal === undefined) this.start();
    else this.restore(openStorage(options.journal, (error) => this.journal?.lost(error)));
  }

  private start(): void {
    this.tell('start', '0');
    void this.cluster?.follow();
  }

  // ---- the journal's copy -------------------------------------------------------------------------------------------------------

  /** Takes up what an earlier process had journaled, and keeps what comes. */
  private restore(storage: JournalStorage): void {
    const restored = (log: Uint8Array | null | undefined) => {
      this.opening = undefined;
      const source = { whole: () => this.machine.journal(), bytes: () => this.machine.stats()[JOURNAL_BYTES]! };
      const journal = new Journal(storage, source, this.storageFailed);
      if (this.ended !== undefined) return journal.close();
      if (log?.length) {
        this.tell('restore', log);
        journal.renew();
      }
      this.journal = journal;
      this.start();
    };
    const kept = storage.read();
    if (!isPromise(kept)) return restored(kept);
    this.opening = kept.then(restored, (error: unknown) => this.end(error));
  }

  private readonly storageFailed = (error: unknown): void => this.spread('storage', { error });

  // ---- reading ------------------------------------------------------------------------------------------------------------------

  /** What L1 holds, if it may be given out without asking anybody: no promise, no waiting. */
  peek(key: string): V | undefined {
    if (this.hitsLeft-- <= 0) this.readClock();
    return this.machine.hit(key, this.turn, this.asBytes) as V | undefined;
  }

  private readClock(): void {
    this.hitsLeft = HITS_PER_READING;
    this.turn = clock();
    void settled.then(() => (this.hitsLeft = 0));
  }

  /** A key's value; null if there is none. That Redis is away is no error. */
  get(key: string): Promise<V | null> {
    const hit = this.peek(key);
    if (hit !== undefined) return Promise.resolve(hit);
    return this.ask('get', [key]).then((answer) => this.value(answer[2]));
  }

  /** A key's value, and where it came from. */
  async getWithMeta(key: string): Promise<{ value: V | null; meta: Meta }> {
    const hit = this.peek(key);
    if (hit !== undefined) return { value: hit, meta: this.metaOfHit() };
    const answer = await this.ask('get', [key]);
    return { value: this.value(answer[2]), meta: metaOf(answer) };
  }

  /** A key's value; if there is none, what `make` makes, which is then kept. However many ask at once, one factory runs. */
  getOrSet(key: string, make: Factory, keep: KeepOptions = {}): Promise<V | null> {
    const hit = this.peek(key);
    if (hit !== undefined) return Promise.resolve(hit);
    return this.ask('make', [key, ...keepWords(keep)], make).then((answer) => this.value(answer[2]));
  }

  /** As {@link Tier.getOrSet}, and where the value came from. */
  async getOrSetWithMeta(key: string, make: Factory, keep: KeepOptions = {}): Promise<{ value: V | null; meta: Meta }> {
    const hit = this.peek(key);
    if (hit !== undefined) return { value: hit, meta: this.metaOfHit() };
    const answer = await this.ask('make', [key, ...keepWords(keep)], make);
    return { value: this.value(answer[2]), meta: metaOf(answer) };
  }

  mget(keys: readonly string[]): Promise<(V | null)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  private metaOfHit(): Meta {
    return { source: 'l1', stale: false, ageMs: this.machine.age(), durability: 'l2' };
  }

  private value(value: Reply | undefined): V | null {
    if (!(value instanceof Uint8Array)) return null;
    return (this.asBytes ? value : text(value)) as V;
  }

  // ---- writing ------------------------------------------------------------------------------------------------------------------

  /** Sets a value; who has it. */
  set(key: string, value: string | Uint8Array, keep: KeepOptions = {}): Promise<Durability> {
    return this.write('set', [key, value, ...keepWords(keep)]);
  }

  async mset(entries: Iterable<readonly [string, string | Uint8Array]>, keep: KeepOptions = {}): Promise<void> {
    await Promise.all([...entries].map(([key, value]) => this.set(key, value, keep)));
  }

  delete(key: string): Promise<Durability> {
    return this.write('delete', [key]);
  }

  /** Lets a key live for so many milliseconds from now; false where there is no such key. */
  async touch(key: string, ttl: number): Promise<boolean> {
    const answer = await this.ask('touch', [key, String(Math.max(1, Math.round(ttl)))]);
    return Number(answer[3]) > 0;
  }

  /** Invalidates all values with a tag. */
  invalidateTag(tag: string): Promise<Durability> {
    return this.write('tag', [tag]);
  }

  /** Removes all keys that begin with `prefix`, in Redis, in L1, and from the journal; how many Redis had. */
  async clear(prefix: string): Promise<number> {
    const answer = await this.ask('clear', [prefix]);
    return Number(answer[3]);
  }

  private async write(verb: string, words: (string | Uint8Array)[]): Promise<Durability> {
    return text((await this.ask(verb, words))[2]) as Durability;
  }

  // ---- any command --------------------------------------------------------------------------------------------------------------

  /** Runs any command that means the same on any connection, in Redis. Replies of commands that read one key are kept until it changes. */
  async command(name: string, ...args: Arg[]): Promise<Reply> {
    const words = wordsOf([name, ...args]);
    const [kind, keys] = this.facts(name, words);
    const answer = await this.ask('command', [kind, String(keys.length), ...keys, ...words]);
    const reply = answer[2] as Uint8Array;
    return new ReplyReader(reply, 0, reply.length, this.asBytes).next(name.toUpperCase());
  }

  /** Whether a command reads or writes, and its keys: as the engine declares it. */
  private facts(name: string, words: (string | Uint8Array)[]): [kind: string, keys: Uint8Array[]] {
    known ??= new Cachette({ bytes: true, engine: tierEngine }) as unknown as Cachette<Uint8Array>;
    const [info] = known.call('COMMAND', 'INFO', name) as Reply[];
    if (!Array.isArray(info)) throw new ReplyError(`ERR unknown command '${name}'`, name);
    const flags = new Set((info[2] as Reply[]).map(text));
    // What a script or a function does is not known.
    const isScript = flags.has('no_mandatory_keys');
    const kind = flags.has('readonly') ? 'r' : flags.has('write') || isScript ? 'w' : '-';
    try {
      return [kind, known.call('COMMAND', 'GETKEYS', ...words) as Uint8Array[]];
    } catch (error) {
      if (!(error instanceof ReplyError) || !/no key|arguments specified/i.test(error.message)) throw error;
      return [kind, []];
    }
  }

  // ---- the tier itself ----------------------------------------------------------------------------------------------------------

  on<E extends keyof TierEvents>(event: E, listener: (event: TierEvents[E]) => void): () => void {
    const set = ((this.listeners as Record<string, Set<unknown>>)[event] ??= new Set()) as Set<typeof listener>;
    set.add(listener);
    return () => void set.delete(listener);
  }

  /** Redis's state, whether it tells what changes, what waits in the journal. */
  health(): TierHealth {
    const figures = this.machine.stats();
    const nodes = this.nodes(figures.slice(FIGURES));
    const state = nodes.map((node) => node.state).reduce((worst, state) => (FROM_BEST.indexOf(state) > FROM_BEST.indexOf(worst) ? state : worst), 'up');
    const tracking = nodes.every((node) => node.tracking);
    const health = { state, tracking, client: this.driver.kind, journaled: figures[JOURNALED]!, journalBytes: figures[JOURNAL_BYTES]! };
    return this.cluster === undefined ? health : { ...health, nodes };
  }

  private nodes(figures: readonly number[]): (Health & { node: string })[] {
    const nodes = [];
    for (let at = 0; at < figures.length; at += 3) {
      nodes.push({ node: this.nameOf(figures[at]!), state: STATES[figures[at + 1]!]!, tracking: figures[at + 2] === 1 });
    }
    return nodes;
  }

  /** Of a cluster's node that has been found; an empty name else. */
  private nameOf(node: number): string {
    return this.cluster?.names[node] ?? '';
  }

  private isWhole(): boolean {
    return this.nodes(this.machine.stats().slice(FIGURES)).every(({ state }) => state === 'up' || state === 'slow');
  }

  stats(): Record<'l1Hits' | 'l2Reads' | 'stale' | 'fallbacks' | 'factories' | 'journaled' | 'replayed' | 'dropped' | 'unknown' | 'l1Bytes' | 'l1Entries', number> {
    const [l1Hits, l2Reads, stale, fallbacks, factories, journaled, replayed, dropped, unknown, l1Bytes, l1Entries] = this.machine.stats() as [
      number, number, number, number, number, number, number, number, number, number, number,
    ];
    return { l1Hits, l2Reads, stale, fallbacks, factories, journaled, replayed, dropped, unknown, l1Bytes, l1Entries };
  }

  /** Closes the connections that the tier made, and what keeps its journal. What waits fails. */
  close(): void {
    // A listener closes it: what is to be kept has not come yet.
    if (this.acting) this.journal?.renew();
    this.end(failure('CLOSED'));
    this.machine.close();
  }

  private end(error: unknown): void {
    if (this.ended !== undefined) return;
    this.ended = error;
    clearTimeout(this.timer);
    this.journal?.close();
    this.cluster?.close();
    for (const way of this.ways) way.close();
    for (const engine of this.here.values()) engine.close();
    this.driver.leave?.();
    for (const { reject } of this.waiting.values()) reject(this.ended);
    this.waiting.clear();
    this.factories.clear();
  }

  // ---- machine and client ---------------------------------------------------------------------------------------------------------

  private ask(verb: string, words: readonly (string | Uint8Array)[], factory?: Factory): Promise<Action> {
    if (this.ended !== undefined) return Promise.reject(this.ended);
    if (this.opening !== undefined) return this.opening.then(() => this.ask(verb, words, factory));
    if (!words.every(isWord)) return Promise.reject(new TypeError(ENCODE));
    const request = ++this.requests;
    if (factory !== undefined) this.factories.set(request, factory);
    return new Promise((resolve, reject) => {
      this.waiting.set(request, { resolve, reject });
      if (this.tell(verb, String(request), ...words)) return;
      this.waiting.delete(request);
      this.factories.delete(request);
      reject(this.ended ?? new TypeError('cachette: times are whole milliseconds'));
    });
  }

  /** Tells the machine what happened, and does what it asks for; whether it understood. */
  private tell(...words: readonly (string | Uint8Array)[]): boolean {
    if (this.ended !== undefined) return false;
    try {
      const now = clock();
      if (now - this.wallTold > WALL_EVERY) this.machine.tell((this.wallTold = now), 'wall', String(Date.now()));
      const understood = this.machine.tell(now, ...words);
      this.act();
      return understood;
    } catch (error) {
      this.end(error);
      return false;
    }
  }

  private act(): void {
    // An action may lead to the next word to the machine: that one's actions are taken here, too.
    if (this.acting) return;
    this.acting = true;
    try {
      for (let actions = this.machine.actions(); actions.length > 0; actions = this.machine.actions()) {
        for (const action of actions) {
          // A listener may have closed it.
          if (this.ended !== undefined) return;
          this.perform(action);
        }
      }
    } finally {
      this.acting = false;
    }
    this.arm();
  }

  private perform(action: Action): void {
    const [verb, first, second] = action;
    switch (verb) {
      case 'connect':
        return this.ways[first as number]!.open(this.ears(String(first)));
      case 'disconnect':
        return this.ways[first as number]!.close();
      case 'send':
        return this.send(this.ways[first as number]!, String(second), action[3] as unknown as Words[]);
      case 'run':
        return this.run(String(first), second as number, action[3] as unknown as Words);
      case 'forgetRun':
        this.here.get(first as number)?.close();
        this.here.delete(first as number);
        return;
      case 'log':
        return this.journal?.append(first as Uint8Array);
      case 'endLog':
        return this.journal?.renew();
      case 'make':
        return this.make(first as number);
      case 'forget':
        this.factories.delete(first as number);
        return;
      case 'tell':
        return this.notify(action);
      case 'failure':
        return this.fail(first as number, text(second), text(action[3]));
      default: {
        const waiting = this.waiting.get(first as number);
        this.waiting.delete(first as number);
        waiting?.resolve(action);
      }
    }
  }

  private ears(node: string): Ears {
    return {
      connected: () => this.tell('connected', node),
      refused: (words) => (words === undefined ? this.tell('refused', node) : this.tell('refused', node, words)),
      disconnected: () => this.tell('disconnected', node),
      invalidated: (keys) => this.tell('invalidated', node, ...keys),
      message: (message) => this.tell('message', node, message),
    };
  }

  private send(way: Way, call: string, commands: readonly Words[]): void {
    if (way instanceof Local) {
      this.tell('replied', call, way.answer(commands));
      return;
    }
    const lost = () => this.tell('lost', call);
    const replied = (replies: unknown[] | undefined) => replies !== undefined && this.tell('replied', call, encodeReplies(replies));
    const sent = (way as Link).send(commands).then((replies) => {
      if (this.cluster === undefined || replies === undefined || redirection(replies) === undefined) return replied(replies);
      if (!this.tell('redirected', call)) return false;
      return this.cluster.redirect(commands, replies).then(replied);
    });
    sent.catch(lost);
  }

  /** A command in the place of a node that is away. */
  private run(request: string, node: number, command: Words): void {
    const engine = this.here.get(node) ?? new StandIn({ maxmemory: this.hereBytes });
    this.here.set(node, engine);
    this.tell('ran', request, engine.answer([command]));
  }

  private make(request: number): void {
    const factory = this.factories.get(request);
    this.factories.delete(request);
    const made = (value: string | Uint8Array | null | undefined) => {
      if (value === null || value === undefined) this.tell('nothing', String(request));
      else this.tell('made', String(request), value);
    };
    const failed = (error: unknown) => {
      // Whoever waits for it is given the very error.
      this.failures.set(request, error);
      this.tell('failed', String(request), `${request}`);
      this.failures.delete(request);
    };
    // Not at once: the machine is in the middle of something.
    settled.then(() => factory!()).then(encoded).then(made, failed);
  }

  private fail(request: number, code: string, words: string): void {
    const waiting = this.waiting.get(request);
    this.waiting.delete(request);
    if (waiting === undefined) return;
    if (code === 'REPLY') waiting.reject(new ReplyError(words, 'TIER'));
    else if (code === 'FACTORY') waiting.reject(this.failures.get(Number(words)) ?? failure('FACTORY', words));
    else waiting.reject(failure(code, words));
  }

  private notify([, node, kind, ...rest]: Action): void {
    const words = rest.map(text);
    const name = text(kind) as keyof TierEvents;
    const event =
      name === 'state'
        ? { from: words[0], to: words[1] }
        : name === 'tracking'
          ? { what: words[0] }
          : name === 'journal'
            ? { what: words[0], key: words[1], ...(words[2] === undefined ? {} : { reason: words[2] }) }
            : { words: words[0] };
    if (typeof node === 'number' && this.cluster !== undefined) {
      Object.assign(event, { node: this.nameOf(node) });
      if (name === 'state' && words[1] === 'down') this.cluster.hint();
    }
    this.spread(name, event);
  }

  private spread(name: keyof TierEvents, event: object): void {
    if (this.diagnostics?.hasSubscribers === true) this.diagnostics.publish({ name, ...event });
    for (const listener of [...((this.listeners as Record<string, Set<(event: unknown) => void>>)[name] ?? [])]) hear(listener, event);
  }

  private arm(): void {
    if (this.ended !== undefined) return;
    const due = this.machine.due();
    if (due >= 0 && due < this.timerDue) {
      clearTimeout(this.timer);
      this.timerDue = due;
      this.timer = setTimeout(() => this.tick(), Math.min(Math.max(due - clock(), 0), LONGEST_TIMER));
    }
    // A tier alone keeps no process alive; somebody who waits for its answer does.
    hold(this.timer, this.waiting.size > 0);
  }

  private tick(): void {
    this.timerDue = Infinity;
    this.tell('tick');
  }
}

const ENCODE = 'cachette: keys are strings, and values strings or Uint8Array: encode what is neither';

function isWord(word: unknown): boolean {
  return typeof word === 'string' || word instanceof Uint8Array;
}

/** What a factory made, if it can be kept. */
function encoded<T>(value: T): T {
  if (value !== null && value !== undefined && !isWord(value)) throw new TypeError(ENCODE);
  return value;
}

/** What a listener throws is nobody's here; it is reported as what any callback throws. */
function hear(listener: (event: unknown) => void, event: unknown): void {
  try {
    listener(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function failure(code: string, words = ''): TierError {
  const wording = WORDING[code] ?? words;
  return new TierError(code, words === '' || wording === words ? wording : `${wording}: ${words}`);
}

function metaOf(answer: Action): Meta {
  const [source, stale, age, durability] = answer.slice(3);
  return { source: text(source) as Meta['source'], stale: stale === 1, ageMs: Number(age), durability: text(durability) as Durability };
}
