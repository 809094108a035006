// workerd. A cache at module scope, where randomness and timers are refused and the clock stands at 0, must serve later requests.
import * as cachette from './node_modules/cachette/dist/platform/workerd.js';
import { runChecks } from './checks.js';

const early = new cachette.Cachette();
early.set('early', 'bird');

export default {
  async fetch() {
    const results = await runChecks(cachette);
    const error = early.get('early') === 'bird' ? '' : 'the value is gone';
    results.push({ name: 'a cache made at module scope serves requests', error });
    return Response.json(results);
  },
};
