// A Cloudflare worker: the scenarios are a request's body, what the suite found is its answer.
import * as cachette from 'cachette';
import { makeEarly, runSuite } from './suite.js';

const early = makeEarly(cachette);

export default {
  async fetch(request) {
    return Response.json(await runSuite(cachette, await request.json(), early));
  },
};
