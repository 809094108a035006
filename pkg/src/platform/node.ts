// Node. Text and not a file beside us: a path to a `.wasm` file breaks in server bundles (Next's Turbopack, esbuild).
import { compileInline } from '../inline.js';
import { provide } from '../module.js';
import { stringsOf } from '../strings.js';

provide({ compile: compileInline, timers: true, strings: stringsOf });
export * from '../index.js';
