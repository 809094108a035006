// The engine in this process where Redis would be: for good where there is no client, or for as long as a node is away.

import { Cachette } from '../cachette.js';
import { answers } from '../door.js';
import { ReplyError } from '../errors.js';
import type { CachetteOptions } from '../options.js';
import type { Words } from './link.js';
import { tierEngine } from './module.js';
import { encodeReplies } from './replies.js';

export class StandIn {
  private readonly cache: Cachette;

  constructor(options: CachetteOptions = {}) {
    this.cache = new Cachette({ ...options, engine: tierEngine });
  }

  /** The replies to commands, as RESP3; at once. */
  answer(commands: readonly Words[]): Uint8Array {
    const { core } = this.cache;
    try {
      return core.enter(() => answers(core, commands));
    } catch (error) {
      // There is no room for the commands.
      if (error instanceof ReplyError) return encodeReplies(commands.map(() => error));
      throw error;
    }
  }

  close(): void {
    this.cache.close();
  }
}
