// Bun. As in Node; it knows no import of a module's source.
import { compileText } from '../base64.js';
import { textOfModule } from '../inline.js';
import { provide } from '../module.js';

provide({ compile: (name) => compileText(textOfModule(name)), timers: true });
export * from '../index.js';
