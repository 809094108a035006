// Vercel's edge runtime: the scenarios are a request's body, what the suite found is its answer.
import * as cachette from 'cachette';
import { full } from 'cachette/full';
import { makeEarly, runSuite } from './suite.js';

const early = makeEarly(cachette);

addEventListener('fetch', (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  return Response.json(await runSuite({ ...cachette, full }, await request.json(), early));
}
