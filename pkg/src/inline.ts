// The wasm modules carried as text.
import { bytesOf, compileText } from './base64.js';
import { wasmBase64 as core } from './core.base64.js';
import type { ModuleName } from './module.js';
import { wasmBase64 as objects } from './objects.base64.js';

function textOf(name: ModuleName): string {
  return name === 'core' ? core : objects;
}

/** A module's bytes. */
export function inlineBytes(name: ModuleName): Uint8Array<ArrayBuffer> {
  return bytesOf(textOf(name));
}

/** Compiles at once, the first time only (see module.ts). */
export function compileInline(name: ModuleName): WebAssembly.Module {
  return compileText(textOf(name));
}
