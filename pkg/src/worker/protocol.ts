// What passes between a cache in a worker and those who use it: batches of calls one way, batches of answers the other.

import { ReplyError } from '../errors.js';
import type { Arg, Reply } from '../resp.js';

/** A message port, a worker, a worker's own global: whatever takes and gives messages, in browsers and in Node. */
export interface Port {
  postMessage(message: any, transfer?: any): void;
  addEventListener?(type: any, listener: (event: any) => void): void;
  removeEventListener?(type: any, listener: (event: any) => void): void;
  on?(type: any, listener: (message: any) => void): unknown;
  off?(type: any, listener: (message: any) => void): unknown;
  start?(): void;
}

/** A call. Those of one batch run in order; `run`s that follow each other cross into the engine together. */
export type Call =
  /** Asks whether anybody is there. A worker in a browser loses what comes before it listens, so nothing else is sent before the answer. */
  | { kind: 'hello'; id: 0 }
  | { kind: 'run'; id: number; words: Arg[][]; bytes: boolean }
  | { kind: 'wait'; id: number; words: Arg[]; bytes: boolean }
  | { kind: 'abort'; id: number }
  | { kind: 'listen'; id: number; words: Arg[]; bytes: boolean }
  | { kind: 'unlisten'; id: number }
  | { kind: 'method'; id: number; name: 'setObject' | 'getObject' | 'stats' | 'reset'; args: unknown[] };

/** An answer to a call, or a message to a subscription. Errors are told by what they are made of: cloning loses their class. */
export type Answer =
  /** Somebody is there: said when serving begins, and to whoever asks. */
  | { kind: 'hello'; id: 0 }
  | { kind: 'done'; id: number; value: unknown }
  | { kind: 'failed'; id: number; error: Told }
  | { kind: 'message'; id: number; message: unknown };

export interface Told {
  name: string;
  message: string;
  command: string;
}

/** A batch. The mark tells it from other messages on the same port. */
export interface Batch<T> {
  cachette: T[];
}

export function isBatch<T>(data: unknown): data is Batch<T> {
  return typeof data === 'object' && data !== null && Array.isArray((data as Batch<T>).cachette);
}

/** Listens to a port; returns what ends that. */
export function listenTo(port: Port, hear: (data: unknown) => void): () => void {
  // In Node a worker has only the first of the two, and it is given the data itself.
  if (port.on !== undefined) {
    port.on('message', hear);
    return () => void port.off?.('message', hear);
  }
  const listener = (event: { data: unknown }): void => hear(event.data);
  port.addEventListener!('message', listener);
  port.start?.();
  return () => port.removeEventListener!('message', listener);
}

/** Gathers what is said in a turn into one message. */
export class Outbox<T> {
  private waiting: T[] = [];
  private transfer = new Set<ArrayBufferLike>();
  /** Somebody is there to take it. */
  private open = false;

  constructor(
    private readonly port: Port,
    /** Called with what cannot be sent: a value that cannot be cloned. */
    private readonly refused: (one: T, error: unknown) => void,
  ) {}

  add(one: T, transfer: Iterable<ArrayBufferLike> = []): void {
    for (const buffer of transfer) this.transfer.add(buffer);
    if (this.waiting.push(one) === 1) queueMicrotask(() => this.flush());
  }

  /** Sends at once, whether or not anybody is there. */
  call(one: T): void {
    this.port.postMessage({ cachette: [one] } satisfies Batch<T>);
  }

  /** Somebody is there. */
  begin(): void {
    if (this.open) return;
    this.open = true;
    this.flush();
  }

  flush(): void {
    const { waiting, transfer, port } = this;
    if (waiting.length === 0 || !this.open) return;
    [this.waiting, this.transfer] = [[], new Set()];
    try {
      port.postMessage({ cachette: waiting } satisfies Batch<T>, [...transfer]);
    } catch (error) {
      // One alone: it is the culprit. Among others: each by itself, so that they go.
      if (waiting.length === 1) return this.refused(waiting[0]!, error);
      for (const one of waiting) {
        this.waiting = [one];
        this.flush();
      }
    }
  }
}

/** Bytes from which on moving a buffer is cheaper than copying it. */
const WORTH_MOVING = 16_384;

/** Buffers of an answer that need not be copied: they are the answer's own. */
export function ownBuffers(reply: unknown, found: ArrayBufferLike[] = []): ArrayBufferLike[] {
  if (reply instanceof Uint8Array) {
    if (reply.byteLength >= WORTH_MOVING && reply.byteLength === reply.buffer.byteLength) found.push(reply.buffer);
  } else if (Array.isArray(reply)) for (const item of reply) ownBuffers(item, found);
  return found;
}

/** A mark for refusals within answers. */
const REFUSAL = 'cachette refusal';

export function packed(reply: Reply): unknown {
  if (reply instanceof ReplyError) return { [REFUSAL]: told(reply) };
  return Array.isArray(reply) ? reply.map(packed) : reply;
}

export function unpacked(reply: any): Reply {
  if (Array.isArray(reply)) return reply.map(unpacked);
  const refusal = typeof reply === 'object' && reply !== null && !(reply instanceof Uint8Array) ? (reply[REFUSAL] as Told | undefined) : undefined;
  return refusal === undefined ? reply : new ReplyError(refusal.message, refusal.command);
}

export function told(error: unknown): Told {
  const { name = 'Error', message = String(error), command = '' } = (error ?? {}) as Partial<Told>;
  return { name, message, command };
}
