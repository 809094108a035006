// `cachette/upstash`: @upstash/redis on a cache in this process, by a requester (`new Redis(requester(cache))`) or by the REST protocol that it speaks
// (`restHandler(cache, { token })`, a function from a Request to a Response for any server or worker).

import type { Cachette } from '../cachette.js';
import { ReplyError } from '../errors.js';
import { Replies } from '../replies.js';
import { upperBound, writeCommand, type Arg, type Reply } from '../resp.js';
import { Wire } from '../wire.js';

type HostRequest = typeof globalThis extends { Request: { prototype: infer R } } ? R : any;
type HostResponse = typeof globalThis extends { Response: { prototype: infer R } } ? R : any;

/** An answer as the REST protocol has it. */
export interface UpstashAnswer {
  result?: any;
  error?: string;
}

/** What @upstash/redis hands to a requester. */
export interface UpstashRequest {
  path?: string[];
  body?: unknown;
  headers?: Record<string, string>;
  signal?: any;
  isStreaming?: boolean;
  onMessage?: (data: string) => void;
}

export interface UpstashRequester {
  readYourWrites?: boolean;
  upstashSyncToken?: string;
  request(request: UpstashRequest): Promise<any>;
}

export interface RestOptions {
  /** What clients must show; without it anybody may ask. */
  token?: string;
  /** A path below which the handler is reached: none unless said. */
  base?: string;
}

/** How the strings of an answer are told. */
type Tell = (bytes: Uint8Array) => string;

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const asText: Tell = (bytes) => decoder.decode(bytes);
const asBase64: Tell = (bytes) => {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary);
};

/** For `new Redis(requester(cache))`: no network, no JSON between. */
export function requester(cache: Cachette<string>): UpstashRequester {
  return {
    readYourWrites: false,
    upstashSyncToken: '',
    async request({ path = [], body, signal, onMessage }) {
      const [first = '', ...names] = path.map((part) => decodeURIComponent(part));
      if (first === 'pipeline') return pipeline(cache, body as unknown[][], asText);
      if (first === 'multi-exec') return multi(cache, body as unknown[][], asText);
      if (STREAMS.has(first)) {
        const stop = stream(cache, [first, ...names], (data) => onMessage?.(data));
        (typeof signal === 'function' ? signal() : signal)?.addEventListener('abort', stop);
        return { result: 1 };
      }
      return one(cache, path.length > 0 ? [first, ...names] : (body as unknown[]), asText);
    },
  };
}

/** A function that answers requests of the REST protocol. */
export function restHandler(cache: Cachette<string>, { token, base = '' }: RestOptions = {}): (request: HostRequest) => Promise<HostResponse> {
  let answers = 0;
  return async (given) => {
    const request = given as Request;
    const url = new URL(request.url);
    if (!['HEAD', 'GET', 'POST', 'PUT'].includes(request.method)) return json({ error: 'ERR method not allowed' }, 405);
    const shown = request.headers.get('authorization')?.replace(/^Bearer\s+/i, '') ?? url.searchParams.get('_token');
    if (token !== undefined && !(await isSame(shown ?? '', token))) return json({ error: 'WRONGPASS invalid or missing auth token' }, 401);
    // Whoever asks sees what was written before, by anybody: the token, a new one each time, says nothing more.
    const headers = { 'upstash-sync-token': (answers++).toString(36) };
    const tell = request.headers.get('upstash-encoding')?.toLowerCase() === 'base64' ? asBase64 : asText;
    const path = url.pathname.slice(base.length).split('/').filter((part, at) => at > 0 || part !== '').map(decodeURIComponent);
    const text = request.method === 'POST' || request.method === 'PUT' ? new Uint8Array(await request.arrayBuffer()) : new Uint8Array(0);
    try {
      switch (path[0]) {
        case undefined:
        case '':
          return answer(await one(cache, listOf(text), tell), headers);
        case 'pipeline':
          return json(await pipeline(cache, listsOf(text), tell), 200, headers);
        case 'multi-exec':
          return answer(await multi(cache, listsOf(text), tell), headers);
        case 'subscribe':
        case 'psubscribe':
        case 'monitor':
          return events(cache, path, request.signal);
        default: {
          const words: unknown[] = [...path, ...(text.length > 0 ? [text] : [])];
          for (const [name, value] of url.searchParams) if (name !== '_token') words.push(name, ...(value === '' ? [] : [value]));
          return answer(await one(cache, words, tell), headers);
        }
      }
    } catch (error) {
      return json({ error: `ERR ${(error as Error).message}` }, 400, headers);
    }
  };
}

/** Equal, without telling by the time it takes how far. */
async function isSame(shown: string, token: string): Promise<boolean> {
  const [a, b] = await Promise.all([shown, token].map(async (word) => new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(word)))));
  return a!.every((byte, at) => byte === b![at]);
}

function listOf(text: Uint8Array): unknown[] {
  const list: unknown = JSON.parse(decoder.decode(text));
  if (!Array.isArray(list) || list.length === 0) throw new TypeError('the body must be a JSON array with a command');
  return list;
}

function listsOf(text: Uint8Array): unknown[][] {
  const lists: unknown = JSON.parse(decoder.decode(text));
  if (!Array.isArray(lists) || !lists.every((list) => Array.isArray(list) && list.length > 0)) throw new TypeError('the body must be a JSON array of commands');
  return lists as unknown[][];
}

function answer(said: UpstashAnswer | UpstashAnswer[], headers: Record<string, string>): Response {
  return json(said, !Array.isArray(said) && said.error !== undefined ? 400 : 200, headers);
}

function json(body: unknown, status: number, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
}

// ---- commands

/** Runs commands in a session of their own, as a client of an old server would: the protocol's answers are RESP2's. */
function converse(cache: Cachette<string>, commands: unknown[][]): Promise<Reply[]> {
  return new Promise((resolve) => {
    const replies: Reply[] = [];
    const reader = new Replies();
    const done = (): void => {
      while (replies.length < commands.length) replies.push(new ReplyError('ERR the session was closed', ''));
      wire.close();
      resolve(replies);
    };
    const take = (bytes: Uint8Array): void => {
      for (const { reply } of reader.add(bytes)) replies.push(reply);
      if (replies.length >= commands.length) queueMicrotask(done);
    };
    const wire = new Wire(cache.core, { take, end: () => queueMicrotask(done) }, { trusted: true });
    for (const command of commands) wire.send(request(command));
  });
}

function request(command: unknown[]): Uint8Array {
  const words = command.map(wordOf);
  const bytes = new Uint8Array(upperBound(words));
  return bytes.subarray(0, writeCommand(bytes, 0, words));
}

/** The protocol takes JSON where Redis takes words. */
function wordOf(word: unknown): Arg {
  if (typeof word === 'string' || typeof word === 'number' || typeof word === 'bigint' || word instanceof Uint8Array) return word;
  return typeof word === 'boolean' ? String(word) : JSON.stringify(word);
}

async function one(cache: Cachette<string>, command: unknown[], tell: Tell): Promise<UpstashAnswer> {
  const [reply] = await converse(cache, [command]);
  return told(reply!, tell);
}

async function pipeline(cache: Cachette<string>, commands: unknown[][], tell: Tell): Promise<UpstashAnswer[]> {
  return (await converse(cache, commands)).map((reply) => told(reply, tell));
}

/** All answers, or the one error for which none ran. */
async function multi(cache: Cachette<string>, commands: unknown[][], tell: Tell): Promise<UpstashAnswer | UpstashAnswer[]> {
  const replies = await converse(cache, [['MULTI'], ...commands, ['EXEC']]);
  const done = replies.at(-1)!;
  if (Array.isArray(done)) return done.map((reply) => told(reply, tell));
  return told(replies.find((reply) => reply instanceof ReplyError) ?? done, tell);
}

function told(reply: Reply, tell: Tell): UpstashAnswer {
  return reply instanceof ReplyError ? { error: reply.message } : { result: resultOf(reply, tell) };
}

function resultOf(reply: Reply, tell: Tell): unknown {
  if (Array.isArray(reply)) return reply.map((item) => resultOf(item, tell));
  if (reply instanceof ReplyError) return reply.message;
  if (reply instanceof Uint8Array) return tell(reply);
  if (typeof reply === 'bigint') return tell(encoder.encode(String(reply)));
  // A status: told as any string, but for OK.
  if (typeof reply === 'string') return reply === 'OK' ? reply : tell(encoder.encode(reply));
  return reply;
}

// ---- streams of events

const STREAMS = new Set(['subscribe', 'psubscribe', 'monitor']);

/** Hands on what a subscription is told, as the protocol's lines; returns what ends it. */
function stream(cache: Cachette<string>, words: string[], tell: (data: string) => void): () => void {
  const reader = new Replies();
  const take = (bytes: Uint8Array): void => {
    for (const { reply } of reader.add(bytes)) tell(lineOf(reply));
  };
  const wire = new Wire(cache.core, { take: (bytes) => queueMicrotask(() => take(bytes)), end: () => {} }, { trusted: true });
  wire.send(request(words));
  return () => wire.close();
}

function lineOf(reply: Reply): string {
  if (reply instanceof ReplyError) return reply.message;
  const parts = Array.isArray(reply) ? reply : [reply];
  return parts.map((part) => (part instanceof Uint8Array ? asText(part) : String(part))).join(',').replace(/\r?\n/g, ' ');
}

function events(cache: Cachette<string>, words: string[], signal: AbortSignal): Response {
  let stop = (): void => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      stop = stream(cache, words, (data) => controller.enqueue(encoder.encode(`data: ${data}\n\n`)));
      signal.addEventListener('abort', () => stop());
    },
    cancel: () => stop(),
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' } });
}
