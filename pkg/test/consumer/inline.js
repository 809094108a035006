// Node, by the entry point that carries the module as text.
import * as cachette from 'cachette/inline';
import { runChecks } from './checks.js';

console.log(JSON.stringify(await runChecks(cachette)));
