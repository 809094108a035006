// `cachette/server`: a RESP server in this process, on the engine in WebAssembly. Sockets here; everything that is said over them is the engine's affair.

/// <reference lib="esnext.disposable" preserve="true" />

import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { Cachette } from '../cachette.js';
import { full } from '../full/inline.js';
import { parseBytes, type CachetteOptions } from '../options.js';
import '../platform/node.js';
import { shared } from '../shared.js';
import { Wire } from '../wire.js';

/** Options of {@link listen}. */
export interface ListenOptions {
  /** TCP port; 0, the default, takes a free one, which the listener then names. */
  port?: number;
  /** Address to listen on: this machine only, unless said. */
  host?: string;
  /** Path of a unix socket (or a named pipe) to listen on; alone, unless `port` is given too. */
  unixsocket?: string;
  /** Password that clients must give. */
  requirepass?: string;
  /** The most memory that keys and values may take: bytes, or text such as `'64mb'`. Beyond it writes are refused (`noeviction`), as in Redis, unless `config` has another `maxmemory-policy`. */
  maxmemory?: number | string;
  /** Further parameters, as `CONFIG SET` takes them: `{ maxclients: 100, 'protected-mode': 'no' }`. */
  config?: Record<string, string | number>;
  /** The clock: Unix milliseconds. */
  now?: () => number;
  /** Serve this cache; it stays when the listener closes. Without it, and without `name`, every listener has a cache of its own. */
  cache?: Cachette<string> | Cachette<Uint8Array>;
  /** Serve the cache of this name in this process (see `shared`); it stays when the listener closes. */
  name?: string;
}

/** What {@link listen} gives. */
export interface Listener {
  /** `redis://…` or `unix://…`, with the password if there is one. */
  readonly url: string;
  /** Undefined where only a unix socket is listened on. */
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly unixsocket: string | undefined;
  /** The cache that is served, to look into or to fill. */
  readonly cache: Cachette;
  /** Settles when the listener has closed. (Clients cannot end it: SHUTDOWN is refused.) */
  readonly closed: Promise<void>;
  /** Takes no more clients, lets those that are there have what they are owed, and closes. A cache of the listener's own is closed too. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** How long clients get to take their last bytes, in milliseconds. */
const LAST_BYTES_MS = 2000;

const DENIED =
  '-DENIED This server is in protected mode: it has no password and answers only clients on its own machine. To let others in, set a password ' +
  "(requirepass), or, where the network keeps strangers out, turn protected mode off: config: { 'protected-mode': 'no' }.\r\n";

/** Opens a server. Rejects where the address cannot be had. */
export async function listen(options: ListenOptions = {}): Promise<Listener> {
  const house = new House(options);
  try {
    await house.open();
  } catch (error) {
    await house.close();
    throw error;
  }
  return house;
}

class House implements Listener {
  readonly cache: Cachette;
  readonly closed: Promise<void>;
  readonly unixsocket: string | undefined;
  host: string | undefined;
  port: number | undefined;
  private readonly own: boolean;
  private readonly doors: Server[] = [];
  private readonly guests = new Map<Socket, Wire>();
  private ending: Promise<void> | undefined;
  private settle!: () => void;

  constructor(private readonly options: ListenOptions) {
    const { cache, name, config, requirepass, maxmemory, now } = options;
    this.closed = new Promise((resolve) => (this.settle = resolve));
    this.own = cache === undefined && name === undefined;
    const parameters: Record<string, string | number> = { ...config };
    if (maxmemory !== undefined) parameters['maxmemory'] = parseBytes(maxmemory);
    if (requirepass !== undefined) parameters['requirepass'] = requirepass;
    const made: CachetteOptions = { engine: full, ...(now !== undefined && { now }) };
    this.cache = (cache as Cachette | undefined) ?? (name === undefined ? new Cachette(made) : shared(name, made));
    for (const [parameter, value] of Object.entries(parameters)) this.cache.call('CONFIG', 'SET', parameter, value);
    this.unixsocket = options.unixsocket;
  }

  get url(): string {
    const { requirepass } = this.options;
    const user = requirepass === undefined ? '' : `:${encodeURIComponent(requirepass)}@`;
    if (this.port === undefined) return `unix://${user}${this.unixsocket}`;
    return `redis://${user}${this.host!.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  async open(): Promise<void> {
    const { port, host = '127.0.0.1', unixsocket } = this.options;
    if (unixsocket !== undefined) await this.door({ path: unixsocket });
    if (unixsocket !== undefined && port === undefined) return;
    const address = (await this.door({ port: port ?? 0, host })).address();
    if (typeof address === 'object' && address !== null) [this.host, this.port] = [host, address.port];
  }

  private async door(where: { path: string } | { port: number; host: string }): Promise<Server> {
    const door = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.welcome(socket));
    await new Promise<void>((resolve, reject) => {
      door.once('error', reject);
      door.listen(where, resolve);
    });
    this.doors.push(door);
    return door;
  }

  private welcome(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const { core } = this.cache;
    const [maxclients, protectedMode] = this.limits();
    if (this.guests.size >= maxclients) return void socket.end('-ERR max number of clients reached\r\n');
    const [addr, laddr] = addresses(socket, this.unixsocket);
    const wire = new Wire(
      core,
      {
        take: (bytes) => {
          if (!socket.write(bytes)) wire.owe(socket.writableLength);
        },
        end: () => {
          socket.end();
          setTimeout(() => socket.destroy(), LAST_BYTES_MS).unref();
        },
      },
      { addr, laddr },
    );
    if (protectedMode && wire.known && !isLocal(socket)) {
      wire.close();
      return void socket.end(DENIED);
    }
    this.guests.set(socket, wire);
    socket.on('data', (bytes) => wire.send(bytes));
    socket.on('drain', () => wire.owe(0));
    // What was asked before the client closed its half is still answered.
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      wire.close();
      this.guests.delete(socket);
    });
  }

  private limits(): [maxclients: number, protectedMode: boolean] {
    const found = this.cache.configGet('maxclients', 'protected-mode') as Record<string, string>;
    return [Number(found['maxclients']), found['protected-mode'] === 'yes'];
  }

  close(): Promise<void> {
    return (this.ending ??= this.end());
  }

  private async end(): Promise<void> {
    const closed = this.doors.map((door) => new Promise<void>((resolve) => door.close(() => resolve())));
    const late = setTimeout(() => this.guests.forEach((_, socket) => socket.destroy()), LAST_BYTES_MS);
    for (const socket of this.guests.keys()) {
      socket.end();
      socket.resume();
      // Nobody reads what it says from here on, so its end need not be waited for.
      if (socket.writableLength === 0) socket.destroy();
    }
    await Promise.all(closed);
    clearTimeout(late);
    if (this.unixsocket !== undefined) await rm(this.unixsocket, { force: true });
    if (this.own) this.cache.close();
    this.settle();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The other end's address and ours, as CLIENT LIST shows them. */
function addresses(socket: Socket, unixsocket: string | undefined): [addr: string, laddr: string] {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined) return [`${unixsocket}:0`, `${unixsocket}:0`];
  return [`${bracketed(remoteAddress)}:${remotePort}`, `${bracketed(localAddress ?? '')}:${localPort}`];
}

/** An IPv6 socket shows IPv4 addresses as `::ffff:127.0.0.1`. */
function bracketed(address: string): string {
  const plain = address.replace(/^::ffff:/, '');
  return plain.includes(':') ? `[${plain}]` : plain;
}

function isLocal({ remoteAddress }: Socket): boolean {
  return remoteAddress === undefined || /^(::ffff:)?127\.|^::1$/.test(remoteAddress);
}
