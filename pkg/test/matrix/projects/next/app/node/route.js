// A route in Node.
import * as cachette from 'cachette';
import { makeEarly, runSuite } from '../../suite/suite.js';

const early = makeEarly(cachette);

export async function POST(request) {
  return Response.json(await runSuite(cachette, await request.json(), early));
}
