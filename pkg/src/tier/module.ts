// What is compiled for a tier, said by the entry point (platform/*.ts): its policy, and the engine that knows every command and stands in for Redis.

interface Provided {
  policy: () => WebAssembly.Module;
  engine: () => object | Promise<object>;
}

let provided: Provided | undefined;
let compiled: WebAssembly.Module | undefined;

/** Called by the entry point. The first one wins. */
export function provideTier(policy: Provided['policy'], engine: Provided['engine']): void {
  provided ??= { policy, engine };
}

function given(): Provided {
  if (provided === undefined) throw new Error("cachette: import 'cachette/tier', not a file of it");
  return provided;
}

export function tierModule(): WebAssembly.Module {
  return (compiled ??= given().policy());
}

/** For the option `engine` of a cache. */
export function tierEngine(): object | Promise<object> {
  return given().engine();
}
