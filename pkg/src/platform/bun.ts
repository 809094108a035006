// Bun. As in Node; it knows no import of a module's source.
import { compileInline } from '../inline.js';
import { provide } from '../module.js';

provide({ compile: compileInline, timers: true });
export * from '../index.js';
