// Browsers and whatever bundles for them. Each module is a file of its own, which bundlers find by this form of URL.
import { bytesOf } from '../base64.js';
import { fetched } from '../fetched.js';
import { provide, type ModuleName } from '../module.js';
import { stringsOf } from '../strings.js';

function load(name: ModuleName): Promise<WebAssembly.Module> {
  const url = name === 'core' ? new URL('../core.wasm', import.meta.url) : new URL('../objects.wasm', import.meta.url);
  return fetched(url, async () => bytesOf((await import('../inline.js')).textOfModule(name)));
}

provide({ load, timers: true, strings: stringsOf });
export * from '../index.js';
