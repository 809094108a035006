// Where JavaScript values stay whose keys are in the engine: an array in runs, so that growing copies nothing.

/** Values of one run: 128 KiB of pointers at most. */
const RUN_BITS = 14;
const RUN = 1 << RUN_BITS;
const IN_RUN = RUN - 1;

export class Slots<T> {
  readonly runs: (T | undefined)[][] = [];
  /** Slots below this one were given out at some time. */
  top = 0;
  /** A slot that is free; it stays so until {@link Slots.take}. */
  next = 0;
  /** Others below `top` that are free. */
  private free: number[] = [];

  at(slot: number): T | undefined {
    return this.runs[slot >>> RUN_BITS]![slot & IN_RUN];
  }

  put(slot: number, value: T | undefined): void {
    this.runs[slot >>> RUN_BITS]![slot & IN_RUN] = value;
  }

  /** The next one is in use from now on. */
  take(): void {
    if (this.next === this.top) {
      if (this.top >>> RUN_BITS === this.runs.length) this.runs.push(new Array<T | undefined>(RUN).fill(undefined));
      this.top++;
    }
    this.next = this.free.pop() ?? this.top;
  }

  /** Lets go of a value. */
  give(slot: number): void {
    this.put(slot, undefined);
    if (this.next !== this.top) this.free.push(this.next);
    this.next = slot;
  }

  clear(): void {
    this.runs.length = 0;
    this.free = [];
    this.top = 0;
    this.next = 0;
  }
}
