// Browsers and whatever bundles for them. Each module is a file of its own, which bundlers find by this form of URL; where that fails
// (a bundler that does not copy it, a strange MIME type, no network) the text form is loaded in its place.
import { provide, type ModuleName } from '../module.js';

async function load(name: ModuleName): Promise<WebAssembly.Module> {
  try {
    const url = name === 'core' ? new URL('../core.wasm', import.meta.url) : new URL('../objects.wasm', import.meta.url);
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${response.status} for ${response.url}`);
    const streams = response.headers.get('content-type')?.startsWith('application/wasm');
    return await (streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer()));
  } catch {
    const { inlineBytes } = await import('../inline.js');
    return WebAssembly.compile(inlineBytes(name));
  }
}

provide({ load, timers: true });
export * from '../index.js';
