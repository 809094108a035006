// What a module takes to compile and to instantiate, in milliseconds: `node start.js core|full|tier|objects|least`. In a process that has done nothing else, and so
// not a part of part.js: what V8 has warm from other work would be given away. `least` is a module of one function.

import { existsSync, readFileSync } from 'node:fs';

const dist = new URL('../../pkg/dist/', import.meta.url);
const [name] = process.argv.slice(2);
/** (module (func (export "f"))) */
const LEAST = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 4, 1, 2, 0, 11]);
const bytes = name === 'least' ? LEAST : readFileSync(new URL(`${name}.wasm`, dist));
const glue = new URL(`../js/${name}.glue.js`, dist);
const imports = existsSync(glue) ? { [`./${name}_bg.js`]: (await import(glue)).glue() } : {};

const begun = performance.now();
const module = new WebAssembly.Module(bytes);
const compiled = performance.now();
new WebAssembly.Instance(module, imports);
const instantiated = performance.now();

const figures = { compile: compiled - begun, instantiate: instantiated - compiled, bytes: bytes.length };
console.log(JSON.stringify(figures));
