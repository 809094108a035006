// What the call of a command method gives back.

/** `sync`: the answer. `async`: a promise of it. `{ queue }`: the queue itself, to go on with. */
export type Mode = 'sync' | 'async' | Queued<unknown>;

export interface Queued<Queue> {
  queue: Queue;
}

/** `T` as mode `M` gives it. */
export type Out<M extends Mode, T> = M extends 'sync' ? T : M extends 'async' ? Promise<T> : M extends Queued<infer Queue> ? Queue : never;

/** `T` of a command that may wait: a promise wherever it is not queued. (A queue does not wait: there such a command answers at once.) */
export type Later<M extends Mode, T> = M extends Queued<infer Queue> ? Queue : Promise<T>;

/** An `AbortSignal`, as far as it is used. */
export interface Signal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** The host's own `AbortSignal`, where its types are known. */
export type HostSignal = typeof globalThis extends { AbortSignal: { prototype: infer S } } ? S : Signal;
