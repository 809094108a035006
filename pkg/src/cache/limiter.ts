// Rate limiters: how many may pass in a time. Their state is keys of the engine below `limit:`, which expire when they say nothing any more.

import type { Cachette } from '../cachette.js';
import { milliseconds, type Duration } from './duration.js';

export interface LimitOptions {
  /** Names the limiter: limiters of one name share their counts. */
  name: string;
  /** How many may pass a `window`. */
  limit: number;
  window: Duration;
  /**
   * `fixed`: windows begin at the first that passes, and are counted each on its own. `sliding` (unless said): the last window by share and the present one. `token-bucket`:
   * a bucket of `limit` tokens that fills up evenly in a `window`.
   */
  algorithm?: 'fixed' | 'sliding' | 'token-bucket';
}

/** Whether one may pass. */
export interface Verdict {
  allowed: boolean;
  limit: number;
  /** How many more may pass now. */
  remaining: number;
  /** Milliseconds after which it is worth trying again, 0 where it was allowed; and after which all are to be had again. */
  retryAfter: number;
  reset: number;
}

/** A limiter: `limiter.take('user:1').allowed`. What is refused is not counted. */
export class RateLimiter {
  private readonly window: number;
  private readonly prefix: string;

  constructor(
    private readonly engine: Cachette<string>,
    private readonly options: LimitOptions,
  ) {
    const { limit, name } = options;
    if (!(Number.isInteger(limit) && limit > 0)) throw new TypeError(`limit must be a whole number above 0, not ${limit}`);
    this.window = milliseconds(options.window);
    this.prefix = `limit:${name}:`;
  }

  /** Asks for `cost` passes at once. Answered at once, and atomic: nothing comes between in the engine. */
  take(key: string, cost = 1): Verdict {
    switch (this.options.algorithm ?? 'sliding') {
      case 'fixed':
        return this.fixed(this.prefix + key, cost);
      case 'sliding':
        return this.sliding(this.prefix + key, cost);
      case 'token-bucket':
        return this.bucket(this.prefix + key, cost);
    }
  }

  /** Forgets what was counted for a key. */
  reset(key: string): void {
    this.engine.del(this.prefix + key);
  }

  private fixed(key: string, cost: number): Verdict {
    const { engine, window } = this;
    const left = engine.pttl(key);
    const used = left < 0 ? 0 : Number(engine.get(key));
    const reset = left < 0 ? window : left;
    const allowed = used + cost <= this.options.limit;
    if (allowed && left < 0) engine.set(key, cost, { px: Math.ceil(window) });
    else if (allowed) engine.incrby(key, cost);
    return this.verdict(allowed, used + (allowed ? cost : 0), reset, reset);
  }

  private sliding(key: string, cost: number): Verdict {
    const { engine, window } = this;
    const now = engine.core.now();
    const index = Math.floor(now / window);
    const [at, before, within] = (engine.hmget(key, 'window', 'before', 'within') as (string | null)[]).map(Number) as [number, number, number];
    const last = at === index ? before : at === index - 1 ? within : 0;
    const present = at === index ? within : 0;
    const end = window - (now - index * window);
    const used = (last * end) / window + present;
    const allowed = used + cost <= this.options.limit;
    const reset = Math.ceil((index + (present + (allowed ? cost : 0) > 0 ? 2 : 1)) * window - now);
    if (allowed) {
      engine.hset(key, { window: index, before: last, within: present + cost });
      engine.pexpire(key, Math.ceil(2 * window));
    }
    // The last window's share shrinks evenly; where that does not suffice, the present window is the last one after its end.
    const over = used + cost - this.options.limit;
    const inThis = last > 0 ? (over / last) * window : Infinity;
    const inNext = end + Math.max(0, ((present + cost - this.options.limit) / Math.max(present, 1)) * window);
    return this.verdict(allowed, used + (allowed ? cost : 0), Math.ceil(inThis <= end ? inThis : inNext), reset);
  }

  private bucket(key: string, cost: number): Verdict {
    const { engine, window } = this;
    const { limit } = this.options;
    const now = engine.core.now();
    const [tokens, at] = engine.hmget(key, 'tokens', 'at') as (string | null)[];
    const before = tokens == null ? limit : Math.min(limit, Number(tokens) + (Math.max(0, now - Number(at)) / window) * limit);
    const allowed = cost <= before;
    const left = allowed ? before - cost : before;
    const full = Math.ceil(((limit - left) / limit) * window);
    if (allowed) {
      engine.hset(key, { tokens: left, at: now });
      engine.pexpire(key, Math.max(full, 1));
    }
    return this.verdict(allowed, limit - left, Math.ceil(((cost - before) / limit) * window), full);
  }

  private verdict(allowed: boolean, used: number, retryAfter: number, reset: number): Verdict {
    const { limit } = this.options;
    return { allowed, limit, remaining: Math.max(0, Math.floor(limit - used)), retryAfter: allowed ? 0 : Math.max(1, retryAfter), reset };
  }
}
