// The side of the user: the same methods as a cache in this thread, with promises.

/// <reference lib="esnext.disposable" preserve="true" />

import type { CacheStats } from '../cachette.js';
import { CacheClosedError, CacheCrashedError, ReplyError } from '../errors.js';
import { Commands, type SetOptions } from '../generated/commands.js';
import type { Signal } from '../mode.js';
import { Pipeline } from '../pipeline.js';
import type { Arg, Reply } from '../resp.js';
import type { Message, MessagesOptions } from '../subscription.js';
import { flatten, type Many } from '../words.js';
import { isBatch, listenTo, Outbox, unpacked, type Answer, type Call, type Port, type Told } from './protocol.js';

interface Asked {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** What all faces of one connection share. */
interface Line {
  out: Outbox<Call>;
  asked: Map<number, Asked>;
  listeners: Map<number, (message: Message<any>) => void>;
  last: number;
  closed: Error | undefined;
  stop: () => void;
}

/**
 * A cache that lives elsewhere, in a worker or behind a port, where {@link serve} was called. Calls of one turn of the event loop go there in one message, and run in their
 * order.
 */
export class RemoteCachette<V extends string | Uint8Array = string> extends Commands<'async', V> {
  private twin: RemoteCachette<Uint8Array> | undefined;

  /** @internal */
  constructor(
    private readonly line: Line,
    private readonly asBytes: boolean,
  ) {
    super();
  }

  /** This very cache with values as `Uint8Array`. */
  get bytes(): RemoteCachette<Uint8Array> {
    return (this.twin ??= this.asBytes ? (this as unknown as RemoteCachette<Uint8Array>) : new RemoteCachette<Uint8Array>(this.line, true));
  }

  /** Runs any command. A refusal rejects with a {@link ReplyError}. Commands that would wait answer at once here. */
  call(command: string, ...args: Arg[]): Promise<Reply> {
    return this.send([command, ...args]);
  }

  /** A queue of commands that run together: `await cache.pipeline().set('a', 1).get('a').exec()`. */
  pipeline(): Pipeline<V, Promise<Reply[]>> {
    return new Pipeline<V, Promise<Reply[]>>((commands) => this.run(commands));
  }

  /** Runs the commands that `fill` queues as one MULTI … EXEC; see `Cachette.transaction`. */
  async transaction(fill: (queue: Pipeline<V>) => void): Promise<Reply[] | null> {
    const queue = new Pipeline<V>((commands) => commands);
    fill(queue);
    const replies = await this.run([['MULTI'], ...queue.take(), ['EXEC']]);
    const done = replies.at(-1)!;
    if (done instanceof ReplyError) throw replies.find((reply) => reply instanceof ReplyError);
    return done as Reply[] | null;
  }

  /** Subscribes to channels; resolves once that holds. With a listener, or read as an async iterator. */
  subscribe(channels: Many, listener: (message: Message<V>) => void): Promise<RemoteSubscription>;
  subscribe(channels: Many, options?: MessagesOptions): Promise<RemoteMessages<V>>;
  subscribe(channels: Many, how?: MessagesOptions | ((message: Message<V>) => void)): Promise<RemoteSubscription> {
    return this.listen('SUBSCRIBE', channels, how);
  }

  /** As {@link RemoteCachette.subscribe}, to all channels whose names match a pattern. */
  psubscribe(patterns: Many, listener: (message: Message<V>) => void): Promise<RemoteSubscription>;
  psubscribe(patterns: Many, options?: MessagesOptions): Promise<RemoteMessages<V>>;
  psubscribe(patterns: Many, how?: MessagesOptions | ((message: Message<V>) => void)): Promise<RemoteSubscription> {
    return this.listen('PSUBSCRIBE', patterns, how);
  }

  /** As {@link RemoteCachette.subscribe}, to the channels of `spublish`. */
  ssubscribe(channels: Many, listener: (message: Message<V>) => void): Promise<RemoteSubscription>;
  ssubscribe(channels: Many, options?: MessagesOptions): Promise<RemoteMessages<V>>;
  ssubscribe(channels: Many, how?: MessagesOptions | ((message: Message<V>) => void)): Promise<RemoteSubscription> {
    return this.listen('SSUBSCRIBE', channels, how);
  }

  private async listen(command: string, channels: Many, how?: MessagesOptions | ((message: Message<V>) => void)): Promise<RemoteSubscription> {
    const words: Arg[] = [command];
    flatten(words, [channels]);
    const { line, asBytes } = this;
    const end = (id: number) => (): void => {
      if (line.listeners.delete(id) && line.closed === undefined) line.out.add({ kind: 'unlisten', id });
    };
    const [id, answered] = ask(line, (id) => ({ kind: 'listen', id, words, bytes: asBytes }));
    const subscription = typeof how === 'function' ? new RemoteSubscription(end(id)) : new RemoteMessages<V>(end(id), how?.buffer);
    line.listeners.set(id, typeof how === 'function' ? how : (message) => (subscription as RemoteMessages<V>).hear(message));
    try {
      await answered;
    } catch (error) {
      line.listeners.delete(id);
      throw error;
    }
    return subscription;
  }

  /** Stores plain data; see `Cachette.setObject`. */
  setObject(key: Arg, value: unknown, options?: SetOptions): Promise<'OK' | V | null> {
    return this.method('setObject', key, value, options);
  }

  /** What {@link RemoteCachette.setObject} stored, or null. */
  getObject<T = unknown>(key: Arg): Promise<T | null> {
    return this.method('getObject', key);
  }

  /** Figures of the cache. */
  stats(): Promise<CacheStats> {
    return this.method('stats');
  }

  /** Starts the cache anew, empty. */
  reset(): Promise<void> {
    return this.method('reset');
  }

  private method<T>(name: Extract<Call, { kind: 'method' }>['name'], ...args: unknown[]): Promise<T> {
    return ask(this.line, (id) => ({ kind: 'method', id, name, args }))[1] as Promise<T>;
  }

  /** Ends this connection: what was asked and not answered rejects with a {@link CacheClosedError}. The cache itself stays. */
  close(): void {
    end(this.line, new CacheClosedError('the connection to the cache is closed'));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  protected override send<T>(words: Arg[]): Promise<T> {
    return this.run([words]).then(([reply]) => {
      if (reply instanceof ReplyError) throw reply;
      return reply as T;
    });
  }

  private run(words: Arg[][]): Promise<Reply[]> {
    const [, answered] = ask(this.line, (id) => ({ kind: 'run', id, words, bytes: this.asBytes }), movable(words.flat()));
    return answered.then((replies) => unpacked(replies) as Reply[]);
  }

  /** @internal */
  protected override park<T>(words: Arg[], signal?: Signal): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { line } = this;
    const [id, answered] = ask(line, (id) => ({ kind: 'wait', id, words, bytes: this.asBytes }), movable(words));
    const abort = (): void => line.out.add({ kind: 'abort', id });
    signal?.addEventListener('abort', abort);
    // Called off there, it may have been served already: then that is its answer, and nothing is lost.
    const done = answered.then(
      (reply) => unpacked(reply) as T,
      (error) => {
        throw signal?.aborted ? signal.reason : error;
      },
    );
    return done.finally(() => signal?.removeEventListener('abort', abort));
  }
}

/** A subscription to channels of a cache elsewhere. */
export class RemoteSubscription {
  /** Whether it goes on. */
  active = true;

  /** @internal */
  constructor(private readonly end: () => void) {}

  /** Ends it. */
  unsubscribe(): void {
    this.active = false;
    this.end();
  }

  [Symbol.dispose](): void {
    this.unsubscribe();
  }
}

/** A subscription whose messages are read in turn; see `Messages`. */
export class RemoteMessages<V> extends RemoteSubscription implements AsyncIterableIterator<Message<V>> {
  /** Messages that were dropped because the buffer was full. */
  dropped = 0;
  private readonly buffered: Message<V>[] = [];
  private readonly readers: ((result: IteratorResult<Message<V>>) => void)[] = [];

  /** @internal */
  constructor(
    end: () => void,
    private readonly room = 1024,
  ) {
    super(end);
  }

  /** @internal */
  hear(message: Message<V>): void {
    const reader = this.readers.shift();
    if (reader !== undefined) return reader({ value: message, done: false });
    if (this.buffered.push(message) <= this.room) return;
    this.buffered.shift();
    this.dropped++;
  }

  next(): Promise<IteratorResult<Message<V>>> {
    if (this.buffered.length > 0) return Promise.resolve({ value: this.buffered.shift()!, done: false });
    return this.active ? new Promise((resolve) => this.readers.push(resolve)) : Promise.resolve({ value: undefined, done: true });
  }

  return(): Promise<IteratorResult<Message<V>>> {
    this.unsubscribe();
    this.buffered.length = 0;
    return Promise.resolve({ value: undefined, done: true });
  }

  override unsubscribe(): void {
    super.unsubscribe();
    for (const reader of this.readers.splice(0)) reader({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Connects to a cache that is served at the other end of a port: a `Worker`, a `MessagePort`, in browsers and in Node. */
export function connect(port: Port): RemoteCachette {
  const refused = ({ id }: Call, error: unknown): void => {
    line.asked.get(id)?.reject(error);
    line.asked.delete(id);
  };
  const line: Line = { out: new Outbox<Call>(port, refused), asked: new Map(), listeners: new Map(), last: 0, closed: undefined, stop: () => {} };
  line.stop = listenTo(port, (data) => {
    if (!isBatch<Answer>(data)) return;
    line.out.begin();
    for (const answer of data.cachette) hear(line, answer);
  });
  line.out.call({ kind: 'hello', id: 0 });
  const lost = (): void => end(line, new CacheClosedError('the worker of the cache has ended'));
  // A worker in Node says so when it ends; in a browser it tells errors that nobody caught, of which it does not end.
  port.on?.('exit', lost);
  port.on?.('close', lost);
  return new RemoteCachette(line, false);
}

/** Marks bytes to be moved, not copied, when they are sent to a worker: they are empty here afterwards. */
export function transfer(bytes: Uint8Array): Uint8Array {
  moved.add(bytes.buffer);
  return bytes;
}

const moved = new WeakSet<ArrayBufferLike>();

function movable(words: Arg[]): ArrayBufferLike[] {
  return words.flatMap((word) => (word instanceof Uint8Array && moved.has(word.buffer) ? [word.buffer] : []));
}

function ask(line: Line, call: (id: number) => Call, transfer?: ArrayBufferLike[]): [id: number, answer: Promise<unknown>] {
  const id = ++line.last;
  const answer = new Promise<unknown>((resolve, reject) => {
    if (line.closed !== undefined) throw line.closed;
    line.asked.set(id, { resolve, reject });
    line.out.add(call(id), transfer);
  });
  return [id, answer];
}

function hear(line: Line, answer: Answer): void {
  if (answer.kind === 'hello') return;
  if (answer.kind === 'message') return line.listeners.get(answer.id)?.(answer.message as Message<any>);
  const asked = line.asked.get(answer.id);
  line.asked.delete(answer.id);
  if (answer.kind === 'done') asked?.resolve(answer.value);
  else asked?.reject(errorOf(answer.error));
}

function errorOf({ name, message, command }: Told): Error {
  if (name === 'ReplyError') return new ReplyError(message, command);
  if (name === 'CacheClosedError') return new CacheClosedError(message);
  if (name === 'CacheCrashedError') return new CacheCrashedError(undefined);
  return Object.assign(name === 'TypeError' ? new TypeError(message) : new Error(message), { name });
}

function end(line: Line, error: Error): void {
  if (line.closed !== undefined) return;
  line.out.flush();
  line.closed = error;
  line.stop();
  for (const { reject } of line.asked.values()) reject(error);
  line.asked.clear();
  line.listeners.clear();
}
