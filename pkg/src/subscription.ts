// Subscriptions: each a session of its own, with a listener or read as an async iterator.

import { converse } from './door.js';
import { CacheClosedError, ReplyError } from './errors.js';
import type { Instance } from './instance.js';
import type { Arg, Reply, ReplyReader } from './resp.js';

/** A message; `pattern` is there where one was subscribed to. */
export interface Message<V> {
  channel: V;
  message: V;
  pattern?: V;
}

/** A subscription to one or more channels. It lives on when the cache is reset, and ends when the cache is closed. */
export class Subscription<V> {
  private session = 0;

  /** @internal */
  constructor(
    private readonly core: Instance,
    private readonly words: readonly Arg[],
    readonly asBytes: boolean,
    private readonly listener: (message: Message<V>) => void,
  ) {
    this.restart();
  }

  /** Ends it. */
  unsubscribe(): void {
    if (!this.active) return;
    this.core.owners.delete(this.session);
    this.core.raw?.leave(this.session);
    this.session = 0;
  }

  /** Whether it goes on. */
  get active(): boolean {
    return this.session !== 0;
  }

  [Symbol.dispose](): void {
    this.unsubscribe();
  }

  /** @internal */
  restart(): void {
    const { core, words, asBytes } = this;
    const [session, answer] = core.enter(() => converse(core, words, asBytes));
    // What follows the confirmations, if anything does, is a refusal.
    const refusal = answer.next(words[0]!);
    if (refusal instanceof ReplyError) {
      core.raw.leave(session);
      throw refusal;
    }
    this.session = session;
    core.owners.set(session, this);
  }

  /** @internal */
  hear(reader: ReplyReader): void {
    const pushed: Reply[][] = [];
    // All is read before a listener runs, whose calls write to the same memory.
    reader.pushes((words) => pushed.push(words));
    for (const [, ...words] of pushed as V[][]) {
      const [message, channel, pattern] = words.reverse();
      try {
        this.tell({ channel: channel!, message: message!, ...(pattern !== undefined && { pattern }) });
      } catch (error) {
        // A listener's own trouble: told as an uncaught error, kept from the others.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** @internal */
  protected tell(message: Message<V>): void {
    this.listener(message);
  }

  /** @internal */
  lose(error: Error): void {
    if (error instanceof CacheClosedError) this.unsubscribe();
  }
}

/** Options of `subscribe`, `psubscribe` and `ssubscribe` where messages are read as an async iterator. */
export interface MessagesOptions {
  /** How many messages may wait to be read: 1024 unless said. When there are more, the oldest is dropped, and counted in `dropped`. */
  buffer?: number;
}

/** A subscription whose messages are read in turn: `for await (const { message } of cache.subscribe('news'))`. Leaving the loop ends it. */
export class Messages<V> extends Subscription<V> implements AsyncIterableIterator<Message<V>> {
  /** Messages that were dropped because the buffer was full. */
  dropped = 0;
  private readonly buffered: Message<V>[] = [];
  private readonly readers: ((result: IteratorResult<Message<V>>) => void)[] = [];
  private readonly room: number;

  /** @internal */
  constructor(core: Instance, words: readonly Arg[], asBytes: boolean, { buffer = 1024 }: MessagesOptions = {}) {
    super(core, words, asBytes, () => {});
    this.room = buffer;
  }

  /** @internal */
  protected override tell(message: Message<V>): void {
    const { buffered, room } = this;
    const reader = this.readers.shift();
    if (reader !== undefined) return reader({ value: message, done: false });
    buffered.push(message);
    if (buffered.length > room) {
      buffered.shift();
      this.dropped++;
    }
  }

  /** The next message. What came before the end of the subscription is still read. */
  next(): Promise<IteratorResult<Message<V>>> {
    const { buffered } = this;
    if (buffered.length > 0) return Promise.resolve({ value: buffered.shift()!, done: false });
    return this.active ? new Promise((resolve) => this.readers.push(resolve)) : Promise.resolve(DONE);
  }

  /** Ends the subscription and forgets what was not read. */
  return(): Promise<IteratorResult<Message<V>>> {
    this.unsubscribe();
    this.buffered.length = 0;
    return Promise.resolve(DONE);
  }

  override unsubscribe(): void {
    super.unsubscribe();
    for (const reader of this.readers.splice(0)) reader(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const DONE = { value: undefined, done: true } as const;
