// Node, by import. Prints what the checks found.
import * as cachette from 'cachette';
import { runChecks } from './checks.js';

console.log(JSON.stringify(await runChecks(cachette)));
