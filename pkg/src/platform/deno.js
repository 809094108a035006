// Deno. An import of the module's source needs no permission, where reading the file would. TypeScript does not know this form yet.
import source core from '../core.wasm';
import source objects from '../objects.wasm';
import { provide } from '../module.js';

provide({ compile: (name) => (name === 'core' ? core : objects), timers: true });
export * from '../index.js';
