// The journal's copy in a file, where there are files (Node, Bun, Deno): appended to at once, synced once a second, another file in its place when it is written
// anew. What is in it is the machine's (src/tier/log.rs of the crate), so a program in Rust may take up what one in JavaScript left.

import { lock, type LockHost } from './journal-lock.js';
import type { JournalStorage } from './options.js';
import { hold } from './timers.js';

/** How much of what was acknowledged the machine's failure may cost. */
const SYNC = 1000;

interface Files extends LockHost {
  readonly constants: { O_RDWR: number; O_CREAT: number };
  openSync(path: string, flags: string | number): number;
  closeSync(fd: number): void;
  readFileSync(fd: number): Uint8Array;
  readFileSync(path: string, encoding: 'utf8'): string;
  writeSync(fd: number, bytes: Uint8Array, from: number, length: number, at: number): number;
  ftruncateSync(fd: number, length: number): void;
  fdatasyncSync(fd: number): void;
  fdatasync(fd: number, done: (error: unknown) => void): void;
}

interface Host {
  process?: { getBuiltinModule?(name: string): unknown };
}

function files(): Files {
  const fs = (globalThis as Host).process?.getBuiltinModule?.('node:fs');
  if (fs === undefined) throw new TypeError('cachette: there are no files here; bring a storage for the journal: { read, append, replace }');
  return fs as Files;
}

/** A file that is this tier's alone. */
export function openFile(path: string, failed: (error: unknown) => void): JournalStorage {
  const fs = files();
  const unlock = lock(fs, path);
  try {
    return new FileStorage(fs, path, unlock, failed);
  } catch (error) {
    unlock();
    throw error;
  }
}

/** An open file, and how much of it counts. */
interface Part {
  fd: number;
  length: number;
}

class FileStorage implements JournalStorage {
  private part: Part;
  /** What is to take its place as soon as the disk has it; until then both are written to. */
  private next: Part | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly fs: Files,
    private readonly path: string,
    private readonly unlock: () => void,
    private readonly failed: (error: unknown) => void,
  ) {
    this.part = { fd: fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT), length: 0 };
  }

  read(): Uint8Array {
    const log = this.fs.readFileSync(this.part.fd);
    this.part.length = log.length;
    return log;
  }

  append(records: Uint8Array): void {
    try {
      this.write(this.part, records);
      if (this.next !== undefined) this.write(this.next, records);
    } catch (error) {
      this.abandon();
      throw error;
    }
    this.soon();
  }

  /** Whole or not at all. */
  replace(log: Uint8Array): void {
    const { fs } = this;
    // What comes is in it as well. Begun anew again and again it would never be there.
    if (this.next !== undefined && log.length > 0) return;
    this.abandon();
    if (log.length === 0) {
      fs.ftruncateSync(this.part.fd, 0);
      this.part.length = 0;
      return this.soon();
    }
    const next = { fd: fs.openSync(this.nextPath, 'w+'), length: 0 };
    this.next = next;
    try {
      this.write(next, log);
    } catch (error) {
      this.abandon();
      throw error;
    }
    fs.fdatasync(next.fd, (error) => this.next === next && this.synced(next, error));
  }

  private synced(next: Part, error: unknown): void {
    try {
      if (error) throw error;
      this.adopt(next);
    } catch (error) {
      this.abandon();
      this.failed(error);
    }
  }

  private get nextPath(): string {
    return `${this.path}.new`;
  }

  private adopt(next: Part): void {
    this.fs.renameSync(this.nextPath, this.path);
    this.fs.closeSync(this.part.fd);
    this.part = next;
    this.next = undefined;
  }

  private abandon(): void {
    const { next } = this;
    this.next = undefined;
    if (next === undefined) return;
    this.fs.closeSync(next.fd);
    this.fs.unlinkSync(this.nextPath);
  }

  /** What a write that failed left behind is written over. */
  private write(part: Part, bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) from += this.fs.writeSync(part.fd, bytes, from, bytes.length - from, part.length + from);
    part.length += bytes.length;
  }

  /** Has the disk take it within a second. */
  private soon(): void {
    if (this.timer !== undefined) return;
    this.timer = setTimeout(() => this.sync(), SYNC);
    hold(this.timer, false);
  }

  private sync(): void {
    this.timer = undefined;
    const { part } = this;
    // What another file took the place of is of no matter.
    this.fs.fdatasync(part.fd, (error) => error && part === this.part && this.failed(error));
  }

  close(): void {
    const { fs, next, timer } = this;
    clearTimeout(timer);
    try {
      if (next !== undefined || timer !== undefined) fs.fdatasyncSync((next ?? this.part).fd);
      if (next !== undefined) this.adopt(next);
    } finally {
      fs.closeSync(this.part.fd);
      this.unlock();
    }
  }
}
