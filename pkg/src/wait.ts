// Commands that wait: each in a session of its own, so that the cache goes on meanwhile.

import { converse } from './door.js';
import { CacheClosedError, ReplyError } from './errors.js';
import { LONGEST_TIMER, type Instance, type Owner } from './instance.js';
import type { Signal } from './mode.js';
import type { Arg, ReplyReader } from './resp.js';

/** Runs a command that may wait; the promise settles when the engine answers it. */
export function wait<T>(core: Instance, words: readonly Arg[], asBytes: boolean, signal?: Signal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw signal.reason;
    const [session, answer] = core.enter(() => converse(core, words, asBytes));
    let timer: unknown;

    const end = (): void => {
      clearTimeout(timer as number | undefined);
      signal?.removeEventListener('abort', abort);
      core.owners.delete(session);
    };
    const owner: Owner = {
      asBytes,
      hear(reader: ReplyReader) {
        end();
        const reply = reader.next(words[0]!);
        core.raw.leave(session);
        if (reply instanceof ReplyError) reject(reply);
        else resolve(reply as T);
      },
      lose(error) {
        end();
        reject(error);
      },
      restart: () => owner.lose(new CacheClosedError('the cache was reset')),
    };
    const abort = (): void => {
      // What has been popped for this call is its own, and not lost: only who still waits can be called off.
      core.hear();
      if (core.owners.get(session) !== owner) return;
      core.raw.leave(session);
      owner.lose(signal!.reason as Error);
    };
    // A timer of its own: it keeps the process alive as long as this wait has an end, and on hosts that tie timers to requests it is this request's.
    const watch = (): void => {
      const due = core.raw.deadline(session);
      if (due < 0) return;
      const elapse = (): void => {
        core.tick();
        core.hear();
        if (core.owners.get(session) === owner) watch();
      };
      timer = setTimeout(elapse, Math.min(Math.max(due - core.now(), 1), LONGEST_TIMER));
    };

    if (!answer.done) return owner.hear(answer);
    core.owners.set(session, owner);
    signal?.addEventListener('abort', abort);
    watch();
  });
}
