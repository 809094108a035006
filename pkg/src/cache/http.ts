// An HTTP cache before a `fetch` (RFC 9111): Cache-Control, ETag and Last-Modified, Vary, and the stale directives of RFC 5861. Responses lie in the engine
// below `http:`.
//
//   http:GET URL            the names of the request's headers that the response depends on (Vary), comma by comma
//   http:GET URL\n VALUES   a response to a request with those values: length of the head, head as JSON, body

import type { Cachette } from '../cachette.js';
import { milliseconds, type Duration } from './duration.js';

type HostFetch = typeof globalThis extends { fetch: infer F } ? F : (input: any, init?: any) => Promise<any>;
type HostRequest = typeof globalThis extends { Request: { prototype: infer R } } ? R : any;
type HostResponse = typeof globalThis extends { Response: { prototype: infer R } } ? R : any;

export interface HttpCacheOptions {
  /** What is asked where the cache does not know: the global `fetch` unless said. */
  fetch?: (request: HostRequest) => Promise<HostResponse>;
  /** A cache that several users share: then `private` responses, and those to requests with `Authorization`, are kept only as the RFC allows. False unless said. */
  shared?: boolean;
  /** How long a response is kept beyond its freshness, to be asked about by its ETag: an hour unless said. */
  keep?: Duration;
  /** Bodies of more bytes are not stored: 1 MiB unless said. */
  maxBytes?: number;
}

/** What is stored before a body. */
interface Head {
  status: number;
  statusText: string;
  headers: [string, string][];
  /** When it was asked for, and its age then, in milliseconds. */
  asked: number;
  age: number;
}

type Directives = Map<string, string>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Statuses that may be stored without being told so (RFC 9110, 15.1), but for partial content. */
const STORABLE = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
/** Headers that are of a connection, not of a response. */
const HOP = ['connection', 'keep-alive', 'proxy-authenticate', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

/** A `fetch` with a cache before it. Its responses say what the cache did in `Cache-Status` (RFC 9211). */
export function httpCache(engine: Cachette<string>, options: HttpCacheOptions = {}): HostFetch {
  const cache = new HttpCache(engine, options);
  return ((input: RequestInfo, init?: RequestInit) => cache.fetch(new Request(input, init))) as HostFetch;
}

class HttpCache {
  private readonly ask: (request: Request) => Promise<Response>;
  private readonly shared: boolean;
  private readonly keep: number;
  private readonly maxBytes: number;
  /** Refreshes under way, by key. */
  private readonly running = new Map<string, Promise<unknown>>();

  constructor(
    private readonly engine: Cachette<string>,
    { fetch = (request) => globalThis.fetch(request), shared = false, keep = '1h', maxBytes = 1 << 20 }: HttpCacheOptions,
  ) {
    this.ask = fetch as (request: Request) => Promise<Response>;
    this.shared = shared;
    this.keep = milliseconds(keep);
    this.maxBytes = maxBytes;
  }

  async fetch(request: Request): Promise<Response> {
    const { method, headers } = request;
    const wants = directives(headers.get('cache-control') ?? (headers.get('pragma') === 'no-cache' ? 'no-cache' : ''));
    if (method !== 'GET' || headers.has('range') || wants.has('no-store')) {
      const response = await this.ask(request);
      // What an unsafe method did may have changed what is stored (RFC 9111, 4.4).
      if (!SAFE.has(method) && response.status < 400) this.engine.del(keyOf(request.url));
      return response;
    }
    const key = this.variant(request);
    const stored = key === undefined ? undefined : this.load(key);
    if (stored === undefined) {
      return wants.has('only-if-cached') ? told(new Response(null, { status: 504 }), 'fwd=miss') : this.forward(request, 'fwd=miss');
    }
    const { head } = stored;
    const says = directives(headerOf(head, 'cache-control'));
    const age = this.age(head);
    const left = Math.min(this.lifetime(head, says), 1000 * Number(wants.get('max-age') ?? Infinity)) - age - 1000 * Number(wants.get('min-fresh') ?? 0);
    const mayBeStale = !says.has('no-cache') && !says.has('must-revalidate') && !(this.shared && (says.has('proxy-revalidate') || says.has('s-maxage')));
    const fresh = left > 0 && !says.has('no-cache') && !wants.has('no-cache');
    const accepted = wants.has('max-stale') && mayBeStale && -left <= 1000 * Number(wants.get('max-stale') || Infinity);
    if (fresh || accepted) return this.answer(request, stored, `hit; ttl=${Math.floor(left / 1000)}`);
    if (wants.has('only-if-cached')) return told(new Response(null, { status: 504 }), 'fwd=stale');
    if (mayBeStale && !wants.has('no-cache') && -left < 1000 * Number(says.get('stale-while-revalidate') ?? 0)) {
      this.refresh(key!, request, stored.head);
      return this.answer(request, stored, `hit; ttl=${Math.floor(left / 1000)}; detail=revalidating`);
    }
    const forGiven = mayBeStale && -left < 1000 * Number(says.get('stale-if-error') ?? wants.get('stale-if-error') ?? 0);
    try {
      const response = await this.validate(request, stored);
      return forGiven && response.status >= 500 ? this.answer(request, stored, 'hit; detail=stale-if-error') : response;
    } catch (error) {
      if (forGiven) return this.answer(request, stored, 'hit; detail=stale-if-error');
      throw error;
    }
  }

  private refresh(key: string, request: Request, head: Head): void {
    if (this.running.has(key)) return;
    const done = this.validate(new Request(request), { head, body: new Uint8Array(0) })
      .catch(() => {})
      .finally(() => this.running.delete(key));
    this.running.set(key, done);
  }

  /** Asks whether what is stored still holds. */
  private async validate(request: Request, { head }: Stored): Promise<Response> {
    const [etag, modified] = [headerOf(head, 'etag'), headerOf(head, 'last-modified')];
    const conditional = new Request(request);
    const own = request.headers.has('if-none-match') || request.headers.has('if-modified-since');
    if (etag !== '' && !own) conditional.headers.set('if-none-match', etag);
    else if (modified !== '' && !own) conditional.headers.set('if-modified-since', modified);
    const asked = this.now();
    const response = await this.ask(conditional);
    if (response.status !== 304 || own) return this.keepAndGive(request, response, asked, `fwd=stale; fwd-status=${response.status}`);
    // The stored response with the headers of the answer (RFC 9111, 4.3.4). It may have been evicted meanwhile; then it is asked for anew.
    const stored = this.load(this.variant(request) ?? '');
    if (stored === undefined) return this.forward(request, 'fwd=miss');
    const headers = new Headers(stored.head.headers);
    response.headers.forEach((value, name) => {
      if (!HOP.includes(name) && !['content-length', 'content-encoding', 'content-range'].includes(name)) headers.set(name, value);
    });
    const renewed: Stored = { head: { ...stored.head, headers: [...headers], asked, age: ageOf(headers) }, body: stored.body };
    this.save(request, renewed);
    return this.answer(request, renewed, 'fwd=stale; fwd-status=304; stored');
  }

  private async forward(request: Request, status: string): Promise<Response> {
    const asked = this.now();
    return this.keepAndGive(request, await this.ask(request), asked, status);
  }

  private async keepAndGive(request: Request, response: Response, asked: number, status: string): Promise<Response> {
    if (!this.mayStore(request, response)) return told(response, status);
    const body = new Uint8Array(await response.arrayBuffer());
    const headers = new Headers(response.headers);
    for (const name of HOP) headers.delete(name);
    // The body is as `fetch` gave it: decoded.
    if (headers.has('content-encoding')) for (const name of ['content-encoding', 'content-length']) headers.delete(name);
    const stored: Stored = { head: { status: response.status, statusText: response.statusText, headers: [...headers], asked, age: ageOf(headers) }, body };
    const kept = body.length <= this.maxBytes && this.save(request, stored);
    return told(made(stored), kept ? `${status}; stored` : status);
  }

  private mayStore(request: Request, response: Response): boolean {
    const says = directives(response.headers.get('cache-control') ?? '');
    const { shared } = this;
    if (response.status === 206 || says.has('no-store') || response.headers.get('vary')?.includes('*')) return false;
    if (shared && (says.has('private') || (response.headers.has('set-cookie') && !says.has('public')))) return false;
    if (shared && request.headers.has('authorization') && !['public', 's-maxage', 'must-revalidate'].some((name) => says.has(name))) return false;
    const told = says.has('max-age') || response.headers.has('expires') || says.has('public') || (shared && says.has('s-maxage')) || (!shared && says.has('private'));
    if (!told && !STORABLE.has(response.status)) return false;
    // What is neither fresh nor can be asked about is of no use.
    const useful = told || response.headers.has('etag') || response.headers.has('last-modified');
    return useful && response.status !== 304;
  }

  /** The key of the response that fits the request, undefined if nothing is known of its URL. */
  private variant(request: Request): string | undefined {
    const vary = this.engine.get(keyOf(request.url));
    return vary === null ? undefined : variantOf(request, vary);
  }

  private load(key: string): Stored | undefined {
    const bytes = this.engine.bytes.get(key);
    if (bytes === null) return undefined;
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    return { head: JSON.parse(decoder.decode(bytes.subarray(4, 4 + length))) as Head, body: bytes.subarray(4 + length) };
  }

  /** Stores a response as long as it is of use; false if it is of none. */
  private save(request: Request, { head, body }: Stored): boolean {
    const says = directives(headerOf(head, 'cache-control'));
    const stale = 1000 * Math.max(Number(says.get('stale-while-revalidate') ?? 0), Number(says.get('stale-if-error') ?? 0));
    const askable = headerOf(head, 'etag') !== '' || headerOf(head, 'last-modified') !== '';
    const px = Math.ceil(Math.max(0, this.lifetime(head, says) - this.age(head)) + Math.max(stale, askable ? this.keep : 0));
    if (px < 1) return false;
    const names = headerOf(head, 'vary').toLowerCase().split(',').map((name) => name.trim()).filter(Boolean).sort();
    const json = encoder.encode(JSON.stringify(head));
    const bytes = new Uint8Array(4 + json.length + body.length);
    new DataView(bytes.buffer).setUint32(0, json.length);
    bytes.set(json, 4);
    bytes.set(body, 4 + json.length);
    const known = this.engine.pttl(keyOf(request.url));
    this.engine.set(keyOf(request.url), names.join(','), { px: Math.max(px, known) });
    this.engine.set(variantOf(request, names.join(',')), bytes, { px });
    return true;
  }

  /** Milliseconds for which a response is fresh from when it was made. */
  private lifetime(head: Head, says: Directives): number {
    const age = (this.shared ? says.get('s-maxage') : undefined) ?? says.get('max-age');
    if (age !== undefined) return 1000 * Math.max(0, Number(age) || 0);
    const expires = headerOf(head, 'expires');
    if (expires === '') return 0;
    const made = Date.parse(headerOf(head, 'date')) || head.asked;
    return Math.max(0, (Date.parse(expires) || 0) - made);
  }

  private age(head: Head): number {
    return head.age + Math.max(0, this.now() - head.asked);
  }

  private now(): number {
    return this.engine.core.now();
  }

  /** A stored response, or 304 where the client has it already. */
  private answer(request: Request, stored: Stored, status: string): Response {
    const etag = headerOf(stored.head, 'etag');
    const theirs = request.headers.get('if-none-match');
    const weak = (tag: string): string => tag.trim().replace(/^W\//, '');
    const same = theirs === null ? isUnmodified(request, stored.head) : theirs.trim() === '*' || (etag !== '' && theirs.split(',').some((tag) => weak(tag) === weak(etag)));
    const headers = new Headers(stored.head.headers);
    headers.set('age', String(Math.floor(this.age(stored.head) / 1000)));
    const { head, body } = { head: { ...stored.head, headers: [...headers] as [string, string][] }, body: stored.body };
    return told(same ? new Response(null, { status: 304, headers }) : made({ head, body }), status);
  }
}

interface Stored {
  head: Head;
  body: Uint8Array;
}

function isUnmodified(request: Request, head: Head): boolean {
  const since = Date.parse(request.headers.get('if-modified-since') ?? '');
  return since >= Date.parse(headerOf(head, 'last-modified'));
}

function made({ head, body }: Stored): Response {
  const bodiless = head.status === 204 || body.length === 0;
  return new Response(bodiless ? null : (body.slice() as Uint8Array<ArrayBuffer>), { status: head.status, statusText: head.statusText, headers: head.headers });
}

function told(response: Response, status: string): Response {
  // The headers of a response of `fetch` cannot be changed.
  const copy = new Response(response.body, response);
  copy.headers.append('cache-status', `cachette; ${status}`);
  return copy;
}

function keyOf(url: string): string {
  return `http:GET ${url.split('#')[0]}`;
}

function variantOf(request: Request, vary: string): string {
  const values = vary === '' ? [] : vary.split(',').map((name) => request.headers.get(name) ?? '');
  return `${keyOf(request.url)}\n${JSON.stringify(values)}`;
}

function headerOf(head: Head, name: string): string {
  return head.headers.filter(([known]) => known === name).map(([, value]) => value).join(', ');
}

function ageOf(headers: Headers): number {
  return 1000 * Math.max(0, Number(headers.get('age') ?? 0) || 0);
}

function directives(header: string): Directives {
  const found = header.matchAll(/([\w-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,;]*)))?/g);
  return new Map([...found].map(([, name, quoted, plain]) => [name!.toLowerCase(), quoted ?? plain ?? '']));
}
