// The wasm module carried as text.
import { wasmBase64 } from './wasm-base64.js';

/** The module's bytes. */
export function inlineBytes(): Uint8Array<ArrayBuffer> {
  const binary = atob(wasmBase64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Compiles at once; a few milliseconds, the first time only (see module.ts). */
export function compileInline(): WebAssembly.Module {
  return new WebAssembly.Module(inlineBytes());
}
