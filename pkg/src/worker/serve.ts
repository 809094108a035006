// The side of the cache: calls in, answers out.

import type { Cachette } from '../cachette.js';
import { exchange } from '../door.js';
import { ReplyError } from '../errors.js';
import type { Arg, Reply } from '../resp.js';
import { Subscription, type Message } from '../subscription.js';
import { wait } from '../wait.js';
import { isBatch, listenTo, Outbox, ownBuffers, packed, told, type Answer, type Call, type Port } from './protocol.js';

/**
 * Lets others use this cache over a port; in a worker without saying which, over the worker's own. Returns a function that ends it: waits and subscriptions of the other
 * side end, the cache stays.
 */
export function serve(cache: Cachette<string> | Cachette<Uint8Array>, port: Port = ownPort()): () => void {
  const desk = new Desk(cache as Cachette<string>, port);
  const stop = listenTo(port, (data) => {
    if (isBatch<Call>(data)) desk.take(data.cachette);
  });
  return () => {
    stop();
    desk.close();
  };
}

/** The port by which a worker was started. */
function ownPort(): Port {
  const host = globalThis as { process?: { getBuiltinModule?(name: string): any }; postMessage?: unknown; addEventListener?: unknown };
  const port = host.process?.getBuiltinModule?.('node:worker_threads')?.parentPort as Port | null | undefined;
  if (port) return port;
  if (typeof host.postMessage === 'function' && typeof host.addEventListener === 'function') return host as Port;
  throw new TypeError('this is no worker: name the port to serve on');
}

class Desk {
  private readonly out: Outbox<Answer>;
  private readonly waits = new Map<number, AbortController>();
  private readonly subscriptions = new Map<number, Subscription<unknown>>();

  constructor(
    private readonly cache: Cachette<string>,
    port: Port,
  ) {
    this.out = new Outbox(port, ({ id }, error) => this.fail(id, error));
    this.out.begin();
    this.out.call({ kind: 'hello', id: 0 });
  }

  take(calls: Call[]): void {
    for (let at = 0; at < calls.length; ) {
      const call = calls[at]!;
      let end = at + 1;
      if (call.kind === 'run') {
        // Neighbours that want the same kind of values cross together.
        const together = [call];
        for (let next = calls[end]; next?.kind === 'run' && next.bytes === call.bytes; next = calls[++end]) together.push(next);
        this.run(together, call.bytes);
      } else this.attempt(call.id, () => this.other(call));
      at = end;
    }
  }

  private run(calls: Extract<Call, { kind: 'run' }>[], bytes: boolean): void {
    const { core } = this.cache;
    const commands = calls.flatMap(({ words }) => words);
    let replies: Reply[] | undefined;
    let failure: unknown;
    try {
      replies = core.enter(() => exchange(core, commands, bytes));
    } catch (error) {
      // One that cannot be written (an argument of a wrong kind) must not take its neighbours with it.
      if (calls.length > 1) return calls.forEach((call) => this.run([call], bytes));
      failure = error;
    }
    let at = 0;
    for (const { id, words } of calls) {
      if (replies === undefined) this.fail(id, failure);
      else this.done(id, packed(replies.slice(at, (at += words.length))));
    }
  }

  private other(call: Exclude<Call, { kind: 'run' }>): void {
    const { cache } = this;
    switch (call.kind) {
      case 'hello':
        return this.out.call(call);
      case 'wait': {
        const control = new AbortController();
        this.waits.set(call.id, control);
        wait<Reply>(cache.core, call.words, call.bytes, control.signal)
          .then((reply) => this.done(call.id, packed(reply)), (error) => this.fail(call.id, error))
          .finally(() => this.waits.delete(call.id));
        return;
      }
      case 'abort':
        return this.waits.get(call.id)?.abort();
      case 'listen': {
        const hear = (message: Message<unknown>): void => this.out.add({ kind: 'message', id: call.id, message });
        this.subscriptions.set(call.id, new Subscription<unknown>(cache.core, call.words as Arg[], call.bytes, hear));
        return this.done(call.id, true);
      }
      case 'unlisten':
        this.subscriptions.get(call.id)?.unsubscribe();
        return void this.subscriptions.delete(call.id);
      case 'method': {
        if (!METHODS.has(call.name)) throw new TypeError(`there is no method ${String(call.name)}`);
        return this.done(call.id, (cache[call.name] as (...args: unknown[]) => unknown)(...call.args));
      }
    }
  }

  private attempt(id: number, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(id, error);
    }
  }

  private done(id: number, value: unknown): void {
    this.out.add({ kind: 'done', id, value }, ownBuffers(value));
  }

  private fail(id: number, error: unknown): void {
    this.out.add({ kind: 'failed', id, error: told(error) });
  }

  close(): void {
    for (const control of this.waits.values()) control.abort(new ReplyError('ERR the cache is served no more', ''));
    for (const subscription of this.subscriptions.values()) subscription.unsubscribe();
  }
}

const METHODS = new Set(['setObject', 'getObject', 'stats', 'reset']);
