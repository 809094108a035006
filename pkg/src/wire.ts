// A client's end of a conversation in RESP: bytes in, bytes out, in pieces of any size. What stands at the other end (a socket, a stream in this process)
// is not known here, and what the bytes mean is not either.

import { CacheClosedError } from './errors.js';
import { Frame } from './frame.js';
import { LONGEST_TIMER, type Instance, type Owner } from './instance.js';
import { putField, putKey } from './lanes.js';
import type { ReplyReader } from './resp.js';

/** The other end. */
export interface FarEnd {
  /** Bytes for it, which are its own. */
  take(bytes: Uint8Array): void;
  /** The conversation is over. */
  end(): void;
}

/** What a session is, as the header's last word says (pkg/crate/src/cache.rs). */
const GONE = 1;
const UNKNOWN = 2;
const WAITS = 4;

/** Bytes that a client may send ahead while its command waits: Redis's default of `client-query-buffer-limit`. */
const SENT_AHEAD = 1024 ** 3;

/** Replies of more bytes are let go of at once in the engine. */
const LARGE_REPLY = 1 << 16;

export class Wire implements Owner {
  readonly asBytes = true;
  private session = 0;
  private state = 0;
  private frame = new Frame();
  private readonly rest = new Rest();
  private timer: unknown;

  constructor(
    private readonly core: Instance,
    private readonly far: FarEnd,
    /** Addresses of the client and of its door, as CLIENT LIST shows them; and whether it need not say who it is. */
    { addr = '', laddr = '', trusted = false } = {},
  ) {
    core.enter(() => {
      this.session = core.raw.meet(Math.max(putKey(core, addr), 0), Math.max(putField(core, laddr), 0), Number(trusted));
      this.look();
    });
    core.owners.set(this.session, this);
  }

  /** Whether it goes on. */
  get open(): boolean {
    return this.session !== 0;
  }

  /** Whether the client may speak without saying first who it is. */
  get known(): boolean {
    return (this.state & UNKNOWN) === 0;
  }

  /** Bytes from the client. */
  send(bytes: Uint8Array): void {
    if (!this.open) return;
    const { rest } = this;
    // The common case: whole requests.
    if (rest.length === 0 && (this.state & WAITS) === 0) {
      const taken = this.run(bytes);
      if (taken < bytes.length) this.keep(bytes.subarray(taken));
      return;
    }
    rest.add(bytes);
    if ((this.state & WAITS) !== 0) {
      if (rest.length > SENT_AHEAD) this.lose();
      return;
    }
    // What somebody may send who has not said who he is, is limited: the engine looks at every piece of it.
    if (!this.known || this.frame.ready(rest.bytes, rest.length)) this.runRest();
  }

  /** Says how many bytes that were taken have not reached the client yet. */
  owe(bytes: number): void {
    if (this.open) this.core.raw.owe(this.session, Math.min(bytes, 2 ** 32 - 1));
  }

  /** The client is gone. */
  close(): void {
    if (!this.open) return;
    this.core.raw?.leave(this.session);
    this.forget();
  }

  private keep(bytes: Uint8Array): void {
    const { rest } = this;
    rest.add(bytes);
    this.frame.ready(rest.bytes, rest.length);
  }

  private runRest(): void {
    const { rest } = this;
    if (rest.length === 0) return;
    const taken = this.run(rest.bytes.subarray(0, rest.length));
    if (taken === 0) return;
    rest.drop(taken);
    this.frame = new Frame();
    if (rest.length > 0) this.frame.ready(rest.bytes, rest.length);
  }

  private run(bytes: Uint8Array): number {
    const { core } = this;
    return core.enter(() => {
      const at = core.raw.input(bytes.length) >>> 0;
      if (at === 0) {
        this.far.take(OUT_OF_MEMORY);
        this.lose();
        return bytes.length;
      }
      if (core.u32.length === 0) core.look();
      core.u8.set(bytes, at);
      const taken = core.raw.say(this.session, bytes.length) >>> 0;
      this.look();
      const { u32, header } = core;
      const length = u32[header]!;
      if (length > 0) {
        const start = u32[header + 2]!;
        const reply = core.u8.slice(start, start + length);
        if (length > LARGE_REPLY) core.raw.forget();
        this.far.take(reply);
      }
      if ((this.state & GONE) !== 0) this.lose();
      else if ((this.state & WAITS) !== 0) this.watch();
      return taken;
    });
  }

  /** Takes the state that the header describes. */
  private look(): void {
    const { core } = this;
    if (core.u32.length === 0) core.look();
    this.state = core.u32[core.header + 3]!;
  }

  /** A timer of its own as long as a command waits with an end: it keeps the process alive, as a socket would. */
  private watch(): void {
    const { core, session } = this;
    const due = core.raw.deadline(session);
    clearTimeout(this.timer as number | undefined);
    if (due < 0) return;
    const elapse = (): void => {
      core.tick();
      core.hear();
      if (this.session === session && (this.state & WAITS) !== 0) this.watch();
    };
    this.timer = setTimeout(elapse, Math.min(Math.max(due - core.now(), 1), LONGEST_TIMER));
  }

  /** @internal */
  hear(reader: ReplyReader): void {
    const waited = (this.state & WAITS) !== 0;
    this.look();
    if (!reader.done) this.far.take(reader.rest());
    if (!waited || (this.state & WAITS) !== 0) return;
    clearTimeout(this.timer as number | undefined);
    this.runRest();
  }

  /** @internal */
  lose(_?: Error): void {
    if (!this.open) return;
    this.forget();
    this.far.end();
  }

  /** @internal */
  restart(): void {
    this.lose(new CacheClosedError('the cache was reset'));
  }

  private forget(): void {
    this.core.owners.delete(this.session);
    this.session = 0;
    this.rest.drop(this.rest.length);
    clearTimeout(this.timer as number | undefined);
  }
}

const OUT_OF_MEMORY = new TextEncoder().encode('-OOM the request is too large for the memory that is left\r\n');

/** Bytes that wait: a buffer that grows by doubling. */
class Rest {
  bytes = new Uint8Array(0);
  length = 0;

  add(more: Uint8Array): void {
    const length = this.length + more.length;
    if (length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    this.bytes.set(more, this.length);
    this.length = length;
  }

  drop(bytes: number): void {
    this.length -= bytes;
    if (this.length === 0) this.bytes = new Uint8Array(0);
    else this.bytes.copyWithin(0, bytes, bytes + this.length);
  }
}
