// JavaScript values as bytes and back, by a small wasm module of its own: an instance is made when first used, and keeps nothing between
// calls. Should it break, the next call makes another, and no cache is touched.

import { isCrash } from './errors.js';
import { glue } from './objects.glue.js';
import { moduleNow } from './module.js';

interface Objects {
  imports: ReturnType<typeof glue>;
  /** The top of the module's own stack. */
  stack: WebAssembly.Global;
}

let objects: Objects | undefined;

function start(): Objects {
  const imports = glue();
  const { exports } = new WebAssembly.Instance(moduleNow('objects'), { './objects_bg.js': imports });
  imports.__wbg_set_wasm(exports);
  (exports as { __wbindgen_start(): void } & WebAssembly.Exports).__wbindgen_start();
  return { imports, stack: exports['__stack_pointer'] as WebAssembly.Global };
}

/**
 * Runs a conversion. It calls into the object (getters, proxies), which may throw: an exception that passes through wasm leaves the
 * module's stack where it was, so it is put back.
 */
function guard<T>(convert: (imports: Objects['imports']) => T): T {
  objects ??= start();
  const { imports, stack } = objects;
  const top = stack.value as number;
  try {
    return convert(imports);
  } catch (error) {
    stack.value = top;
    if (isCrash(error)) objects = undefined;
    throw new TypeError(`cachette: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

export function encodeObject(value: unknown): Uint8Array {
  return guard((imports) => imports.encodeObject(value));
}

export function decodeObject(bytes: Uint8Array): unknown {
  return guard((imports) => imports.decodeObject(bytes));
}
