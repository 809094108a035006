// ioredis speaks RESP2: what changes is told to a second connection. If that is lost, so is the tracking, hence the whole.

import { ignore, Reconnecting, type Address, type ClusterClient, type Connection, type Driver, type Ears, type Link, type Words } from '../link.js';
import { refusalOf } from '../replies.js';
import { buffer } from './node-redis.js';

/** ioredis: `new Redis()`, with or without sentinels. */
export interface IoredisLike {
  duplicate(overrides?: any): any;
  callBuffer(command: string, ...args: any[]): Promise<any>;
  on(event: any, listener: any): unknown;
}

/** ioredis: `new Cluster()`. */
export interface IoredisClusterLike {
  duplicate(startupNodes?: any, overrides?: any): any;
  nodes(role?: any): any[];
  readonly isCluster: boolean;
}

/** How often the second connection is asked whether it lives, and after how long it counts as dead. */
const PING_EVERY = 1000;
const SILENT_AFTER = 2900;
/** Where Redis tells a connection in RESP2 what changed. */
const CHANNEL = '__redis__:invalidate';
const decoder = new TextDecoder();

class IoredisConnection implements Connection {
  private readonly link: any;
  private readonly ear: any;
  private last: unknown;
  private opened = false;
  private earId = '';
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    like: IoredisLike,
    address: object,
    timeout: number,
    private readonly ears: Pick<Ears, 'disconnected' | 'invalidated'>,
  ) {
    const overrides = {
      ...address,
      lazyConnect: true,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      enableAutoPipelining: false,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: null,
      reconnectOnError: null,
      // Sentinels that say who is master also say when that changes: the connection ends then.
      sentinelRetryStrategy: null,
      failoverDetector: true,
      connectTimeout: timeout,
      readOnly: false,
      stringNumbers: false,
    };
    [this.link, this.ear] = [like.duplicate(overrides), like.duplicate(overrides)];
    const lost = () => this.opened && ears.disconnected();
    for (const one of [this.link, this.ear]) {
      one.on('error', (error: unknown) => (this.last = error));
      one.on('close', lost);
      one.on('end', lost);
    }
  }

  async open(): Promise<void> {
    const { link, ear } = this;
    try {
      await Promise.all([link.connect(), ear.connect()]);
      if (!sameServer(link, ear)) throw new Error('the two connections lead to different servers');
      this.earId = String(await ear.call('CLIENT', 'ID'));
      ear.on('messageBuffer', (_: unknown, keys: Uint8Array[] | Uint8Array | null) => {
        this.ears.invalidated(keys === null ? [] : Array.isArray(keys) ? keys : [keys]);
      });
      await ear.subscribe(CHANNEL);
    } catch (error) {
      throw refusalOf(error) === undefined ? (this.last ?? error) : error;
    }
    this.opened = true;
    this.watch();
  }

  /** A connection that says nothing may be dead without anybody knowing. */
  private watch(): void {
    let heard = performance.now();
    const ask = () => {
      if (performance.now() - heard > SILENT_AFTER) this.ears.disconnected();
      else this.ear.ping().then(() => (heard = performance.now()), ignore);
    };
    this.timer = setInterval(ask, PING_EVERY);
    (this.timer as { unref?(): void }).unref?.();
  }

  close(): void {
    clearInterval(this.timer);
    this.link.disconnect();
    this.ear.disconnect();
  }

  send(commands: readonly Words[]): Promise<unknown>[] {
    return commands.map(([name, ...words]) => {
      const args: (Uint8Array | string)[] = words.map(buffer);
      if (decoder.decode(name) === 'CLIENT' && decoder.decode(words[0]) === 'TRACKING') args.push('REDIRECT', this.earId);
      return this.link.callBuffer(decoder.decode(name), ...args);
    });
  }
}

/** Ids of clients mean something within a server: behind a name, or behind sentinels, there may be two. */
function sameServer(...clients: any[]): boolean {
  const [first, second] = clients.map(({ stream }) => `${stream?.remoteAddress}:${stream?.remotePort}`);
  return first === second;
}

function linkTo(like: IoredisLike, timeout: number, address: object = {}): Link {
  return new Reconnecting((ears) => new IoredisConnection(like, address, timeout, ears));
}

/** Keys that the client would lengthen are told by their long names when they change. */
function refusePrefix(client: object): void {
  const { keyPrefix } = (client as { options?: { keyPrefix?: string } }).options ?? {};
  if (keyPrefix) throw new TypeError('cachette: a tier takes no client with a keyPrefix; give the keys their whole names');
}

export function ioredis(client: IoredisLike, timeout: number): Driver {
  refusePrefix(client);
  return { kind: 'ioredis', tracking: true, to: { link: linkTo(client, timeout) } };
}

type StartupNode = string | number | { host?: string | null; port?: number | string };

function addressOf(node: StartupNode): Address {
  if (typeof node === 'number' || /^\d+$/.test(String(node))) return { host: '127.0.0.1', port: Number(node) };
  const { hostname, port } = typeof node === 'string' ? new URL(node.includes('://') ? node : `redis://${node}`) : { hostname: node.host, port: node.port };
  return { host: hostname || '127.0.0.1', port: Number(port || 6379) };
}

class IoredisCluster implements ClusterClient {
  readonly seeds: readonly Address[];
  private readonly addresses: unknown;
  /** A client of one node: others are made after it. */
  private like: IoredisLike | undefined;

  constructor(
    private readonly client: IoredisClusterLike,
    private readonly timeout: number,
  ) {
    this.seeds = ((client as { startupNodes?: StartupNode[] }).startupNodes ?? []).map(addressOf);
    this.addresses = (client as { options?: { natMap?: unknown } }).options?.natMap;
  }

  map({ host, port }: Address): Address {
    const name = `${host}:${port}`;
    const mapped = typeof this.addresses === 'function' ? this.addresses(name) : (this.addresses as Record<string, Address> | undefined)?.[name];
    return mapped ?? { host, port };
  }

  async ready(): Promise<void> {
    this.like ??= this.client.nodes('all')[0] ?? (await this.firstNode());
  }

  /** The client makes one for each of its startup nodes before it reaches any. */
  private firstNode(): Promise<IoredisLike> {
    const scout = this.client.duplicate([], { lazyConnect: true, clusterRetryStrategy: ignore });
    for (const event of ['error', 'node error']) scout.on(event, ignore);
    const found = new Promise<IoredisLike>((found) => scout.once('+node', found));
    return Promise.race([found, scout.connect().then(() => found)]).finally(() => scout.disconnect()) as Promise<IoredisLike>;
  }

  link(address: Address): Link {
    return linkTo(this.like!, this.timeout, address);
  }
}

export function ioredisCluster(client: IoredisClusterLike, timeout: number): Driver {
  refusePrefix(client);
  return { kind: 'ioredis cluster', tracking: true, to: { cluster: new IoredisCluster(client, timeout) } };
}
