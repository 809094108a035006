// Node. Text and not a file beside us: a path to a `.wasm` file breaks in server bundles (Next's Turbopack, esbuild).
import { compileInline } from '../inline.js';
import { provide } from '../module.js';

provide({ compile: compileInline, timers: true });
export * from '../index.js';
