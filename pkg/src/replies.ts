// Replies that come over a wire in pieces: where each ends, and its value.

import { ReplyReader, type Reply } from './resp.js';

const LF = 10;
const decoder = new TextDecoder();

export class Replies {
  private bytes: Uint8Array = new Uint8Array(0);

  /** Takes what arrived; gives what is whole now. Strings come as bytes. A push says so by `push`. */
  add(more: Uint8Array): { reply: Reply; push: boolean }[] {
    this.bytes = this.bytes.length === 0 ? more : joined(this.bytes, more);
    const whole = [];
    let at = 0;
    for (let end = replyEnd(this.bytes, at); end > 0; end = replyEnd(this.bytes, at)) {
      const push = this.bytes[at] === 62; // >
      // Read as the list that it is.
      const reply = push ? pushed(this.bytes, at, end) : new ReplyReader(this.bytes, at, end, true).next('');
      whole.push({ reply, push });
      at = end;
    }
    this.bytes = this.bytes.slice(at);
    return whole;
  }
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

function pushed(bytes: Uint8Array, at: number, end: number): Reply {
  let message: Reply = null;
  new ReplyReader(bytes, at, end, true).pushes((words) => (message = words));
  return message;
}

/** Where the reply at `at` ends, or -1 while it is not whole. */
function replyEnd(bytes: Uint8Array, at: number): number {
  // How many values are still to come.
  for (let left = 1; left > 0; left--) {
    const line = bytes.indexOf(LF, at);
    if (line < 0) return -1;
    const kind = String.fromCharCode(bytes[at]!);
    const count = '$=*~>%|'.includes(kind) ? Number(decoder.decode(bytes.subarray(at + 1, line - 1))) : 0;
    at = line + 1;
    if (kind === '$' || kind === '=') at += count < 0 ? 0 : count + 2;
    else if (kind === '%' || kind === '|') left += count * 2;
    else left += Math.max(count, 0);
    if (at > bytes.length) return -1;
  }
  return at;
}
