// Text between JavaScript and linear memory, by the way that is quickest in this runtime.
//
// Measured (ns for 16 / 100 characters): String.fromCharCode with exactly as many arguments 20-28 / -, Node's latin1Slice 51 / 55,
// TextDecoder in Node 88 / 93 and in Chromium 350-400, encodeInto in Node 43 / 50 and in Chromium 290. What the host's functions of strings make of
// whole calls, `cargo xtask bench js node24 chromium` shows.

/** Node's Buffer, where there is one (Node, Bun, Deno with its Node layer): its own methods are quicker than the standard ones. */
interface NodeBuffer extends Uint8Array {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  utf8Write(text: string, at: number, length: number): number;
}

interface Host {
  Buffer?: { from(memory: ArrayBuffer): unknown; prototype: Partial<NodeBuffer> };
  process?: { versions?: { node?: string; bun?: string } };
}

const host = globalThis as unknown as Host;
const methods = host.Buffer?.prototype;
const NodeBuffer = methods?.latin1Slice && methods.utf8Slice && methods.utf8Write ? host.Buffer : undefined;

/** The host's functions of strings for one linear memory: see strings.ts. Only for texts of `SHORTEST` to `LONGEST` characters; others would trap. */
export interface Strings {
  /** The text of `length` bytes at `at`, or null where they are not ASCII. */
  take(at: number, length: number): string | null;
  /** Writes a text at `at`; its bytes, or -1 where it is not ASCII, and what lies there is changed all the same. */
  put(text: string, at: number): number;
}

/** Below, calling them costs more than a look at each character. */
export const SHORTEST = 8;
/** As many as strings.wat has room for. Longer text is for the host's encoder and decoder, which take little more for it. */
export const LONGEST = 256;

/** Views of an instance's linear memory with the extra methods, or undefined where the host has none. */
export function bufferView(memory: ArrayBuffer): NodeBuffer | undefined {
  return NodeBuffer?.from(memory) as NodeBuffer | undefined;
}

export type { NodeBuffer };

const nodeVersion = parseInt(host.process?.versions?.node ?? '0', 10);

/** Whether functions of strings are asked for. Not in Node before 24, which has none, and not in Bun, where Buffer's methods do as well. */
export const MAY_HAVE_STRINGS = host.process?.versions?.bun === undefined && (nodeVersion === 0 || nodeVersion >= 24);

/** Whether Buffer's utf8Write is the quickest way for text of some length: from Node 22 on it skips the C++ call (25 against 43 ns). */
export const QUICK_WRITE = NodeBuffer !== undefined && nodeVersion >= 22;

/** Up to how many characters a loop of our own beats the host's encoder. */
export const WORDWISE = NodeBuffer === undefined ? 128 : QUICK_WRITE ? 16 : 20;

/** Up to how many characters another way than the host's encoder is tried: the loop, or the host's functions of strings. */
export const SHORT = MAY_HAVE_STRINGS ? LONGEST : WORDWISE;

// A byte order mark is text like any other.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Text of `length` bytes of UTF-8 at `at`. What is no UTF-8 becomes U+FFFD: ask for bytes where values are binary. */
export function decodeText(memory: Uint8Array, at: number, length: number, strings?: Strings): string {
  const quick = strings !== undefined && length > 16 && length <= TAKEN ? strings.take(at, length) : null;
  if (quick !== null) return quick;
  if (length > OWN) return decodeUtf8(memory, at, length);
  let ascii = 0;
  for (let i = 0; i < length; i++) ascii |= memory[at + i]!;
  return ascii < 128 ? decodeShortAscii(memory, at, length) : decodeUtf8(memory, at, length);
}

/** Up to how many bytes the host's functions of strings make text quicker than its decoder. */
const TAKEN = NodeBuffer === undefined ? LONGEST : 32;

/** Up to how many bytes a look at each of them, and a call with each of them, beat the host's decoder. */
const OWN = NodeBuffer === undefined ? 64 : 32;

function decodeUtf8(memory: Uint8Array, at: number, length: number): string {
  // Node's method takes any Uint8Array, and spares the making of a view.
  return methods !== undefined && NodeBuffer !== undefined ? methods.utf8Slice!.call(memory as NodeBuffer, at, at + length) : utf8.decode(memory.subarray(at, at + length));
}

/** Text of `length` ASCII bytes, quick for short ones. */
export function decodeShortAscii(m: Uint8Array, p: number, length: number): string {
  const chars = String.fromCharCode;
  let head = '';
  while (length >= 16) {
    const chunk = chars(
      m[p]!, m[p + 1]!, m[p + 2]!, m[p + 3]!, m[p + 4]!, m[p + 5]!, m[p + 6]!, m[p + 7]!,
      m[p + 8]!, m[p + 9]!, m[p + 10]!, m[p + 11]!, m[p + 12]!, m[p + 13]!, m[p + 14]!, m[p + 15]!,
    );
    length -= 16;
    if (length === 0) return head + chunk;
    head += chunk;
    p += 16;
  }
  // With as many arguments as there are characters, one call makes the whole string.
  switch (length) {
    case 0: return head;
    case 1: return head + chars(m[p]!);
    case 2: return head + chars(m[p]!, m[p + 1]!);
    case 3: return head + chars(m[p]!, m[p + 1]!, m[p + 2]!);
    case 4: return head + chars(m[p]!, m[p + 1]!, m[p + 2]!, m[p + 3]!);
    case 5: return head + chars(m[p]!, m[p + 1]!, m[p + 2]!, m[p + 3]!, m[p + 4]!);
    case 6: return head + chars(m[p]!, m[p + 1]!, m[p + 2]!, m[p + 3]!, m[p + 4]!, m[p + 5]!);
    case 7: return head + chars(m[p]!, m[p + 1]!, m[p + 2]!, m[p + 3]!, m[p + 4]!, m[p + 5]!, m[p + 6]!);
    case 8: return head + chars(m[p]!, m[p + 1]!, m[p + 2]!, m[p + 3]!, m[p + 4]!, m[p + 5]!, m[p + 6]!, m[p + 7]!);
    default: {
      const eight = head + chars(m[p]!, m[p + 1]!, m[p + 2]!, m[p + 3]!, m[p + 4]!, m[p + 5]!, m[p + 6]!, m[p + 7]!);
      return decodeTail(eight, m, p + 8, length - 8);
    }
  }
}

function decodeTail(head: string, m: Uint8Array, p: number, length: number): string {
  for (let i = 0; i < length; i++) head += String.fromCharCode(m[p + i]!);
  return head;
}
