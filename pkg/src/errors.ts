// What can go wrong, one class each.

/** The engine's answer was an error: the command was understood, or refused, in Redis's words. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError';
  /** The first word of Redis's wording: `ERR`, `WRONGTYPE`, `OOM`, `NOAUTH` … */
  readonly code: string;
  /** The command that was refused, as it was called. */
  readonly command: string;

  constructor(message: string, command: string) {
    super(message);
    const space = message.indexOf(' ');
    this.code = space < 0 ? message : message.slice(0, space);
    this.command = command;
  }
}

/**
 * The WebAssembly instance broke down (a trap, or the host's stack was exhausted) and its memory can no longer be trusted. Every later
 * call throws this too, until `reset()` begins anew, empty. Other caches are not touched: each has its own instance.
 */
export class CacheCrashedError extends Error {
  override readonly name = 'CacheCrashedError';

  constructor(cause: unknown) {
    super('the cache crashed and lost its contents; call reset() to start anew', { cause });
  }
}

/** The cache was closed, or reset while something waited in it. */
export class CacheClosedError extends Error {
  override readonly name = 'CacheClosedError';

  constructor(message = 'the cache is closed') {
    super(message);
  }
}

/**
 * True for what a broken instance throws. The texts differ from engine to engine, so the class decides. An exhausted stack is a
 * RangeError (in Firefox an InternalError): the shadow stack may have been left anywhere.
 */
export function isCrash(error: unknown): boolean {
  return (
    error instanceof WebAssembly.RuntimeError ||
    error instanceof RangeError ||
    (error instanceof Error && error.constructor.name === 'InternalError')
  );
}
