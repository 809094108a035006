// node-redis: tracking over RESP3, on the connection of the reads.

import { ignore, Reconnecting, type Address, type ClusterClient, type Connection, type Driver, type Ears, type Link, type Words } from '../link.js';

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

class NodeRedisConnection implements Connection {
  private readonly client: any;
  private last: unknown;

  constructor(like: NodeRedisLike, address: object, timeout: number, ears: Pick<Ears, 'disconnected' | 'invalidated'>) {
    const { socket } = (like as { options?: { socket?: object } }).options ?? {};
    this.client = like.duplicate({
      RESP: 3,
      emitInvalidate: true,
      clientSideCache: undefined,
      disableOfflineQueue: true,
      readonly: false,
      socket: { ...socket, ...address, reconnectStrategy: false, connectTimeout: timeout },
    });
    this.client.on('error', (error: unknown) => {
      this.last = error;
      if (this.opened) ears.disconnected();
    });
    this.client.on('end', () => this.opened && ears.disconnected());
    this.client.on('invalidate', (key: Uint8Array | string | null) => {
      ears.invalidated(key === null ? [] : [typeof key === 'string' ? encoder.encode(key) : key]);
    });
  }

  private opened = false;

  async open(): Promise<void> {
    await this.client.connect();
    if (!this.client.isReady) throw this.last ?? new Error('not connected');
    this.opened = true;
  }

  close(): void {
    try {
      this.client.destroy();
    } catch {
      // Closed already.
    }
  }

  send(commands: readonly Words[]): Promise<unknown>[] {
    const typeMapping = { [BLOB_STRING]: (globalThis as unknown as { Buffer: NodeBuffer }).Buffer };
    return commands.map((command) => this.client.sendCommand(command.map(buffer), { typeMapping }));
  }
}

function linkTo(like: NodeRedisLike, timeout: number, address: object = {}): Link {
  return new Reconnecting((ears) => new NodeRedisConnection(like, address, timeout, ears));
}

export function nodeRedis(client: NodeRedisLike, timeout: number): Driver {
  return { kind: 'node-redis', tracking: true, to: { link: linkTo(client, timeout) } };
}

class NodeRedisCluster implements ClusterClient {
  readonly seeds: readonly Address[];
  private readonly addresses: unknown;
  /** A client of one node, never connected: others are made after it. */
  private like: NodeRedisLike | undefined;

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
      await scout.connect();
      this.like = (await scout.nodeClient(scout.masters[0])).duplicate() as NodeRedisLike;
    } finally {
      scout.destroy();
    }
  }

  link(address: Address): Link {
    return linkTo(this.like!, this.timeout, address);
  }
}

export function nodeRedisCluster(client: NodeRedisClusterLike, timeout: number): Driver {
  return { kind: 'node-redis cluster', tracking: true, to: { cluster: new NodeRedisCluster(client, timeout) } };
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
    private readonly ears: Pick<Ears, 'disconnected' | 'invalidated'>,
  ) {}

  async open(): Promise<void> {
    const like = await this.master.last();
    if (this.closed) throw new Error('too late');
    this.inner = new NodeRedisConnection(like, {}, this.timeout, this.ears);
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
  let current: (() => void) | undefined;
  sentinel.on('topology-change', (event: { type?: string }) => {
    if (event?.type !== 'MASTER_CHANGE') return;
    master.changed();
    current?.();
  });
  const link = new Reconnecting((ears) => {
    current = ears.disconnected;
    return new NodeRedisSentinelConnection(master, timeout, ears);
  });
  return { kind: 'node-redis sentinel', tracking: true, to: { link } };
}
