// Node. Text and not a file beside us: a path to a `.wasm` file breaks in server bundles (Next's Turbopack, esbuild).
import { compileText } from '../base64.js';
import { textOfModule } from '../inline.js';
import { provide } from '../module.js';
import { stringsOf } from '../strings.js';

provide({ compile: (name) => compileText(textOfModule(name)), timers: true, strings: stringsOf });
export * from '../index.js';
