// Where JavaScript values stay whose keys are in the engine: an array in runs, so that growing copies nothing.

/** Values of one run: 128 KiB of pointers at most. */
const RUN_BITS = 14;
const RUN = 1 << RUN_BITS;
const IN_RUN = RUN - 1;

export class Slots<T> {
  readonly runs: (T | undefined)[][] = [];
  /** Slots below this one were given out at some time. */
  top = 0;
  private free: number[] = [];

  at(slot: number): T | undefined {
    return this.runs[slot >>> RUN_BITS]![slot & IN_RUN];
  }

  put(slot: number, value: T | undefined): void {
    this.runs[slot >>> RUN_BITS]![slot & IN_RUN] = value;
  }

  /** A slot that is free; it stays so until {@link Slots.take}. */
  candidate(): number {
    const { free } = this;
    if (free.length > 0) return free[free.length - 1]!;
    if (this.top >>> RUN_BITS === this.runs.length) this.runs.push(new Array<T | undefined>(RUN).fill(undefined));
    return this.top;
  }

  /** The candidate is in use from now on. */
  take(): void {
    if (this.free.length > 0) this.free.pop();
    else this.top++;
  }

  /** Lets go of a value. */
  give(slot: number): void {
    this.put(slot, undefined);
    this.free.push(slot);
  }

  clear(): void {
    this.runs.length = 0;
    this.free = [];
    this.top = 0;
  }
}
