// One WebAssembly instance: its exports, its memory, its clock, and the guard against its breaking down.

import { CacheClosedError, CacheCrashedError, isCrash } from './errors.js';
import { glue } from './glue.js';
import { bufferView, type NodeBuffer } from './text.js';

/**
 * The exports that take and give plain numbers; pkg/crate/src/raw.rs says what each does. The hot ones pass neither through RESP nor
 * through wasm-bindgen's string glue, which measured 2.5-4 times slower.
 */
export interface Raw extends WebAssembly.Exports {
  memory: WebAssembly.Memory;
  __wbindgen_start(): void;
  area(): number;
  input(bytes: number): number;
  execute(bytes: number): number;
  turn(now: number): void;
  get(key: number): number;
  set(key: number, value: number, ttl: number): number;
  del(key: number): number;
}

/** The area's layout (bytes), as pkg/crate/src/area.rs draws it. */
const KEY = 64;
const FIELD = KEY + 2048;
const VALUE = FIELD + 2048;
const END = 65536;

/** Calls that may share one reading of the clock although the event loop never came to turn: a loop that waits for an expiry ends. */
const CALLS_PER_READING = 256;

const settled = Promise.resolve();

export class Instance {
  raw!: Raw;
  /** What goes through wasm-bindgen: objects. */
  objects!: ReturnType<typeof glue>;
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

  private failure: Error | undefined;
  private turning = false;

  constructor(
    private readonly module: WebAssembly.Module,
    private readonly now: () => number,
  ) {
    this.start();
  }

  /** Begins anew with a fresh, empty instance. */
  start(): void {
    const imports = glue();
    // Not instantiate(), not `instanceof Module`: edge runtimes hand out modules of another realm, and only the constructor takes them.
    const { exports } = new WebAssembly.Instance(this.module, { './cachette_bg.js': imports });
    imports.__wbg_set_wasm(exports);
    this.raw = exports as Raw;
    this.objects = imports;
    this.raw.__wbindgen_start();
    const area = this.raw.area() >>> 0;
    this.header = area >>> 2;
    this.keyAt = area + KEY;
    this.fieldAt = area + FIELD;
    this.valueAt = area + VALUE;
    this.failure = undefined;
    this.left = 0;
    this.look();
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
  };

  /** Reads the clock for this turn of the event loop; throws if the instance is closed or broken. */
  turn(): void {
    if (this.failure !== undefined) throw this.failure;
    this.left = CALLS_PER_READING;
    if (!this.turning) {
      this.turning = true;
      void settled.then(this.endTurn);
    }
    this.raw.turn(this.now());
    if (this.u32.length === 0) this.look();
  }

  /** Called with what a call threw: breaks the instance for good if that was a crash. Returns what to throw. */
  failed(error: unknown): unknown {
    if (!isCrash(error)) return error;
    this.left = 0;
    this.failure ??= new CacheCrashedError(error);
    return this.failure;
  }

  /** Refuses all further calls and lets go of the memory. */
  close(): void {
    this.left = 0;
    this.failure = new CacheClosedError();
    this.raw = undefined as unknown as Raw;
    this.u8 = this.keyView = this.fieldView = this.valueView = new Uint8Array(0);
    this.u32 = new Uint32Array(0);
    this.buffer = undefined;
  }
}
