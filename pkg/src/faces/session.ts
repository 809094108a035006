// `cachette/session`: a store for express-session. Its base class is handed in, so that this package depends on nothing.

import type { Cachette } from '../cachette.js';
import { deleteBelow, keysBelow } from './keys.js';

/** A session's data, as far as it matters here. */
interface Data {
  cookie?: { expires?: Date | string | null; originalMaxAge?: number | null };
}

export interface SessionStoreOptions {
  cache: Cachette<string>;
  /** Before session ids: `'sess:'` unless said. */
  prefix?: string;
  /** Seconds that a session without an end of its own lasts, or a function of the session that tells them: a day unless said. */
  ttl?: number | ((session: any) => number);
  /** Sessions last until they are deleted. */
  disableTTL?: boolean;
  /** A session's time does not begin anew with every request. */
  disableTouch?: boolean;
  /** How sessions are stored: as JSON unless said. */
  serializer?: { stringify(session: any): string; parse(text: string): any };
}

type Callback<T = unknown> = (error?: any, result?: T) => void;

/** What the store has beside what express-session's own `Store` gives it. Each also answers by a promise where no callback is given. */
export interface SessionStoreMethods {
  prefix: string;
  ttl: number | ((session: any) => number);
  serializer: { stringify(session: any): string; parse(text: string): any };
  disableTTL: boolean;
  disableTouch: boolean;
  get(sid: string, callback?: Callback<any>): Promise<any>;
  set(sid: string, session: any, callback?: Callback): Promise<void>;
  touch(sid: string, session: any, callback?: Callback): Promise<void>;
  destroy(sid: string, callback?: Callback): Promise<void>;
  clear(callback?: Callback): Promise<void>;
  length(callback?: Callback<number>): Promise<number>;
  ids(callback?: Callback<string[]>): Promise<string[]>;
  all(callback?: Callback<any[]>): Promise<any[]>;
}

const DAY = 86_400;

/** The store: `app.use(session({ store: sessionStore(session, { cache }), … }))`, where `session` is what `express-session` exports. */
export function sessionStore<S extends { Store: abstract new (...args: any[]) => any }>(session: S, options: SessionStoreOptions): InstanceType<S['Store']> & SessionStoreMethods {
  const { cache } = options;

  class CachetteStore extends (session.Store as new () => any) {
    prefix = options.prefix ?? 'sess:';
    ttl = options.ttl ?? DAY;
    serializer = options.serializer ?? JSON;
    disableTTL = options.disableTTL ?? false;
    disableTouch = options.disableTouch ?? false;

    get(sid: string, callback?: Callback<any>): Promise<any> {
      return answered(callback, () => this.read(this.prefix + sid));
    }

    set(sid: string, data: any, callback?: Callback): Promise<void> {
      return answered(callback, () => {
        const px = this.left(data);
        const text = px > 0 ? this.serializer.stringify(data) : '';
        if (px <= 0) cache.del(this.prefix + sid);
        else cache.set(this.prefix + sid, text, px === Infinity ? {} : { px });
      });
    }

    touch(sid: string, data: any, callback?: Callback): Promise<void> {
      return answered(callback, () => {
        if (!this.disableTouch && !this.disableTTL) cache.pexpire(this.prefix + sid, this.left(data));
      });
    }

    destroy(sid: string, callback?: Callback): Promise<void> {
      return answered(callback, () => void cache.del(this.prefix + sid));
    }

    clear(callback?: Callback): Promise<void> {
      return answered(callback, () => deleteBelow(cache, this.prefix));
    }

    length(callback?: Callback<number>): Promise<number> {
      return answered(callback, () => this.sids().length);
    }

    ids(callback?: Callback<string[]>): Promise<string[]> {
      return answered(callback, () => this.sids());
    }

    all(callback?: Callback<any[]>): Promise<any[]> {
      return answered(callback, () =>
        this.sids().flatMap((sid) => {
          const data = this.read(this.prefix + sid);
          return data === null ? [] : [{ ...data, id: sid }];
        }),
      );
    }

    private sids(): string[] {
      return [...keysBelow(cache, this.prefix)];
    }

    private read(key: string): any {
      const text = cache.get(key);
      return text === null ? null : this.serializer.parse(text);
    }

    /** Milliseconds that a session has left; not above 0 if it is over. */
    private left(data: Data): number {
      if (this.disableTTL) return Infinity;
      if (typeof this.ttl === 'function') return Math.ceil(this.ttl(data) * 1000);
      const expires = data?.cookie?.expires;
      return Math.ceil(expires == null ? this.ttl * 1000 : Number(new Date(expires)) - cache.core.now());
    }
  }

  return new CachetteStore() as any;
}

/** By callback, which express-session expects to come later, or by promise. */
async function answered<T>(callback: Callback<T> | undefined, work: () => T): Promise<T> {
  let result: T;
  try {
    result = work();
  } catch (error) {
    if (callback === undefined) throw error;
    queueMicrotask(() => callback(error));
    return undefined as T;
  }
  if (callback !== undefined) queueMicrotask(() => callback(null, result));
  return result;
}
