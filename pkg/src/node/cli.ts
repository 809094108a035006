#!/usr/bin/env node
// `npx cachette`: a server on the engine in WebAssembly, and a prompt.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { repl } from './repl.js';
import { listen, type ListenOptions } from './server.js';

const USAGE = `Usage:
  cachette serve [--port 6379] [--host 127.0.0.1] [--unixsocket PATH] [--requirepass WORD] [--maxmemory 64mb] [--PARAMETER VALUE ...]
      A server that speaks RESP, for clients of Redis. --port 0 takes a free port; with --unixsocket alone there is none. Parameters are those of CONFIG SET.
  cachette repl [redis://[:PASSWORD@]HOST:PORT[/DB] | unix://PATH]
      A prompt: to that server, or to an empty cache of its own.
  cachette --version
`;

async function main([task, ...rest]: string[]): Promise<void> {
  switch (task) {
    case 'serve':
      return serve(rest);
    case 'repl':
      if (rest.length > 1) throw new Usage('repl takes one address at most');
      return repl(rest[0]);
    case '--version':
      return void console.log(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version);
    case '--help':
    case undefined:
      return void process.stdout.write(USAGE);
    default:
      throw new Usage(`there is no task ${task}`);
  }
}

class Usage extends Error {}

async function serve(args: string[]): Promise<void> {
  const listener = await listen(optionsOf(args));
  const where = [listener.port !== undefined && `${listener.host}:${listener.port}`, listener.unixsocket].filter(Boolean).join(' and ');
  console.log(`Ready to accept connections on ${where}`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void listener.close());
  await listener.closed;
}

function optionsOf(args: string[]): ListenOptions {
  const { values, positionals } = parseArgs({ args: args.flatMap(joined), strict: false, allowPositionals: true, options: {} });
  const flags = Object.entries(values).filter(([, value]) => typeof value !== 'string');
  if (positionals.length > 0 || flags.length > 0) throw new Usage(`${positionals[0] ?? `--${flags[0]![0]}`} lacks its ${positionals.length > 0 ? '--' : 'value'}`);
  const { port, host, unixsocket, requirepass, maxmemory, ...config } = values as Record<string, string>;
  if (port !== undefined && !/^\d{1,5}$/.test(port)) throw new Usage('--port must be a number');
  return {
    ...(port !== undefined ? { port: Number(port) } : unixsocket === undefined && { port: 6379 }),
    ...(host !== undefined && { host }),
    ...(unixsocket !== undefined && { unixsocket }),
    ...(requirepass !== undefined && { requirepass }),
    ...(maxmemory !== undefined && { maxmemory }),
    config,
  };
}

/** `--name value` as `--name=value`: which names there are is the engine's to say, and they all have values. */
function joined(word: string, at: number, all: string[]): string[] {
  if (word.startsWith('--') && !word.includes('=') && all[at + 1] !== undefined && !all[at + 1]!.startsWith('--')) return [`${word}=${all[at + 1]}`];
  const before = all[at - 1];
  return before !== undefined && before.startsWith('--') && !before.includes('=') && !word.startsWith('--') ? [] : [word];
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(error instanceof Usage ? `cachette: ${error.message}\n\n${USAGE}` : `cachette: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
