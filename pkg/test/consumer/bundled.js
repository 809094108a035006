// What is bundled for Node. Prints what the suite found; the scenarios are the file named by the first argument.
import * as cachette from 'cachette';
import { full } from 'cachette/full';
import { readFileSync } from 'node:fs';
import { makeEarly, runSuite } from './suite.js';

const early = makeEarly(cachette);
const scenarios = JSON.parse(readFileSync(process.argv[2], 'utf8'));
console.log(JSON.stringify(await runSuite({ ...cachette, full }, scenarios, early)));
