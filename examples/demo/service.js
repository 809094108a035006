// A web service that takes its time, as databases and other people's APIs do.

import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Starts a service on a free port that answers `/users/ID` after `latency` ms. Returns its address, a count of requests, and `close`. */
export async function startService(latency) {
  const service = { requests: 0, url: '', close: () => server.close() };
  const server = createServer(async (request, response) => {
    service.requests += 1;
    await sleep(latency);
    const id = Number(request.url.split('/').at(-1));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id, name: `user ${id}`, plan: ['free', 'team', 'large'][id % 3] }));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  service.url = `http://127.0.0.1:${server.address().port}`;
  return service;
}
