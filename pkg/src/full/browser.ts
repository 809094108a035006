// `cachette/full` in browsers: fetched when first used. `Cachette.create` waits for it.
import { bytesOf } from '../base64.js';
import { fetched } from '../fetched.js';

let module: WebAssembly.Module | undefined;
let loading: Promise<WebAssembly.Module> | undefined;

export function full(): object | Promise<object> {
  return module ?? (loading ??= load());
}

/** A failed attempt is not remembered. */
async function load(): Promise<WebAssembly.Module> {
  try {
    const url = new URL('../full.wasm', import.meta.url);
    return (module = await fetched(url, async () => bytesOf((await import('../full.base64.js')).wasmBase64)));
  } finally {
    loading = undefined;
  }
}
