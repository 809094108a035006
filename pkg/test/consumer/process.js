// Node, Deno and Bun, by import. Prints what the suite found.
import * as cachette from 'cachette';
import { full } from 'cachette/full';
import scenarios from './scenarios.json' with { type: 'json' };
import { makeEarly, runSuite } from './suite.js';

const early = makeEarly(cachette);
console.log(JSON.stringify(await runSuite({ ...cachette, full }, scenarios, early)));
