// Deno. An import of the module's source needs no permission, where reading the file would. TypeScript does not know this form yet.
import source core from '../core.wasm';
import source objects from '../objects.wasm';
import { provide } from '../module.js';
import { stringsOf } from '../strings.js';

provide({ compile: (name) => (name === 'core' ? core : objects), timers: true, strings: stringsOf });
export * from '../index.js';
