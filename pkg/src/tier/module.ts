// The compiled wasm module of the tier; said by the entry point (platform/*.ts), as that of the engine is.

let compile: (() => WebAssembly.Module) | undefined;
let compiled: WebAssembly.Module | undefined;

/** Called by the entry point. The first one wins. */
export function provideTier(how: () => WebAssembly.Module): void {
  compile ??= how;
}

export function tierModule(): WebAssembly.Module {
  if (compiled === undefined && compile === undefined) throw new Error("cachette: import 'cachette/tier', not a file of it");
  return (compiled ??= compile!());
}
