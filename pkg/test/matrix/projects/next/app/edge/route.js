// A route in the edge runtime.
import * as cachette from 'cachette';
import { makeEarly, runSuite } from '../../suite/suite.js';

export const runtime = 'edge';

const early = makeEarly(cachette);

export async function POST(request) {
  return Response.json(await runSuite(cachette, await request.json(), early));
}
