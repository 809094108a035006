// Middleware, which answers by itself.
import * as cachette from 'cachette';
import { makeEarly, runSuite } from './suite/suite.js';

export const config = { matcher: '/middleware' };

const early = makeEarly(cachette);

export async function middleware(request) {
  return Response.json(await runSuite(cachette, await request.json(), early));
}
