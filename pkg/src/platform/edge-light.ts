// Vercel's edge runtime and Next's middleware. Its modules come from another realm: only `new WebAssembly.Instance` takes them.
import core from '../core.wasm?module';
import { provide } from '../module.js';
import objects from '../objects.wasm?module';

provide({ compile: (name) => (name === 'core' ? core : objects), timers: false });
export * from '../index.js';
