// `cachette/ioredis`: ioredis on an engine in this process. ioredis asks a Connector for a stream and speaks RESP over it; this one leads to a session.

import { Duplex } from 'node:stream';
import type { Cachette } from '../cachette.js';
import { full } from '../full/inline.js';
import '../platform/node.js';
import { shared } from '../shared.js';
import { Wire } from '../wire.js';

/** What ioredis hands to a Connector, as far as it matters here. */
interface Options {
  host?: string;
  port?: number;
  path?: string | null;
}

/** Bytes that cross into the engine together, about: more at once gain nothing, and take room twice. */
const CROSSING = 1 << 18;

/** A stream as ioredis wants one: a Duplex with a socket's methods. */
class Line extends Duplex {
  readonly connecting = false;
  private readonly wire: Wire;
  private written: Uint8Array[] = [];

  constructor(
    cache: Cachette,
    readonly remoteAddress: string,
    readonly remotePort: number,
  ) {
    super({ readableHighWaterMark: 1 << 20, writableHighWaterMark: 1 << 20 });
    const end = (): void => {
      // The other end is gone: what was said before is read first.
      this.push(null);
      this.destroy();
    };
    this.wire = new Wire(cache.core, { take: (bytes) => this.push(bytes), end: () => queueMicrotask(end) });
  }

  override _read(): void {}

  /** What is written in one turn crosses into the engine together, and is answered after it: ioredis notes a command only once it is written. */
  override _write(bytes: Uint8Array, _encoding: string, done: () => void): void {
    if (this.written.push(bytes) === 1) queueMicrotask(() => this.cross());
    done();
  }

  private cross(): void {
    const { written } = this;
    this.written = [];
    let from = 0;
    let bytes = 0;
    for (let at = 0; at < written.length; at++) {
      bytes += written[at]!.length;
      if (bytes < CROSSING && at < written.length - 1) continue;
      this.wire.send(at === from ? written[at]! : Buffer.concat(written.slice(from, at + 1), bytes));
      [from, bytes] = [at + 1, 0];
    }
  }

  /** ioredis may end the stream while it reads a reply: what is left to be answered comes after that. */
  override _final(done: () => void): void {
    queueMicrotask(() => {
      this.cross();
      this.wire.close();
      this.push(null);
      done();
    });
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.wire.close();
    done(error);
  }

  // A socket's affairs, none of which there is here.
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  setTimeout(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

/** A class to hand to ioredis: `new Redis({ Connector })`. ioredis's own types of it are nominal, hence `any`. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type ConnectorClass = new (options: any) => any;

/** A Connector that leads to this cache: `new Redis({ Connector: connectorTo(cache) })`. */
export function connectorTo(cache: Cachette<string> | Cachette<Uint8Array>): ConnectorClass {
  return connectorBy(() => cache as Cachette);
}

/**
 * A Connector that leads to engines by address, as a network would: all clients of one `host`, `port` or `path` meet in one engine, the cache that
 * `shared('redis://127.0.0.1:6379')` names (or `shared(path)`). Unless it was made before, it has the complete engine of `cachette/full`.
 */
export const Connector: ConnectorClass = connectorBy(({ host = 'localhost', port = 6379, path }) =>
  shared(path ?? `redis://${host === 'localhost' ? '127.0.0.1' : host}:${port}`, { engine: full }),
);

function connectorBy(find: (options: Options) => Cachette): ConnectorClass {
  return class Connector {
    firstError: Error | undefined;
    connecting = false;
    stream: Line | undefined;

    constructor(private readonly options: Options) {}

    /** Whether a server that was found will do. */
    check(): boolean {
      return true;
    }

    connect(): Promise<Line> {
      this.connecting = true;
      return new Promise((resolve, reject) => {
        process.nextTick(() => {
          if (!this.connecting) return reject(new Error('Connection is closed.'));
          try {
            const { host = '127.0.0.1', port = 6379 } = this.options;
            this.stream = new Line(find(this.options), host, port);
            resolve(this.stream);
          } catch (error) {
            reject(error as Error);
          }
        });
      });
    }

    disconnect(): void {
      this.connecting = false;
      this.stream?.end();
    }
  };
}
