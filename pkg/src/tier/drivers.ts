// The clients that can be brought, by their shape. Each driver makes connections of its own from the client's options: when they open and close is
// for the machine to say.

import type { Cachette } from '../cachette.js';
import { ReplyError } from '../errors.js';
import { isReplyError, refusalOf } from './replies.js';

/** The host's `fetch`, whose types not every program knows. */
type HostFetch = typeof globalThis extends { fetch: infer F } ? F : (input: any, init?: any) => Promise<any>;

/** A command: its words. */
export type Words = readonly Uint8Array[];

/** What a driver tells. */
export interface Ears {
  connected(): void;
  /** No connection came about; the words of a server that lets nobody in, if that is why. */
  refused(words?: string): void;
  disconnected(): void;
  /** Keys changed; all, if none is named. */
  invalidated(keys: readonly Uint8Array[]): void;
}

export interface Driver {
  /** What the client is taken for. */
  readonly kind: string;
  /** Redis tells on this connection, or beside it, what changes. */
  readonly tracking: boolean;
  /** Nobody else reaches what is behind it. */
  readonly exclusive: boolean;
  /** A request that fails is that request alone: there is no connection to lose. */
  readonly connectionless: boolean;
  open(ears: Ears): void;
  close(): void;
  /** The replies, refusals among them as errors; rejected where none came. */
  send(commands: readonly Words[]): Promise<unknown[]>;
}

type Listener = (...args: any[]) => void;

/** node-redis 5 and 6: `createClient()` of `redis`. */
export interface NodeRedisLike {
  duplicate(overrides?: any): any;
  sendCommand(args: any, options?: any): Promise<any>;
  on(event: string, listener: Listener): unknown;
}

/** ioredis: `new Redis()`. */
export interface IoredisLike {
  duplicate(overrides?: any): any;
  callBuffer(command: string, ...args: any[]): Promise<any>;
  on(event: any, listener: any): unknown;
}

/** Bun's own: `new RedisClient()`. */
export interface BunLike {
  duplicate(): Promise<any>;
  send(command: string, args: string[]): Promise<any>;
  getBuffer(key: any): Promise<any>;
  connect(): Promise<any>;
  close(): void;
}

/** A server that speaks Upstash's REST protocol. */
export interface RestLike {
  url: string;
  token?: string;
  fetch?: HostFetch;
}

/** What a tier may be put before. */
export type RedisLike = NodeRedisLike | IoredisLike | BunLike | RestLike;

const has = (client: object, ...names: string[]): boolean => names.every((name) => typeof (client as Record<string, unknown>)[name] === 'function');

/** The driver for a client. */
export function driverFor(client: RedisLike, options: { connectTimeout: number }): Driver {
  if (typeof client === 'object' && client !== null) {
    if ((client as { isCluster?: boolean }).isCluster === true || 'masters' in client) {
      throw new TypeError('cachette: a tier in JavaScript speaks to one master; a client of a cluster cannot say what changes on which node');
    }
    if (has(client, 'callBuffer', 'duplicate')) return new Ioredis(client as IoredisLike, options.connectTimeout);
    if (has(client, 'sendCommand', 'duplicate')) return new NodeRedis(client as NodeRedisLike, options.connectTimeout);
    if (has(client, 'send', 'getBuffer', 'duplicate')) return new Bun(client as BunLike);
    if (typeof (client as RestLike).url === 'string') return new Rest(client as RestLike);
  }
  throw new TypeError('cachette: a tier takes a client of node-redis, ioredis or Bun, or { url, token } of a REST server');
}

/** Outcomes of commands sent together: Redis's refusals stay, anything else means that the connection is gone. */
async function settle(replies: readonly Promise<unknown>[]): Promise<unknown[]> {
  const outcomes = await Promise.allSettled(replies);
  return outcomes.map((outcome) => {
    if (outcome.status === 'fulfilled') return outcome.value;
    if (isReplyError(outcome.reason)) return outcome.reason;
    throw outcome.reason;
  });
}

/** Calls that come after the connection they belong to are passed over. */
abstract class Connected implements Driver {
  abstract readonly kind: string;
  readonly tracking: boolean = true;
  readonly exclusive = false;
  readonly connectionless = false;
  protected generation = 0;

  protected abstract connect(generation: number, ears: Ears): Promise<void>;
  protected abstract drop(): void;
  abstract send(commands: readonly Words[]): Promise<unknown[]>;

  open(ears: Ears): void {
    const generation = ++this.generation;
    const current = () => generation === this.generation;
    const mine: Ears = {
      connected: () => current() && ears.connected(),
      refused: (words) => current() && ears.refused(words),
      disconnected: () => current() && ears.disconnected(),
      invalidated: (keys) => current() && ears.invalidated(keys),
    };
    this.connect(generation, mine).then(
      () => mine.connected(),
      (error: unknown) => mine.refused(refusalOf(error)),
    );
  }

  close(): void {
    this.generation++;
    this.drop();
  }
}

/** RESP3's type of blob strings, as node-redis numbers it. */
const BLOB_STRING = 36;

class NodeRedis extends Connected {
  readonly kind = 'node-redis';
  private link: any;

  constructor(
    private readonly client: NodeRedisLike,
    private readonly timeout: number,
  ) {
    super();
  }

  protected async connect(generation: number, ears: Ears): Promise<void> {
    const { socket } = (this.client as { options?: { socket?: object } }).options ?? {};
    const link = this.client.duplicate({
      RESP: 3,
      emitInvalidate: true,
      disableOfflineQueue: true,
      socket: { ...socket, reconnectStrategy: false, connectTimeout: this.timeout },
    });
    let last: unknown;
    link.on('error', (error: unknown) => {
      last = error;
      if (link === this.link) ears.disconnected();
    });
    link.on('end', () => link === this.link && ears.disconnected());
    link.on('invalidate', (key: Uint8Array | string | null) => ears.invalidated(key === null ? [] : [bytes(key)]));
    await link.connect();
    if (!link.isReady) throw last ?? new Error('not connected');
    if (generation !== this.generation) return destroy(link);
    this.link = link;
  }

  protected drop(): void {
    const { link } = this;
    this.link = undefined;
    if (link !== undefined) destroy(link);
  }

  async send(commands: readonly Words[]): Promise<unknown[]> {
    const { link } = this;
    if (link === undefined) throw new Error('not connected');
    const { Buffer } = globalThis as unknown as { Buffer: { from(bytes: ArrayBufferLike, at: number, length: number): Uint8Array } };
    const typeMapping = { [BLOB_STRING]: Buffer };
    const words = (command: Words) => command.map((word) => Buffer.from(word.buffer, word.byteOffset, word.length));
    return settle(commands.map((command) => link.sendCommand(words(command), { typeMapping }) as Promise<unknown>));
  }
}

function destroy(link: any): void {
  try {
    link.destroy();
  } catch {
    // Closed already.
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function bytes(value: Uint8Array | string): Uint8Array {
  return typeof value === 'string' ? encoder.encode(value) : value;
}

/** How often the second connection is asked whether it lives, and after how long it counts as dead. */
const PING_EVERY = 1000;
const SILENT_AFTER = 2900;

class Ioredis extends Connected {
  readonly kind = 'ioredis';
  private link: any;
  private ear: any;
  private earId: string | undefined;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly client: IoredisLike,
    private readonly timeout: number,
  ) {
    super();
  }

  /** ioredis speaks RESP2: changes are told to a second connection. If that is lost, so is the tracking, hence the whole. */
  protected async connect(generation: number, ears: Ears): Promise<void> {
    const overrides = {
      lazyConnect: true,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: null,
      reconnectOnError: null,
      connectTimeout: this.timeout,
    };
    const [link, ear] = [this.client.duplicate(overrides), this.client.duplicate(overrides)];
    const lost = () => (link === this.link || ear === this.ear) && ears.disconnected();
    let last: unknown;
    for (const one of [link, ear]) {
      one.on('error', (error: unknown) => (last = error));
      one.on('close', lost);
      one.on('end', lost);
    }
    try {
      await Promise.all([link.connect(), ear.connect()]);
      const id = (await ear.call('CLIENT', 'ID')) as number;
      ear.on('messageBuffer', (_: unknown, keys: Uint8Array[] | Uint8Array | null) => {
        ears.invalidated(keys === null ? [] : Array.isArray(keys) ? keys : [keys]);
      });
      await ear.subscribe('__redis__:invalidate');
      if (generation !== this.generation) throw new Error('too late');
      [this.link, this.ear, this.earId] = [link, ear, String(id)];
      this.watch(ear, ears);
    } catch (error) {
      link.disconnect();
      ear.disconnect();
      throw refusalOf(error) === undefined ? (last ?? error) : error;
    }
  }

  /** A connection that says nothing may be dead without anybody knowing. */
  private watch(ear: any, ears: Ears): void {
    let heard = Date.now();
    this.timer = setInterval(() => {
      if (Date.now() - heard > SILENT_AFTER) ears.disconnected();
      else ear.ping().then(() => (heard = Date.now()), () => undefined);
    }, PING_EVERY);
    (this.timer as { unref?(): void }).unref?.();
  }

  protected drop(): void {
    clearInterval(this.timer);
    const { link, ear } = this;
    this.link = this.ear = undefined;
    link?.disconnect();
    ear?.disconnect();
  }

  async send(commands: readonly Words[]): Promise<unknown[]> {
    const { link } = this;
    if (link === undefined) throw new Error('not connected');
    const { Buffer } = globalThis as unknown as { Buffer: { from(bytes: ArrayBufferLike, at: number, length: number): Uint8Array } };
    const replies = commands.map((command) => {
      const [name, ...words] = command;
      const args: (Uint8Array | string)[] = words.map((word) => Buffer.from(word.buffer, word.byteOffset, word.length));
      if (decoder.decode(name) === 'CLIENT' && decoder.decode(words[0]) === 'TRACKING') args.push('REDIRECT', this.earId!);
      return link.callBuffer(decoder.decode(name), ...args) as Promise<unknown>;
    });
    return settle(replies);
  }
}

/** Bun's client tells nothing of changes, and gives text: only GET comes as bytes. */
class Bun extends Connected {
  readonly kind = 'bun';
  override readonly tracking = false;
  private link: any;

  constructor(private readonly client: BunLike) {
    super();
  }

  protected async connect(generation: number, ears: Ears): Promise<void> {
    const link = await this.client.duplicate();
    link.onclose = () => link === this.link && ears.disconnected();
    await link.connect();
    await link.send('PING', []);
    if (generation !== this.generation) return link.close();
    this.link = link;
  }

  protected drop(): void {
    const { link } = this;
    this.link = undefined;
    link?.close();
  }

  async send(commands: readonly Words[]): Promise<unknown[]> {
    const { link } = this;
    if (link === undefined) throw new Error('not connected');
    const replies = commands.map(([name, ...words]) => {
      const args = words.map((word) => decoder.decode(word));
      return (decoder.decode(name) === 'GET' ? link.getBuffer(args[0]) : link.send(decoder.decode(name), args)) as Promise<unknown>;
    });
    return settle(replies);
  }
}

/** Requests over HTTP: no connection to lose, and nobody tells what changes. */
class Rest implements Driver {
  readonly kind = 'rest';
  readonly tracking = false;
  readonly exclusive = false;
  readonly connectionless = true;
  private readonly pending = new Set<AbortController>();

  constructor(private readonly server: RestLike) {}

  open(ears: Ears): void {
    this.send([[encoder.encode('PING')]]).then(
      ([reply]) => (reply instanceof Error ? ears.refused(refusalOf(reply)) : ears.connected()),
      (error: unknown) => ears.refused(refusalOf(error)),
    );
  }

  close(): void {
    for (const request of this.pending) request.abort();
    this.pending.clear();
  }

  async send(commands: readonly Words[]): Promise<unknown[]> {
    const abort = new AbortController();
    this.pending.add(abort);
    try {
      const headers: Record<string, string> = { 'content-type': 'application/json', 'upstash-encoding': 'base64' };
      if (this.server.token !== undefined) headers['authorization'] = `Bearer ${this.server.token}`;
      const body = JSON.stringify(commands.map((command) => command.map((word) => decoder.decode(word))));
      const request = this.server.fetch ?? fetch;
      const response = await request(`${this.server.url.replace(/\/$/, '')}/pipeline`, { method: 'POST', headers, body, signal: abort.signal });
      if (response.status === 401) throw new ReplyError('WRONGPASS the token is not accepted', 'PIPELINE');
      if (!response.ok) throw new Error(`the REST server answers ${response.status}`);
      const replies = (await response.json()) as { result?: unknown; error?: string }[];
      return replies.map(({ result, error }) => (error === undefined ? decoded(result) : new ReplyError(error, 'PIPELINE')));
    } finally {
      this.pending.delete(abort);
    }
  }
}

/** Strings come in base64, `OK` does not. */
function decoded(result: unknown): unknown {
  if (Array.isArray(result)) return result.map(decoded);
  if (typeof result !== 'string' || result === 'OK') return result;
  return Uint8Array.from(atob(result), (character) => character.charCodeAt(0));
}

/** The engine in this process. */
export class Local implements Driver {
  readonly kind = 'embedded';
  readonly tracking = false;
  readonly exclusive = true;
  readonly connectionless = false;

  constructor(private readonly cache: Cachette<Uint8Array>) {}

  open(ears: Ears): void {
    ears.connected();
  }

  close(): void {}

  /** At once. */
  answer(commands: readonly Words[]): unknown[] {
    return commands.map(([name, ...words]) => {
      try {
        return this.cache.call(decoder.decode(name), ...words);
      } catch (error) {
        if (error instanceof ReplyError) return error;
        throw error;
      }
    });
  }

  async send(commands: readonly Words[]): Promise<unknown[]> {
    return this.answer(commands);
  }
}
