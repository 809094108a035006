// node-redis: tracking over RESP3, on the connection of the reads.

import { ReplyError } from '../../errors.js';
import { ignore, isCommand, Reconnecting, type Address, type ClusterClient, type Connection, type Driver, type Link, type OpenEars, type Words } from '../link.js';
import { within } from '../timers.js';

type Listener = (...args: any[]) => void;

/** node-redis 5 and 6: `createClient()` of `redis`. */
export interface NodeRedisLike {
  duplicate(overrides?: any): any;
  sendCommand(args: any, options?: any): Promise<any>;
  on(event: string, listener: Listener): unknown;
}

/** node-redis 5 and 6: `createCluster()`. */
export interface NodeRedisClusterLike {
  duplicate(overrides?: any): any;
  nodeClient(node: any): any;
  readonly masters: any[];
}

/** node-redis 5 and 6: `createSentinel()`. It has to be connected by its owner: it alone knows how to reach the master. */
export interface NodeRedisSentinelLike {
  getMasterNode(): any;
  _execute(isReadonly: any, call: (client: any) => Promise<any>): Promise<any>;
  on(event: string, listener: Listener): unknown;
  off?(event: string, listener: Listener): unknown;
}

/** RESP3's type of blob strings, as node-redis numbers it. */
const BLOB_STRING = 36;

interface NodeBuffer {
  from(bytes: ArrayBufferLike, at: number, length: number): Uint8Array;
}

/** A view of a word as the Buffer that clients of Node want. */
export function buffer(word: Uint8Array): Uint8Array {
  const { Buffer } = globalThis as unknown as { Buffer: NodeBuffer };
  return Buffer.from(word.buffer, word.byteOffset, word.length);
}

const encoder = new TextEncoder();

/** What a server that speaks RESP2 alone says to HELLO. */
const NO_RESP3 = /^(NOPROTO|ERR unknown command)/;

/** What is known of the server that a client leads to. */
interface Server {
  /** The latest protocol that it speaks, as far as is known. */
  protocol: 2 | 3;
}

class NodeRedisConnection implements Connection {
  private client: any;
  /** Hears messages where the protocol lets one connection not do both. */
  private ear: any;
  private last: unknown;
  private opened = false;
  private closed = false;
  /** All that were made, and those whose sockets are being made: one that is destroyed meanwhile would open nevertheless. */
  private readonly made = new Set<any>();
  private readonly connecting = new Set<any>();

  constructor(
    private readonly like: NodeRedisLike,
    private readonly address: object,
    private readonly timeout: number,
    private readonly server: Server,
    private readonly ears: OpenEars,
  ) {}

  async open(): Promise<void> {
    try {
      this.client = await this.connect(this.server.protocol);
    } catch (error) {
      if (this.server.protocol === 2 || !(error instanceof Error && NO_RESP3.test(error.message))) throw error;
      this.server.protocol = 2;
      this.client = await this.connect(2);
    }
    this.opened = true;
  }

  private async connect(protocol: 2 | 3): Promise<any> {
    const client = this.make(protocol);
    this.made.add(client);
    this.connecting.add(client);
    client.once('connect', () => {
      this.connecting.delete(client);
      if (this.closed) queueMicrotask(() => destroy(client));
    });
    await client.connect().finally(() => this.connecting.delete(client));
    if (this.closed || !client.isReady) {
      destroy(client);
      throw this.last ?? new Error('not connected');
    }
    return client;
  }

  private make(protocol: 2 | 3): any {
    const { ears } = this;
    const { socket } = (this.like as { options?: { socket?: object } }).options ?? {};
    const client = this.like.duplicate({
      RESP: protocol,
      emitInvalidate: protocol === 3,
      clientSideCache: undefined,
      maintNotifications: 'disabled',
      disableOfflineQueue: true,
      commandsQueueMaxLength: undefined,
      readonly: false,
      socket: { ...socket, ...this.address, reconnectStrategy: false, connectTimeout: this.timeout },
    });
    client.on('error', (error: unknown) => {
      this.last = error;
      if (this.opened) ears.disconnected();
    });
    client.on('end', () => this.opened && ears.disconnected());
    client.on('invalidate', (key: Uint8Array | string | null) => {
      ears.invalidated(key === null ? [] : [typeof key === 'string' ? encoder.encode(key) : key]);
    });
    return client;
  }

  close(): void {
    this.closed = true;
    for (const client of this.made) if (!this.connecting.has(client)) destroy(client);
  }

  send(commands: readonly Words[]): Promise<unknown>[] {
    // How long is waited for a reply is for the machine to say.
    const options = { typeMapping: { [BLOB_STRING]: (globalThis as unknown as { Buffer: NodeBuffer }).Buffer }, timeout: undefined };
    return commands.map((command) => {
      if (isCommand(command, 'SUBSCRIBE')) return this.subscribe(command[1]!);
      if (isCommand(command, 'CLIENT', 'TRACKING')) {
        // It would say OK, and tell nothing.
        if (this.server.protocol === 2) return Promise.reject(new ReplyError('ERR tracking needs RESP3', 'CLIENT'));
        // The client has it on by itself, in a mode that cannot be left otherwise.
        this.client.sendCommand(['CLIENT', 'TRACKING', 'OFF'], options).catch(ignore);
      }
      return this.client.sendCommand(command.map(buffer), options);
    });
  }

  private async subscribe(channel: Uint8Array): Promise<void> {
    const listener = (message: Uint8Array) => this.ears.message(message);
    if (this.server.protocol === 2) this.ear = await this.connect(2);
    await (this.ear ?? this.client).subscribe(buffer(channel).toString(), listener, true);
  }
}

function destroy(client: any): void {
  try {
    client.destroy();
  } catch {
    // Closed already.
  }
}

function linkTo(like: NodeRedisLike, timeout: number, server: Server, address: object = {}): Link {
  return new Reconnecting((ears) => new NodeRedisConnection(like, address, timeout, server, ears));
}

export function nodeRedis(client: NodeRedisLike, timeout: number): Driver {
  return { kind: 'node-redis', tracking: true, channels: true, to: { way: linkTo(client, timeout, { protocol: 3 }) } };
}

class NodeRedisCluster implements ClusterClient {
  readonly seeds: readonly Address[];
  private readonly addresses: unknown;
  /** A client of one node, never connected: others are made after it. */
  private like: NodeRedisLike | undefined;
  private readonly server: Server = { protocol: 3 };

  constructor(
    private readonly client: NodeRedisClusterLike,
    private readonly timeout: number,
  ) {
    const { rootNodes = [], nodeAddressMap } = (client as { _options?: { rootNodes?: any[]; nodeAddressMap?: unknown } })._options ?? {};
    this.addresses = nodeAddressMap;
    this.seeds = rootNodes.map(({ url, socket }) => {
      const { hostname, port } = url === undefined ? { hostname: socket?.host, port: socket?.port } : new URL(url);
      return { host: hostname || '127.0.0.1', port: Number(port || 6379) };
    });
  }

  map({ host, port }: Address): Address {
    const name = `${host}:${port}`;
    const mapped = typeof this.addresses === 'function' ? this.addresses(name) : (this.addresses as Record<string, Address> | undefined)?.[name];
    return mapped ?? { host, port };
  }

  async ready(): Promise<void> {
    if (this.like !== undefined) return;
    const { defaults } = (this.client as { _options?: { defaults?: { socket?: object } } })._options ?? {};
    const socket = { ...defaults?.socket, connectTimeout: this.timeout, reconnectStrategy: false };
    const scout = this.client.duplicate({ minimizeConnections: true, RESP: 3, clientSideCache: undefined, defaults: { ...defaults, socket } });
    for (const event of ['error', 'node-error']) scout.on(event, ignore);
    try {
      // One that takes the connection and then says nothing would be waited for without end.
      if ((await within(2 * this.timeout, scout.connect())) === undefined) throw new Error('no node answers');
      this.like = (await scout.nodeClient(scout.masters[0])).duplicate() as NodeRedisLike;
    } finally {
      scout.destroy();
    }
  }

  link(address: Address): Link {
    return linkTo(this.like!, this.timeout, this.server, address);
  }
}

export function nodeRedisCluster(client: NodeRedisClusterLike, timeout: number): Driver {
  return { kind: 'node-redis cluster', tracking: true, channels: true, to: { cluster: new NodeRedisCluster(client, timeout) } };
}

/** Who is master, as far as it is known. */
class Master {
  private like: NodeRedisLike | undefined;
  private asking: Promise<NodeRedisLike> | undefined;

  constructor(private readonly sentinel: NodeRedisSentinelLike) {}

  /** While none answers, nobody is told: the last one is tried at once, and the next attempt knows more. */
  async last(): Promise<NodeRedisLike> {
    const asked = this.ask();
    if (this.like === undefined) return asked;
    asked.catch(ignore);
    return this.like;
  }

  changed(): void {
    this.like = undefined;
  }

  private ask(): Promise<NodeRedisLike> {
    this.asking ??= this.sentinel._execute(false, async (client) => (this.like = client)).finally(() => (this.asking = undefined));
    return this.asking!;
  }
}

/** A connection to whoever is master, which ends when another one is. */
class NodeRedisSentinelConnection implements Connection {
  private inner: NodeRedisConnection | undefined;
  private closed = false;

  constructor(
    private readonly master: Master,
    private readonly timeout: number,
    private readonly server: Server,
    private readonly ears: OpenEars,
  ) {}

  async open(): Promise<void> {
    const like = await this.master.last();
    if (this.closed) throw new Error('too late');
    this.inner = new NodeRedisConnection(like, {}, this.timeout, this.server, this.ears);
    await this.inner.open();
  }

  close(): void {
    this.closed = true;
    this.inner?.close();
  }

  send(commands: readonly Words[]): Promise<unknown>[] {
    return this.inner!.send(commands);
  }
}

export function nodeRedisSentinel(sentinel: NodeRedisSentinelLike, timeout: number): Driver {
  const master = new Master(sentinel);
  const server: Server = { protocol: 3 };
  let current: (() => void) | undefined;
  const changed = (event: { type?: string }) => {
    if (event?.type !== 'MASTER_CHANGE') return;
    master.changed();
    current?.();
  };
  sentinel.on('topology-change', changed);
  const link = new Reconnecting((ears) => {
    current = ears.disconnected;
    return new NodeRedisSentinelConnection(master, timeout, server, ears);
  });
  const leave = () => void sentinel.off?.('topology-change', changed);
  return { kind: 'node-redis sentinel', tracking: true, channels: true, to: { way: link }, leave };
}
