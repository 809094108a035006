// Commands that wait to be sent together.

import { Commands } from './generated/commands.js';
import type { Queued } from './mode.js';
import type { Arg, Reply } from './resp.js';

/**
 * A queue of commands. Each method queues its command and returns the queue; {@link Pipeline.exec} sends them and returns the answers in order. Those
 * that would wait answer at once.
 */
export class Pipeline<V extends string | Uint8Array = string, R = Reply[]> extends Commands<Queued<Pipeline<V, R>>, V> {
  private queued: Arg[][] = [];

  /** @internal */
  constructor(private readonly run: (commands: Arg[][]) => unknown) {
    super();
  }

  /** How many commands wait. */
  get length(): number {
    return this.queued.length;
  }

  /** Queues any command. */
  call(command: string, ...args: Arg[]): this {
    this.queued.push([command, ...args]);
    return this;
  }

  /** Sends what was queued; the queue is empty then. Where a command was refused stands a {@link ReplyError}; nothing is thrown for it. */
  exec(): R {
    return this.run(this.take()) as R;
  }

  /** @internal */
  take(): Arg[][] {
    const { queued } = this;
    this.queued = [];
    return queued;
  }

  /** @internal */
  protected override send<T>(args: Arg[]): T {
    this.queued.push(args);
    return this as unknown as T;
  }

  /** @internal */
  protected override park<T>(args: Arg[]): T {
    return this.send(args);
  }
}
