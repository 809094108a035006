// What clients give back, as RESP3: the machine reads replies, and keeps those of commands, in that form.

const encoder = new TextEncoder();

/** Collects bytes. */
class Sink {
  private readonly parts: Uint8Array[] = [];
  private length = 0;

  bytes(bytes: Uint8Array): void {
    this.parts.push(bytes);
    this.length += bytes.length;
  }

  text(text: string): void {
    this.bytes(encoder.encode(text));
  }

  take(): Uint8Array {
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

/** Replies of several commands, one after the other. */
export function encodeReplies(replies: readonly unknown[]): Uint8Array {
  const sink = new Sink();
  for (const reply of replies) encode(sink, reply);
  return sink.take();
}

function blob(sink: Sink, bytes: Uint8Array): void {
  sink.text(`$${bytes.length}\r\n`);
  sink.bytes(bytes);
  sink.text('\r\n');
}

function encode(sink: Sink, reply: unknown): void {
  if (reply === null || reply === undefined) sink.text('_\r\n');
  else if (typeof reply === 'number') sink.text(Number.isSafeInteger(reply) ? `:${reply}\r\n` : `,${double(reply)}\r\n`);
  else if (typeof reply === 'bigint') sink.text(`:${reply}\r\n`);
  else if (typeof reply === 'boolean') sink.text(reply ? '#t\r\n' : '#f\r\n');
  else if (typeof reply === 'string') blob(sink, encoder.encode(reply));
  else if (reply instanceof Uint8Array) blob(sink, reply);
  else if (reply instanceof Error) sink.text(`-${reply.message.replace(/[\r\n]+/g, ' ')}\r\n`);
  else if (reply instanceof Set) encodeList(sink, '~', [...reply]);
  else if (reply instanceof Map) encodePairs(sink, [...reply]);
  else if (Array.isArray(reply)) encodeList(sink, '*', reply);
  else encodePairs(sink, Object.entries(reply as object));
}

function encodeList(sink: Sink, mark: string, items: readonly unknown[]): void {
  sink.text(`${mark}${items.length}\r\n`);
  for (const item of items) encode(sink, item);
}

function encodePairs(sink: Sink, pairs: readonly (readonly [unknown, unknown])[]): void {
  sink.text(`%${pairs.length}\r\n`);
  for (const [key, value] of pairs) {
    encode(sink, key);
    encode(sink, value);
  }
}

function double(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  return value === Infinity ? 'inf' : value === -Infinity ? '-inf' : String(value);
}

/** Whether an error is what Redis answered, rather than that it did not: as its client says, or since Redis's begin with a word in capitals. */
export function isReplyError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (error.name === 'ReplyError' || isErrorReply(error)) return true;
  const isOfSystem = 'code' in error && /^E[A-Z]+$/.test(String(error.code));
  return !isOfSystem && /^[A-Z][A-Z0-9]+( |$)/.test(error.message);
}

/** What a script says need not begin so. Of node-redis's errors the class alone tells. */
function isErrorReply(error: object): boolean {
  for (let of = error; of !== null; of = Object.getPrototypeOf(of)) if (of.constructor.name === 'ErrorReply') return true;
  return false;
}

/** The words of a server that lets nobody in, if that is what the error says. */
export function refusalOf(error: unknown): string | undefined {
  const words = error instanceof Error ? error.message : '';
  return /^(NOAUTH|WRONGPASS|NOPERM)\b/.test(words) ? words : undefined;
}
