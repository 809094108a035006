// The compiled wasm module: one a process, shared by all caches. Which runtime we are in is said by the entry point that was loaded
// (platform/*.ts); nothing here, and nothing at load time, asks for a clock, randomness, a timer or the network.

/** What a runtime offers. Either `compile` (at once) or `load`. */
export interface Platform {
  compile?: () => WebAssembly.Module;
  load?: () => Promise<WebAssembly.Module>;
  /** Whether a timer may outlive the call that sets it. Without, due work is done within later calls. */
  timers: boolean;
}

let platform: Platform | undefined;
let compiled: WebAssembly.Module | undefined;
let loading: Promise<WebAssembly.Module> | undefined;

/** Called by the entry point. The first one wins where several are loaded. */
export function provide(offered: Platform): void {
  platform ??= offered;
}

export function hasTimers(): boolean {
  return platform?.timers ?? false;
}

/** Takes a module that the user compiled, for this and all later caches. */
export function adopt(module: WebAssembly.Module): void {
  compiled = module;
}

/** The module, if it can be had without waiting. */
export function moduleNow(): WebAssembly.Module {
  compiled ??= platform?.compile?.();
  if (compiled === undefined) {
    throw new Error('cachette: in a browser the WebAssembly module must be fetched first; use `await Cachette.create(options)` once');
  }
  return compiled;
}

/** The module, fetched and compiled if need be. A failed attempt is not remembered. */
export async function moduleSoon(): Promise<WebAssembly.Module> {
  if (compiled === undefined && platform?.load !== undefined) {
    loading ??= platform.load().finally(() => {
      loading = undefined;
    });
    compiled = await loading;
  }
  return moduleNow();
}
