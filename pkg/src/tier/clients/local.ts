// No client: the engine in this process is Redis.

import { StandIn } from '../engine.js';
import type { Ears, Way, Words } from '../link.js';

export class Local implements Way {
  readonly isOpen = true;
  private readonly engine = new StandIn();

  open(ears: Ears): void {
    ears.connected();
  }

  /** What it holds goes with it. */
  close(): void {
    this.engine.close();
  }

  answer(commands: readonly Words[]): Uint8Array {
    return this.engine.answer(commands);
  }
}
