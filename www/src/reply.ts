// Replies as lines of coloured text, in the manner of redis-cli. Lines are made when they are asked for: a reply may hold a million.

import { ReplyError, type Reply } from 'cachette';
import { bare, isPlain, quote, textOrBytes } from './words.js';

export type Kind = 'integer' | 'double' | 'string' | 'status' | 'nil' | 'error' | 'boolean' | 'field' | 'mark' | 'empty';
export type Line = [kind: Kind, text: string][];

/** Commands whose scores are doubles although they may be whole: in JavaScript both are numbers. */
const DOUBLES = /^(ZSCORE|ZMSCORE|ZINCRBY|ZRANGE|ZREVRANGE|ZRANGEBYSCORE|ZREVRANGEBYSCORE|ZPOPMIN|ZPOPMAX|ZMPOP|ZRANDMEMBER|ZUNION|ZINTER|ZDIFF|GEODIST|GEOPOS)$/;
/** Replies whose pairs are no map but happen to have two items. */
const NO_MAP = /^(EXEC|GEOPOS)$/;

export function* lines(command: string, reply: Reply): Generator<Line> {
  const bulk = reply instanceof Uint8Array ? textOrBytes(reply) : undefined;
  // A text of many lines (INFO, CLIENT LIST) is shown as it is: it was made to be read.
  if (bulk !== undefined && isPlain(bulk) && bulk.includes('\n')) {
    for (const line of bulk.replace(/\r?\n$/, '').split(/\r?\n/)) yield [[line.startsWith('#') ? 'field' : 'string', line]];
    return;
  }
  yield* nested(command, reply, '');
}

function* nested(command: string, reply: Reply, indent: string): Generator<Line> {
  if (Array.isArray(reply)) {
    if (reply.length === 0) yield [['empty', '(empty array)']];
    else if (isMap(command, reply)) yield* map(command, reply as [Reply, Reply][], indent);
    else yield* list(command, reply, indent);
  } else {
    yield [scalar(command, reply)];
  }
}

function* list(command: string, items: Reply[], indent: string): Generator<Line> {
  const width = String(items.length).length;
  let lead = '';
  for (const [i, item] of items.entries()) {
    const mark = `${String(i + 1).padStart(width)}) `;
    yield* labelled([['mark', lead + mark]], nested(command, item, indent + ' '.repeat(mark.length)));
    lead = indent;
  }
}

function* map(command: string, pairs: [Reply, Reply][], indent: string): Generator<Line> {
  const width = String(pairs.length).length;
  let lead = '';
  for (const [i, [field, value]] of pairs.entries()) {
    const mark = `${String(i + 1).padStart(width)}# `;
    const label: Line = [['mark', lead + mark], ['field', scalar(command, field)[1]], ['mark', ' ⇒ ']];
    lead = indent;
    if (Array.isArray(value)) {
      yield label;
      const deeper = `${indent}${' '.repeat(mark.length)}`;
      yield* labelled([['mark', deeper]], nested(command, value, deeper));
    } else {
      yield [...label, typeof value === 'number' ? [Number.isInteger(value) ? 'integer' : 'double', number(value)] : scalar(command, value)];
    }
  }
}

function* labelled(label: Line, rest: Generator<Line>): Generator<Line> {
  let first = true;
  for (const line of rest) {
    yield first ? [...label, ...line] : line;
    first = false;
  }
}

/** Maps come as pairs of a field and its value. */
function isMap(command: string, items: Reply[]): boolean {
  return !NO_MAP.test(command) && items.every((item) => Array.isArray(item) && item.length === 2 && (item[0] instanceof Uint8Array || typeof item[0] === 'string'));
}

function scalar(command: string, reply: Reply): [Kind, string] {
  if (reply === null) return ['nil', '(nil)'];
  if (reply instanceof ReplyError) return ['error', `(error) ${reply.message}`];
  if (reply instanceof Uint8Array) return ['string', quote(textOrBytes(reply))];
  switch (typeof reply) {
    case 'boolean':
      return ['boolean', reply ? '(true)' : '(false)'];
    case 'bigint':
      return ['integer', `(integer) ${reply}`];
    case 'number':
      return Number.isInteger(reply) && !DOUBLES.test(command) ? ['integer', `(integer) ${reply}`] : ['double', `(double) ${number(reply)}`];
    case 'string':
      return ['status', bare(reply)];
    default:
      return ['string', JSON.stringify(reply)];
  }
}

function number(value: number): string {
  return Math.abs(value) === Infinity ? (value > 0 ? 'inf' : '-inf') : String(value);
}
