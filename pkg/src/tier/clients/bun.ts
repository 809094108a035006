// Bun's client tells nothing of changes, and gives text: only GET comes as bytes.

import { Reconnecting, type Connection, type Driver, type Ears, type Words } from '../link.js';

/** Bun's own: `new RedisClient()`. */
export interface BunLike {
  duplicate(): Promise<any>;
  send(command: string, args: string[]): Promise<any>;
  getBuffer(key: any): Promise<any>;
  connect(): Promise<any>;
  close(): void;
}

const decoder = new TextDecoder();

class BunConnection implements Connection {
  private client: any;
  private closed = false;

  constructor(
    private readonly like: BunLike,
    private readonly ears: Pick<Ears, 'disconnected'>,
  ) {}

  async open(): Promise<void> {
    this.client = await this.like.duplicate();
    if (this.closed) return this.client.close();
    this.client.onclose = () => this.ears.disconnected();
    await this.client.connect();
    await this.client.send('PING', []);
  }

  close(): void {
    this.closed = true;
    this.client?.close();
  }

  send(commands: readonly Words[]): Promise<unknown>[] {
    return commands.map(([name, ...words]) => {
      const args = words.map((word) => decoder.decode(word));
      return decoder.decode(name) === 'GET' ? this.client.getBuffer(args[0]) : this.client.send(decoder.decode(name), args);
    });
  }
}

export function bun(client: BunLike): Driver {
  return { kind: 'bun', tracking: false, to: { link: new Reconnecting((ears) => new BunConnection(client, ears)) } };
}
