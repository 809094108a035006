// Bun's client tells nothing of changes, gives text (only GET comes as bytes), and connects anew by itself without a word: whether it is connected is asked.

import { isCommand, Reconnecting, type Connection, type Driver, type OpenEars, type Words } from '../link.js';
import { every } from '../timers.js';

/** Bun's own: `new RedisClient()`. */
export interface BunLike {
  duplicate(): Promise<any>;
  send(command: string, args: any[]): Promise<any>;
  getBuffer(key: any): Promise<any>;
  subscribe?(channel: any, listener: any): Promise<any>;
  connect(): Promise<any>;
  close(): void;
}

/** How often a connection is asked whether it still is one. */
const ASK_EVERY = 100;
/** A connection that takes so many times as long as the first one did is refused: the client would go on trying, and does not say so. */
const MUCH_LONGER = 4;
const AT_LEAST = 100;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** How long connecting may take, as the first connection showed it. */
class Patience {
  private isNew = true;

  constructor(public ms: number) {}

  took(ms: number): void {
    if (this.isNew) this.ms = Math.min(this.ms, Math.max(AT_LEAST, MUCH_LONGER * ms));
    this.isNew = false;
  }
}

class BunConnection implements Connection {
  private client: any;
  /** Hears messages. */
  private ear: any;
  private closed = false;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly like: BunLike,
    private readonly patience: Patience,
    private readonly ears: OpenEars,
  ) {}

  async open(): Promise<void> {
    this.client = await this.like.duplicate();
    if (this.closed) return this.client.close();
    const start = performance.now();
    let late: ReturnType<typeof setTimeout> | undefined;
    const tooLate = new Promise((_, no) => (late = setTimeout(() => no(new Error('not connected')), this.patience.ms)));
    const connected = this.client.connect().then(() => this.client.send('PING', []));
    await Promise.race([connected, tooLate]).finally(() => clearTimeout(late));
    this.patience.took(performance.now() - start);
    if (this.closed) return;
    this.client.onclose = () => this.ears.disconnected();
    this.timer = every(ASK_EVERY, () => [this.client, this.ear].every((client) => client?.connected ?? true) || this.ears.disconnected());
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    this.client?.close();
    this.ear?.close();
  }

  send(commands: readonly Words[]): Promise<unknown>[] {
    // It would keep them for a later connection.
    if (!this.client.connected) return [Promise.reject(new Error('not connected'))];
    return commands.map((command) => {
      const [name, ...words] = command;
      if (isCommand(command, 'SUBSCRIBE')) return this.subscribe(decoder.decode(words[0]));
      const verb = decoder.decode(name);
      return verb === 'GET' ? this.client.getBuffer(words[0]) : this.client.send(verb, words);
    });
  }

  /** Messages come as text, which those of tiers are but for keys that are none. */
  private async subscribe(channel: string): Promise<void> {
    const ear = await this.like.duplicate();
    if (this.closed) return ear.close();
    this.ear = ear;
    await ear.connect();
    ear.onclose = () => this.ears.disconnected();
    await ear.subscribe(channel, (message: string) => this.ears.message(encoder.encode(message)));
  }
}

export function bun(client: BunLike, timeout: number): Driver {
  const patience = new Patience(timeout);
  return { kind: 'bun', tracking: false, channels: typeof client.subscribe === 'function', to: { way: new Reconnecting((ears) => new BunConnection(client, patience, ears)) } };
}
