// The wasm modules carried as text. Imports no code: a page that can fetch the modules never fetches this (see bundle.js).
import { wasmBase64 as core } from './core.base64.js';
import type { ModuleName } from './module.js';
import { wasmBase64 as objects } from './objects.base64.js';

/** A module in base64. */
export function textOfModule(name: ModuleName): string {
  return name === 'core' ? core : objects;
}
