// Knows, without reading anything twice, when a request that arrives in pieces is whole.
//
// The engine's parser begins anew with every look at an unfinished request: of a long one that comes in thousands of small pieces the cost would be the
// square of its length. So the place reached is kept here, and the engine is asked once there is something for it to do: the request is whole, or looks
// wrong (what is wrong, and how that is said, is the engine's to judge).

const CR = 13;
const LF = 10;
const BULK = 36; // $
const ARRAY = 42; // *

/** Longer headers and inline lines are refused by the engine, so it is asked. */
const LINE_LIMIT = 64 * 1024;
/** So are strings beyond the usual `proto-max-bulk-len`. */
const BULK_LIMIT = 512 * 1024 ** 2;

const PARTIAL = -1;
const WRONG = -2;

export class Frame {
  /** Where the next header begins. */
  private at = 0;
  /** Bytes behind `at` that were searched for the header's end and do not hold it. */
  private searched = 0;
  /** Strings still to come; undefined before the first header was read. */
  private left: number | undefined;

  /** Looks at what arrived since the last call: `input` begins with the unfinished request and has only grown. True: let the engine see it. */
  ready(input: Uint8Array, length: number): boolean {
    if (this.left === undefined) {
      const array = input[0] === ARRAY;
      const count = this.header(input, length, array ? CR : LF);
      if (count === PARTIAL) return false;
      if (!array || count === WRONG) return true;
      this.left = count;
    }
    while (this.left > 0) {
      if (this.at >= length) return false;
      if (input[this.at] !== BULK) return true;
      const bytes = this.header(input, length, CR);
      if (bytes === PARTIAL) return false;
      if (bytes === WRONG || bytes > BULK_LIMIT) return true;
      // This may lie beyond what has arrived: then `at` waits there.
      this.at += bytes + 2;
      this.left--;
    }
    return this.at <= length;
  }

  /** The number in the header that begins at `at`, which moves behind it once it is whole. */
  private header(input: Uint8Array, length: number, end: number): number {
    const from = this.at + this.searched;
    const found = input.subarray(0, length).indexOf(end, from);
    if (found < 0) {
      this.searched = length - this.at;
      return this.searched > LINE_LIMIT ? WRONG : PARTIAL;
    }
    // A CR is followed by one byte more.
    const after = end === CR ? 1 : 0;
    if (found + after >= length) {
      this.searched = found - this.at;
      return PARTIAL;
    }
    let number = 0;
    for (let i = this.at + 1; i < found; i++) {
      const digit = input[i]! - 48;
      if (digit < 0 || digit > 9 || number > BULK_LIMIT) return WRONG;
      number = number * 10 + digit;
    }
    this.at = found + after + 1;
    this.searched = 0;
    return number;
  }
}
