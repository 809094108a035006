// The compiled wasm modules: one each a process, shared by all caches. Which runtime we are in is said by the entry point that was loaded
// (platform/*.ts); nothing here, and nothing at load time, asks for a clock, randomness, a timer or the network.

import type { Strings } from './text.js';

/** `core`: the engine. `objects`: setObject and getObject. */
export type ModuleName = 'core' | 'objects';

/** What a runtime offers. Either `compile` (at once) or `load`. */
export interface Platform {
  compile?: (name: ModuleName) => WebAssembly.Module;
  load?: (name: ModuleName) => Promise<WebAssembly.Module>;
  /** Whether a timer may outlive the call that sets it. Without, due work is done within later calls. */
  timers: boolean;
  /** The host's functions of strings, where it may have some and lets bytes be compiled. */
  strings?: (memory: WebAssembly.Memory) => Strings | undefined;
}

let platform: Platform | undefined;
const compiled: { [name in ModuleName]?: WebAssembly.Module } = {};
const loading: { [name in ModuleName]?: Promise<WebAssembly.Module> } = {};

/** Called by the entry point. The first one wins where several are loaded. */
export function provide(offered: Platform): void {
  platform ??= offered;
}

export function hasTimers(): boolean {
  return platform?.timers ?? false;
}

/** The host's functions of strings for a memory, where it has some. */
export function stringsFor(memory: WebAssembly.Memory): Strings | undefined {
  return platform?.strings?.(memory);
}

/** Takes a module that the user compiled, for this and all later caches. */
export function adopt(module: WebAssembly.Module): void {
  compiled.core = module;
}

/** The module, if it can be had without waiting. */
export function moduleNow(name: ModuleName): WebAssembly.Module {
  const module = compiled[name] ?? platform?.compile?.(name);
  if (module !== undefined) return (compiled[name] = module);
  const first = name === 'core' ? 'Cachette.create(options)' : 'Cachette.create({ objects: true })';
  throw new Error(`cachette: in a browser the WebAssembly must be fetched first; use \`await ${first}\` once`);
}

/** Which engine a cache runs, as its options say it. */
export interface EngineChoice {
  engine?: () => object | Promise<object>;
  module?: object;
}

/** The engine's module, if it can be had without waiting. */
export function engineNow({ engine, module }: EngineChoice): WebAssembly.Module {
  if (module !== undefined) adopt(module as WebAssembly.Module);
  const found = engine?.() ?? moduleNow('core');
  if (!('then' in found)) return found as WebAssembly.Module;
  throw new Error('cachette: this engine must be fetched first; use `await Cachette.create({ engine })` once');
}

/** Waits until {@link engineNow} need not. */
export async function engineSoon({ engine, module }: EngineChoice): Promise<void> {
  await (engine?.() ?? module ?? moduleSoon('core'));
}

/** The module, fetched and compiled if need be. A failed attempt is not remembered. */
export async function moduleSoon(name: ModuleName): Promise<WebAssembly.Module> {
  if (compiled[name] === undefined && platform?.load !== undefined) {
    loading[name] ??= platform.load(name).finally(() => {
      delete loading[name];
    });
    compiled[name] = await loading[name]!;
  }
  return moduleNow(name);
}
