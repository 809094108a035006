// The server of @upstash/redis's own tests: the REST handler of `cachette/upstash`, on the port and with the token that the environment names.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { resolve } = createRequire(join(process.cwd(), 'package.json'));
const load = (name) => import(pathToFileURL(resolve(name)));
const { Cachette } = await load('cachette');
const { full } = await load('cachette/full');
const { restHandler } = await load('cachette/upstash');

const handle = restHandler(new Cachette({ engine: full }), { token: process.env.UPSTASH_REDIS_REST_TOKEN });
createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const body = chunks.length > 0 ? { body: Buffer.concat(chunks) } : {};
  const answer = await handle(new Request(new URL(request.url, 'http://localhost'), { method: request.method, headers: request.headers, signal: gone.signal, ...body }));
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (answer.body !== null) for await (const chunk of answer.body) response.write(chunk);
  response.end();
}).listen(Number(new URL(process.env.UPSTASH_REDIS_REST_URL).port), '127.0.0.1');
