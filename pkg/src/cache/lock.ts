// Locks: who holds a name, until when, and a number that only grows with each holder (a fencing token), by which what is guarded can refuse a holder whose
// time ran out. All of it is keys of the engine below `lock:`.

/// <reference lib="esnext.disposable" preserve="true" />

import type { Cachette } from '../cachette.js';
import type { Signal } from '../mode.js';
import { milliseconds, type Duration } from './duration.js';

export interface LockOptions {
  /** How long it is held unless renewed: 10 s unless said. */
  ttl?: Duration;
  /** How long to wait for it: as long as it takes unless said; 0 does not wait. */
  wait?: Duration;
  /** Calls off the waiting. */
  signal?: Signal;
}

/** The lock could not be had in time. */
export class LockError extends Error {
  override readonly name = 'LockError';
}

/** A lock that is held. */
export class Lock {
  /** @internal */
  constructor(
    private readonly engine: Cachette<string>,
    /** What is locked. */
    readonly name: string,
    /** Greater than that of everybody who held it before. */
    readonly token: number,
    private readonly ttl: number,
  ) {}

  /** Whether it is still held. */
  get held(): boolean {
    return this.engine.get(keyOf(this.name)) === String(this.token);
  }

  /** Holds it for another while, from now. False if it is not held any more. */
  renew(ttl: Duration = this.ttl): boolean {
    return this.held && this.engine.pexpire(keyOf(this.name), Math.ceil(milliseconds(ttl))) === 1;
  }

  /** Lets go of it. False if it was not held any more. */
  release(): boolean {
    const { engine, name } = this;
    if (!this.held) return false;
    engine.del(keyOf(name));
    // Wakes the one who has waited longest; if nobody waits, the key goes away by itself.
    const wake = `${keyOf(name)}:wake`;
    engine.del(wake);
    engine.rpush(wake, '1');
    engine.pexpire(wake, 1000);
    return true;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** Locks of an engine. */
export class Locks {
  constructor(private readonly engine: Cachette<string>) {}

  /** Takes the lock if nobody has it; null if somebody does. */
  try(name: string, ttl: Duration = 10_000): Lock | null {
    const { engine } = this;
    const key = keyOf(name);
    if (engine.exists(key) === 1) return null;
    const fence = `${key}:fence`;
    let token = engine.incr(fence);
    // The count was lost, with the engine's content or by eviction: the clock is beyond whatever it was.
    if (token === 1) engine.set(fence, (token = engine.core.now() * 1000));
    engine.set(key, token, { px: Math.ceil(milliseconds(ttl)) });
    return new Lock(engine, name, token, milliseconds(ttl));
  }

  /** Waits for the lock; rejects with a {@link LockError} when `wait` is over. */
  async acquire(name: string, { ttl = 10_000, wait, signal }: LockOptions = {}): Promise<Lock> {
    const { engine } = this;
    const end = wait === undefined ? Infinity : engine.core.now() + milliseconds(wait);
    for (;;) {
      if (signal?.aborted) throw signal.reason;
      const lock = this.try(name, ttl);
      if (lock !== null) return lock;
      const left = end - engine.core.now();
      if (left <= 0) throw new LockError(`the lock ${JSON.stringify(name)} was not to be had in time`);
      // Whoever lets go of it says so; whoever dies does not, so its end is waited for too.
      const most = Math.min(Math.max(engine.pttl(keyOf(name)), 1), left);
      await engine.blpop(`${keyOf(name)}:wake`, most / 1000, ...(signal === undefined ? [] : [{ signal }]) as []);
    }
  }

  /** Runs `work` while holding the lock, which is let go of whatever happens. `work` is given the lock, for its token. */
  async with<T>(name: string, work: (lock: Lock) => T | Promise<T>, options?: LockOptions): Promise<T> {
    const lock = await this.acquire(name, options);
    try {
      return await work(lock);
    } finally {
      lock.release();
    }
  }
}

function keyOf(name: string): string {
  return `lock:${name}`;
}
