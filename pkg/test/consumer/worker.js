// A Cloudflare worker: the scenarios are a request's body, what the suite found is its answer.
import * as cachette from 'cachette';
import { full } from 'cachette/full';
import { makeEarly, runSuite } from './suite.js';

const early = makeEarly(cachette);

export default {
  async fetch(request) {
    return Response.json(await runSuite({ ...cachette, full }, await request.json(), early));
  },
};
