// Requests over HTTP, as Upstash takes them: no connection to lose, and nobody tells what changes.

import { ReplyError } from '../../errors.js';
import type { Driver, Ears, Link, Words } from '../link.js';
import { refusalOf } from '../replies.js';

/** The host's `fetch`, whose types not every program knows. */
type HostFetch = typeof globalThis extends { fetch: infer F } ? F : (input: any, init?: any) => Promise<any>;

/** A server that speaks Upstash's REST protocol. */
export interface RestLike {
  url: string;
  token?: string;
  fetch?: HostFetch;
}

/** There is no connection that could be dead without anybody knowing, and each request may cost. */
const NEVER = Number.MAX_SAFE_INTEGER;
const encoder = new TextEncoder();
// A byte order mark is text like any other; what is no text cannot be sent in JSON.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

class RestLink implements Link {
  readonly isOpen = true;
  private pending = new Set<AbortController>();

  constructor(private readonly server: RestLike) {}

  open(ears: Ears): void {
    const { pending } = this;
    const told = (tell: () => void) => this.pending === pending && tell();
    this.send([[encoder.encode('PING')]]).then(
      ([reply]) => told(() => (reply instanceof Error ? ears.refused(refusalOf(reply)) : ears.connected())),
      (error: unknown) => told(() => ears.refused(refusalOf(error))),
    );
  }

  close(): void {
    for (const request of this.pending) request.abort();
    this.pending = new Set();
  }

  async send(commands: readonly Words[]): Promise<unknown[]> {
    const body = written(commands);
    if (body === undefined) return commands.map(() => new ReplyError('ERR a REST server takes text, and this is none', 'PIPELINE'));
    const abort = new AbortController();
    const { pending } = this;
    pending.add(abort);
    try {
      const headers: Record<string, string> = { 'content-type': 'application/json', 'upstash-encoding': 'base64' };
      if (this.server.token !== undefined) headers['authorization'] = `Bearer ${this.server.token}`;
      const request = this.server.fetch ?? fetch;
      const response = await request(`${this.server.url.replace(/\/$/, '')}/pipeline`, { method: 'POST', headers, body, signal: abort.signal });
      if (response.status === 401) return commands.map(() => new ReplyError('WRONGPASS the token is not accepted', 'PIPELINE'));
      if (!response.ok) throw new Error(`the REST server answers ${response.status}`);
      const replies = (await response.json()) as { result?: unknown; error?: string }[];
      return replies.map(({ result, error }) => (error === undefined ? decoded(result) : new ReplyError(error, 'PIPELINE')));
    } finally {
      pending.delete(abort);
    }
  }
}

/** The body of a request; undefined where it is no text. */
function written(commands: readonly Words[]): string | undefined {
  try {
    return JSON.stringify(commands.map((command) => command.map((word) => decoder.decode(word))));
  } catch {
    return undefined;
  }
}

/** Strings come in base64, `OK` does not. */
function decoded(result: unknown): unknown {
  if (Array.isArray(result)) return result.map(decoded);
  if (typeof result !== 'string' || result === 'OK') return result;
  return Uint8Array.from(atob(result), (character) => character.charCodeAt(0));
}

export function rest(server: RestLike): Driver {
  return { kind: 'rest', tracking: false, channels: false, defaults: { pingEvery: NEVER, silentAfter: NEVER }, to: { way: new RestLink(server) } };
}
