// One WebAssembly instance: its exports, its memory, its clock, and the guard against its breaking down.

import { CacheClosedError, CacheCrashedError, isCrash } from './errors.js';
import { given } from './door.js';
import { hasTimers, stringsFor } from './module.js';
import type { ReplyReader } from './resp.js';
import { drawSeed } from './seed.js';
import { bufferView, type NodeBuffer, type Strings } from './text.js';

/**
 * The exports, which take and give plain numbers; pkg/crate/src/raw.rs says what each does. The hot ones pass neither through RESP nor
 * through wasm-bindgen's string glue, which measured 2.5-4 times slower. Nothing is imported.
 */
export interface Raw extends WebAssembly.Exports {
  memory: WebAssembly.Memory;
  area(): number;
  input(bytes: number): number;
  execute(bytes: number): number;
  forget(): void;
  converse(bytes: number): number;
  hear(): number;
  leave(session: number): void;
  deadline(session: number): number;
  meet(addr: number, laddr: number, trusted: number): number;
  say(session: number, bytes: number): number;
  owe(session: number, bytes: number): void;
  turn(now: number): void;
  seed(low: number, high: number): void;
  due(): number;
  tick(): number;
  listen(on: number): void;
  event(): number;
  stats(): void;
  get(key: number): number;
  set(key: number, value: number, ttl: number): number;
  del(key: number): number;
  exists(key: number): number;
  incr(key: number): number;
  expire(key: number, seconds: number): number;
  ttl(key: number): number;
  hget(key: number, field: number): number;
  hset(key: number, field: number, value: number): number;
  mget(count: number): number;
  mset(count: number): number;
}

/** The area's layout (bytes), as pkg/crate/src/area.rs draws it. */
const KEY = 64;
const FIELD = KEY + 2048;
const VALUE = FIELD + 2048;
const END = 65536;

/** Calls that may share one reading of the clock although the event loop never came to turn: a loop that waits for an expiry ends. */
const CALLS_PER_READING = 256;

/** Milliseconds by which an expired key may be removed late: when somebody waits to hear of it, and when it only takes up room. */
const TOLD_WITHIN = 2;
const REMOVED_WITHIN = 100;
/** A session's state in the header: it is closed. */
const GONE = 1;
export const LONGEST_TIMER = 2 ** 31 - 1;

/** Who speaks through a session of its own: a command that waits, a subscription, a client. */
export interface Owner {
  /** Whether replies are read as bytes. */
  readonly asBytes: boolean;
  /** The session was given something, or its wait ended. */
  hear(reader: ReplyReader): void;
  /** The session is gone. */
  lose(error: Error): void;
  /** A fresh instance stands in place of the one with the session. */
  restart(): void;
}

/** What setTimeout gives: an object that can be unref'ed in Node, a number elsewhere. */
interface Timer {
  unref?(): void;
}

const settled = Promise.resolve();

export class Instance {
  raw!: Raw;
  /** The host's functions of strings for its memory, where there are any. */
  strings: Strings | undefined;
  /** Calls left until the clock is read again; at 0 the next call goes to `turn`, which is also where a dead instance says so. */
  left = 0;

  // Views of linear memory, made anew when it has grown.
  u8!: Uint8Array;
  u32!: Uint32Array;
  buffer: NodeBuffer | undefined;
  keyView!: Uint8Array;
  fieldView!: Uint8Array;
  valueView!: Uint8Array;

  // Byte addresses of the area's parts, and the index of the header in `u32`.
  header = 0;
  keyAt = 0;
  fieldAt = 0;
  valueAt = 0;

  /** Called at the end of a turn in which keys may have expired or been evicted, if anybody listens. */
  tell: (() => void) | undefined;
  /** Called at the end of each turn, for whoever keeps values beside the engine. */
  settle: (() => void) | undefined;
  /** Sessions beside the main one. */
  readonly owners = new Map<number, Owner>();

  private failure: Error | undefined;
  private seeded = false;
  private turning = false;
  private timer: Timer | undefined;
  private timerDue = 0;

  constructor(
    private readonly module: WebAssembly.Module,
    readonly now: () => number,
    /** Called with every fresh instance, to set it up. */
    private readonly prepare: (instance: Instance) => void,
  ) {
    this.start();
  }

  /** Begins anew with a fresh, empty instance. */
  start(): void {
    clearTimeout(this.timer as number | undefined);
    this.timer = undefined;
    // Not instantiate(), not `instanceof Module`: edge runtimes hand out modules of another realm, and only the constructor takes them.
    this.raw = new WebAssembly.Instance(this.module).exports as Raw;
    this.strings = stringsFor(this.raw.memory);
    const area = this.raw.area() >>> 0;
    this.header = area >>> 2;
    this.keyAt = area + KEY;
    this.fieldAt = area + FIELD;
    this.valueAt = area + VALUE;
    this.failure = undefined;
    this.left = 0;
    this.seeded = false;
    this.look();
    this.prepare(this);
    const owners = [...this.owners.values()];
    this.owners.clear();
    for (const owner of owners) owner.restart();
  }

  /** Sets the seed of hashes and of random choices, in place of one that is drawn at the first turn: hosts refuse randomness while a module loads. */
  seed(seed: bigint): void {
    this.seeded = true;
    this.raw.seed(Number(BigInt.asUintN(32, seed)), Number(BigInt.asUintN(32, seed >> 32n)));
  }

  /** Takes new views: memory that has grown leaves the old ones empty. */
  look(): Uint32Array {
    const { buffer } = this.raw.memory;
    const area = this.keyAt - KEY;
    this.u8 = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.buffer = bufferView(buffer);
    this.keyView = new Uint8Array(buffer, this.keyAt, FIELD - KEY);
    this.fieldView = new Uint8Array(buffer, this.fieldAt, VALUE - FIELD);
    this.valueView = new Uint8Array(buffer, area + VALUE, END - VALUE);
    return this.u32;
  }

  private readonly endTurn = (): void => {
    this.turning = false;
    this.left = 0;
    if (this.failure !== undefined) return;
    if (hasTimers()) this.arm(this.raw.due());
    this.hear();
    this.settle?.();
    this.tell?.();
  };

  /** Hands what sessions were given to their owners. */
  hear(): void {
    try {
      while (this.owners.size > 0 && this.failure === undefined) {
        const session = this.raw.hear();
        if (session === 0) return;
        const owner = this.owners.get(session);
        if (owner === undefined) continue;
        const reader = given(this, owner.asBytes);
        if ((this.u32[this.header + 3]! & GONE) !== 0) owner.lose(new CacheClosedError('the session was closed'));
        else owner.hear(reader);
      }
    } catch (error) {
      this.failed(error);
    }
  }

  /** Whether it was closed for good. */
  get closed(): boolean {
    return this.raw === undefined;
  }

  /** Runs `work` with the clock read; what breaks the instance is known afterwards. */
  enter<T>(work: () => T): T {
    if (this.left-- <= 0) this.turn();
    try {
      const result = work();
      if (this.u32.length === 0) this.look();
      return result;
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** Sets the one timer for `due` (-1: nothing is due), unless it is set for an earlier moment. It keeps neither process nor cache alive. */
  private arm(due: number): void {
    if (due < 0 || (this.timer !== undefined && this.timerDue <= due)) return;
    clearTimeout(this.timer as number | undefined);
    this.timerDue = due;
    const self = new WeakRef(this);
    const awaited = this.tell !== undefined || this.owners.size > 0;
    const wait = Math.min(Math.max(due - this.now(), awaited ? TOLD_WITHIN : REMOVED_WITHIN), LONGEST_TIMER);
    this.timer = setTimeout(() => self.deref()?.tick(), wait) as unknown as Timer;
    this.timer.unref?.();
  }

  /** Removes what has expired and ends waits. */
  tick(): void {
    clearTimeout(this.timer as number | undefined);
    this.timer = undefined;
    if (this.failure !== undefined) return;
    try {
      this.turn();
      const due = this.raw.tick();
      if (this.u32.length === 0) this.look();
      if (hasTimers()) this.arm(due);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Reads the clock for this turn of the event loop; throws if the instance is closed or broken. */
  turn(): void {
    if (this.failure !== undefined) throw this.failure;
    this.left = CALLS_PER_READING;
    if (!this.turning) {
      this.turning = true;
      void settled.then(this.endTurn);
    }
    if (!this.seeded) this.seed(drawSeed());
    const now = this.now();
    this.raw.turn(now);
    // Without timers, what is due is done on the way.
    if (!hasTimers()) {
      const due = this.raw.due();
      if (due >= 0 && due <= now) this.raw.tick();
    }
    if (this.u32.length === 0) this.look();
  }

  /** Called with what a call threw: breaks the instance for good if that was a crash. Returns what to throw. */
  failed(error: unknown): unknown {
    if (!isCrash(error)) return error;
    this.left = 0;
    const failure = (this.failure ??= new CacheCrashedError(error));
    for (const owner of this.owners.values()) owner.lose(failure);
    return failure;
  }

  /** Refuses all further calls and lets go of the memory. */
  close(): void {
    clearTimeout(this.timer as number | undefined);
    this.timer = undefined;
    this.left = 0;
    const failure = (this.failure = new CacheClosedError());
    this.raw = undefined as unknown as Raw;
    for (const owner of this.owners.values()) owner.lose(failure);
    this.u8 = this.keyView = this.fieldView = this.valueView = new Uint8Array(0);
    this.u32 = new Uint32Array(0);
    this.buffer = undefined;
    this.strings = undefined;
  }
}
