// The host's own functions of strings, called from WebAssembly ("JS string builtins"), by way of strings.wat.

import { bytesOf } from './base64.js';
import { wasmBase64 } from './strings.base64.js';
import { MAY_HAVE_STRINGS, type Strings } from './text.js';

/** Null: this host has no such functions, or may not compile. */
let module: WebAssembly.Module | null | undefined;

type Compile = new (bytes: BufferSource, options: { builtins: string[] }) => WebAssembly.Module;

function compile(): WebAssembly.Module | null {
  try {
    return new (WebAssembly.Module as unknown as Compile)(bytesOf(wasmBase64), { builtins: ['js-string'] });
  } catch {
    return null;
  }
}

/** The functions for a memory, where the host has them. */
export function stringsOf(memory: WebAssembly.Memory): Strings | undefined {
  if (module === undefined) module = MAY_HAVE_STRINGS ? compile() : null;
  if (module === null) return undefined;
  try {
    return new WebAssembly.Instance(module, { engine: { memory } }).exports as unknown as Strings;
  } catch {
    // It compiled, but takes the functions for imports that somebody has to give.
    module = null;
    return undefined;
  }
}
