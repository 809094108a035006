// Timers: those that keep no process alive, where a host knows such a thing, and ends of waiting.

interface Held {
  ref?(): void;
  unref?(): void;
}

/** Whether the process stays alive for a timer. */
export function hold(timer: unknown, holds: boolean): void {
  const held = timer as Held | undefined;
  if (holds) held?.ref?.();
  else held?.unref?.();
}

/** Runs `work` every so many milliseconds, for as long as something else keeps the process alive. */
export function every(ms: number, work: () => void): ReturnType<typeof setInterval> {
  const timer = setInterval(work, ms);
  hold(timer, false);
  return timer;
}

/** What comes within so many milliseconds. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((tell) => (timer = setTimeout(() => tell(undefined), ms)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
