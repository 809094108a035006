// What the call of a command method gives back.

/** `sync`: the answer. `async`: a promise of it. `{ queue }`: the queue itself, to go on with. */
export type Mode = 'sync' | 'async' | Queued<unknown>;

export interface Queued<Queue> {
  queue: Queue;
}

/** `T` as mode `M` gives it. */
export type Out<M extends Mode, T> = M extends 'sync' ? T : M extends 'async' ? Promise<T> : M extends Queued<infer Queue> ? Queue : never;
