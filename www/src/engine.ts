// The cache that this page shows, and the three ways in which the page speaks to it: for the user, for the workload, for itself.

import { Cachette, ReplyError, type Arg, type CacheStats, type Reply } from 'cachette';
import { full } from 'cachette/full';

export type Command = [string, ...Arg[]];

/** Figures to show: the cache's own, without what the page's looking caused, and how many commands were run for anybody else. */
export interface Figures extends CacheStats {
  commands: number;
}

/** What the engine can do and this page cannot. */
export class NotHere extends Error {}

const decoder = new TextDecoder();

/** A reply as text, whatever it is. */
export function text(reply: Reply | undefined): string {
  return reply instanceof Uint8Array ? decoder.decode(reply) : String(reply);
}

export class Engine {
  /** The database that the session has selected. */
  db = 0;
  /** Between MULTI and EXEC every command would be queued, those of the page too: it asks nothing meanwhile. */
  inTransaction = false;

  /** Milliseconds that the last command of {@link Engine.run} took. */
  tookMs = 0;

  /** Whether it found nothing, and would have waited for another client to bring something. */
  wouldWait = false;

  private readonly bytes: Cachette<Uint8Array>;
  private readonly listeners = new Set<() => void>();
  private readonly own = { hits: 0, misses: 0 };
  private commands = 0;

  private constructor(private readonly cache: Cachette) {
    this.bytes = cache.bytes;
    // Also what makes keys go at their deadline, rather than when they are next met.
    cache.on('expired', () => this.tellChanged());
    cache.on('evicted', () => this.tellChanged());
  }

  static async create(): Promise<Engine> {
    return new Engine(await Cachette.create({ engine: full }));
  }

  /** Has `listener` told when contents may have changed. */
  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  /**
   * Runs a command of the user's; a refusal is thrown. Values come as bytes, so that they can be shown as they are.
   *
   * The page has one session, which must never wait for another. A command that would wait is run as a transaction of its own: there
   * it answers as if its time were up.
   */
  run([name, ...args]: Command): Reply {
    const flags = this.flagsOf(name);
    const mustNotWait = flags.has('blocking');
    // Of those about messages, the ones that change what a connection listens to are the ones kept from scripts.
    if (flags.has('pubsub') && flags.has('noscript')) throw new NotHere(`${name.toUpperCase()} needs a connection of its own to receive messages, which this console has not.`);
    this.commands++;
    try {
      const start = performance.now();
      const reply = mustNotWait ? this.runAlone([name, ...args]) : this.bytes.call(name, ...args);
      this.tookMs = performance.now() - start;
      this.wouldWait = mustNotWait && reply === null;
      this.follow(name.toUpperCase());
      return reply;
    } catch (error) {
      // EXEC ends the transaction even where it is refused.
      if (name.toUpperCase() === 'EXEC') this.inTransaction = false;
      throw error;
    } finally {
      this.tellChanged();
    }
  }

  private runAlone([name, ...args]: Command): Reply {
    const [reply] = this.bytes.transaction((queue) => queue.call(name, ...args)) ?? [null];
    if (reply instanceof ReplyError) throw reply;
    return reply ?? null;
  }

  /** What COMMAND INFO says of a command; within a transaction nothing is asked, nor need it be: nothing waits there. */
  private flagsOf(name: string): Set<string> {
    const [info] = this.inTransaction ? [] : ((this.describe('COMMAND', 'INFO', name) ?? []) as Reply[]);
    const flags = Array.isArray(info) ? info[2] : undefined;
    return new Set(Array.isArray(flags) ? flags.map(text) : []);
  }

  /** Runs commands of the demo's; refusals stand among the replies. */
  batch(commands: readonly Command[]): Reply[] {
    if (this.inTransaction) return [];
    this.commands += commands.length;
    const replies = this.send(commands);
    this.tellChanged();
    return replies;
  }

  /** Runs reads of the page's own, which count nowhere: nobody wants to plot the plotting. */
  read(commands: readonly Command[]): Reply[] {
    if (this.inTransaction) return commands.map(({ 0: name }) => new ReplyError('ERR a transaction is open', name));
    const before = this.cache.stats();
    const replies = this.send(commands);
    const after = this.cache.stats();
    this.own.hits += after.hits - before.hits;
    this.own.misses += after.misses - before.misses;
    return replies;
  }

  /** One command of {@link Engine.read}; null where it was refused. */
  ask(...command: Command): Reply {
    const [reply] = this.read([command]);
    return reply === undefined || reply instanceof ReplyError ? null : reply;
  }

  /** A read whose maps come as objects with text in them. */
  describe(...[name, ...args]: Command): Reply {
    try {
      return this.cache.call(name, ...args);
    } catch {
      return null;
    }
  }

  figures(): Figures {
    const stats = this.cache.stats();
    return { ...stats, hits: Math.max(0, stats.hits - this.own.hits), misses: Math.max(0, stats.misses - this.own.misses), commands: this.commands };
  }

  /** Begins anew with an empty cache: the way out of a crash. */
  reset(): void {
    this.cache.reset();
    this.db = 0;
    this.inTransaction = false;
    this.own.hits = this.own.misses = 0;
    this.tellChanged();
  }

  private send(commands: readonly Command[]): Reply[] {
    const pipeline = this.bytes.pipeline();
    for (const [name, ...args] of commands) pipeline.call(name, ...args);
    return pipeline.exec();
  }

  /** Keeps track of what a successful command did to the session. */
  private follow(name: string): void {
    if (name === 'MULTI') this.inTransaction = true;
    else if (name === 'EXEC' || name === 'DISCARD' || name === 'RESET') this.inTransaction = false;
    if (this.inTransaction) return;
    // A reset session speaks RESP2, in which maps are lists.
    if (name === 'RESET') this.describe('HELLO', 3);
    const found = / db=(\d+)/.exec(text(this.ask('CLIENT', 'INFO')));
    if (found !== null) this.db = Number(found[1]);
  }

  private tellChanged(): void {
    for (const listener of this.listeners) listener();
  }
}
