// Anywhere that may compile bytes: nothing to fetch, nothing for a bundler to copy; 4/3 of the size.
import { compileText } from '../base64.js';
import { textOfModule } from '../inline.js';
import { provide } from '../module.js';
import { stringsOf } from '../strings.js';

provide({ compile: (name) => compileText(textOfModule(name)), timers: true, strings: stringsOf });
export * from '../index.js';
