// Vercel's edge runtime and Next's middleware. Its modules come from another realm: only `new WebAssembly.Instance` takes them.
import module from '../cachette.wasm?module';
import { provide } from '../module.js';

provide({ compile: () => module, timers: false });
export * from '../index.js';
