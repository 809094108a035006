// The wasm modules carried as text.
import { wasmBase64 as core } from './core.base64.js';
import type { ModuleName } from './module.js';
import { wasmBase64 as objects } from './objects.base64.js';

/** A module's bytes. */
export function inlineBytes(name: ModuleName): Uint8Array<ArrayBuffer> {
  const binary = atob(name === 'core' ? core : objects);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Compiles at once; a few milliseconds, the first time only (see module.ts). */
export function compileInline(name: ModuleName): WebAssembly.Module {
  return new WebAssembly.Module(inlineBytes(name));
}
