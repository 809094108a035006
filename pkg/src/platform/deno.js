// Deno. An import of the module's source needs no permission, where reading the file would. TypeScript does not know this form yet.
import source module from '../cachette.wasm';
import { provide } from '../module.js';

provide({ compile: () => module, timers: true });
export * from '../index.js';
