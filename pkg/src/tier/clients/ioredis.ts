// ioredis speaks RESP2: what changes, and what other tiers say, is told to a second connection. If that is lost, so is the tracking, hence the whole.

import { ReplyError } from '../../errors.js';
import { ignore, isCommand, Reconnecting, type Address, type ClusterClient, type Connection, type Driver, type Link, type OpenEars, type Wanted, type Words } from '../link.js';
import { isReplyError, refusalOf } from '../replies.js';
import { every } from '../timers.js';
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
  /** Where anything is to be heard. */
  private readonly ear: any;
  private last: unknown;
  private opened = false;
  private closed = false;
  /** None where the server does not say. */
  private earId: string | undefined;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    like: IoredisLike,
    address: object,
    { timeout, listens }: Wanted,
    private readonly ears: OpenEars,
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
      // How long is waited for a reply is for the machine to say.
      commandTimeout: undefined,
      readOnly: false,
      stringNumbers: false,
    };
    this.link = like.duplicate(overrides);
    if (listens) this.ear = like.duplicate(overrides);
    const lost = () => this.opened && ears.disconnected();
    for (const one of this.both()) {
      one.on('error', (error: unknown) => (this.last = error));
      one.on('close', lost);
      one.on('end', lost);
    }
  }

  private both(): any[] {
    return this.ear === undefined ? [this.link] : [this.link, this.ear];
  }

  async open(): Promise<void> {
    try {
      await Promise.all(this.both().map((one) => one.connect()));
      if (this.ear !== undefined) await this.listen(this.ear);
      if (this.closed) throw new Error('closed');
    } catch (error) {
      throw refusalOf(error) === undefined ? (this.last ?? error) : error;
    }
    this.opened = true;
    if (this.ear !== undefined) this.watch();
  }

  private async listen(ear: any): Promise<void> {
    if (!sameServer(this.link, ear)) throw new Error('the two connections lead to different servers');
    ear.on('messageBuffer', (channel: Uint8Array, said: Uint8Array[] | Uint8Array | null) => this.heard(decoder.decode(channel), said));
    try {
      const id = String(await ear.call('CLIENT', 'ID'));
      await ear.subscribe(CHANNEL);
      this.earId = id;
    } catch (error) {
      if (!isReplyError(error) || refusalOf(error) !== undefined) throw error;
    }
  }

  private heard(channel: string, said: Uint8Array[] | Uint8Array | null): void {
    const words = said === null ? [] : Array.isArray(said) ? said : [said];
    if (channel === CHANNEL) this.ears.invalidated(words);
    else for (const message of words) this.ears.message(message);
  }

  /** A connection that says nothing may be dead without anybody knowing. */
  private watch(): void {
    let heard = performance.now();
    const ask = () => {
      if (performance.now() - heard > SILENT_AFTER) this.ears.disconnected();
      else this.ear.ping().then(() => (heard = performance.now()), ignore);
    };
    this.timer = every(PING_EVERY, ask);
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    for (const one of this.both()) one.disconnect();
  }

  send(commands: readonly Words[]): Promise<unknown>[] {
    return commands.map((command) => {
      const [name, ...words] = command;
      const args: (Uint8Array | string)[] = words.map(buffer);
      if (isCommand(command, 'SUBSCRIBE')) return this.ear.subscribe(...args);
      if (isCommand(command, 'CLIENT', 'TRACKING')) {
        if (this.earId === undefined) return Promise.reject(new ReplyError('ERR the server cannot tell a second connection', 'CLIENT'));
        args.push('REDIRECT', this.earId);
      }
      return this.link.callBuffer(decoder.decode(name), ...args);
    });
  }
}

/** Ids of clients mean something within a server: behind a name, or behind sentinels, there may be two. */
function sameServer(...clients: any[]): boolean {
  const [first, second] = clients.map(({ stream }) => `${stream?.remoteAddress}:${stream?.remotePort}`);
  return first === second;
}

function linkTo(like: IoredisLike, wanted: Wanted, address: object = {}): Link {
  return new Reconnecting((ears) => new IoredisConnection(like, address, wanted, ears));
}

/** Keys that the client would lengthen are told by their long names when they change. */
function refusePrefix(client: object): void {
  const { keyPrefix } = (client as { options?: { keyPrefix?: string } }).options ?? {};
  if (keyPrefix) throw new TypeError('cachette: a tier takes no client with a keyPrefix; give the keys their whole names');
}

export function ioredis(client: IoredisLike, wanted: Wanted): Driver {
  refusePrefix(client);
  return { kind: 'ioredis', tracking: true, channels: true, to: { way: linkTo(client, wanted) } };
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
    private readonly wanted: Wanted,
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
    return linkTo(this.like!, this.wanted, address);
  }
}

export function ioredisCluster(client: IoredisClusterLike, wanted: Wanted): Driver {
  refusePrefix(client);
  return { kind: 'ioredis cluster', tracking: true, channels: true, to: { cluster: new IoredisCluster(client, wanted) } };
}
