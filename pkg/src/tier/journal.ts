// The journal's copy, which outlives the process: what the machine says is to be kept, into a storage, in order; and anew where most of it is over.

import { openFile } from './journal-file.js';
import type { JournalFile, JournalStorage } from './options.js';
import { hold } from './timers.js';

/** A copy is written anew when it is so long, and so many times as long as what waits. */
const LONG = 1 << 20;
const TIMES = 4;
/** How long after a failure it is tried again. */
const AGAIN = 1000;

/** The machine, as far as its journal is concerned. */
interface Source {
  /** All that waits, as a log. */
  whole(): Uint8Array;
  /** Bytes that wait. */
  bytes(): number;
}

export function openStorage(journal: JournalFile | JournalStorage, failed: (error: unknown) => void): JournalStorage {
  return 'file' in journal ? openFile(journal.file, failed) : journal;
}

export class Journal {
  private fresh: Uint8Array[] = [];
  /** How long the copy is, with what is to be appended. */
  private length = 0;
  /** The copy is to be written anew. */
  private stale = false;
  /** The storage has not done yet what it was told last. */
  private busy = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(
    private readonly storage: JournalStorage,
    private source: Source,
    private readonly failed: (error: unknown) => void,
  ) {}

  append(records: Uint8Array): void {
    this.fresh.push(records);
    this.length += records.length;
    this.stale ||= this.length >= LONG && this.length >= this.source.bytes() * TIMES;
    this.write();
  }

  /** What is kept is not what it should be. */
  renew(): void {
    this.stale = true;
    this.write();
  }

  private write(): void {
    if (this.busy || this.timer !== undefined) return;
    if (!this.stale && this.fresh.length === 0) return this.closed ? this.leave() : undefined;
    this.busy = true;
    try {
      const done = this.stale ? this.replace() : this.storage.append(joined(this.fresh.splice(0)));
      if (!isPromise(done)) return this.done();
      done.then(() => this.done(), (error: unknown) => this.broke(error));
    } catch (error) {
      this.broke(error);
    }
  }

  private replace(): void | Promise<void> {
    const log = this.source.whole();
    this.fresh = [];
    this.length = log.length;
    this.stale = false;
    return this.storage.replace(log);
  }

  private done(): void {
    this.busy = false;
    this.write();
  }

  private broke(error: unknown): void {
    this.busy = false;
    this.lost(error);
    if (this.closed) this.leave();
  }

  /** The storage lost what it was given. That waits in the journal still, so all of it is written again. */
  lost(error: unknown): void {
    this.failed(error);
    if (this.closed || this.timer !== undefined) return;
    this.stale = true;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.write();
    }, AGAIN);
    hold(this.timer, false);
  }

  /** Once all is written: before the machine is. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.stale || this.busy) this.takeLast();
    this.write();
  }

  /** The machine can be asked no later. */
  private takeLast(): void {
    try {
      const log = this.source.whole();
      this.source = { whole: () => log, bytes: () => log.length };
    } catch {
      // It broke: what is kept stays as it is.
      this.stale = false;
    }
  }

  private leave(): void {
    try {
      this.storage.close?.()?.catch(this.failed);
    } catch (error) {
      this.failed(error);
    }
  }
}

export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Promise<T> | undefined | null)?.then === 'function';
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
