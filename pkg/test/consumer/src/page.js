// A page: leaves what the checks found where the test finds it.
import * as cachette from 'cachette';
import { runChecks } from '../checks.js';

globalThis.results = await runChecks(cachette).catch((error) => [{ name: 'the page loads', error: String(error) }]);
