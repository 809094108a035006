// No client: the engine in this process is Redis.

import type { Cachette } from '../../cachette.js';
import { ReplyError } from '../../errors.js';
import type { Ears, Link, Words } from '../link.js';

const decoder = new TextDecoder();

export class Local implements Link {
  readonly isOpen = true;

  constructor(private readonly cache: Cachette<Uint8Array>) {}

  open(ears: Ears): void {
    ears.connected();
  }

  close(): void {}

  /** At once. */
  answer(commands: readonly Words[]): unknown[] {
    return commands.map(([name, ...words]) => {
      try {
        return this.cache.call(decoder.decode(name), ...words);
      } catch (error) {
        if (error instanceof ReplyError) return error;
        throw error;
      }
    });
  }

  async send(commands: readonly Words[]): Promise<unknown[]> {
    return this.answer(commands);
  }
}
