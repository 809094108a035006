// The door: commands in as RESP, replies out. Any number of commands cross at once.

import { ReplyError } from './errors.js';
import type { Instance } from './instance.js';
import { argBytes, ReplyReader, upperBound, writeCommand, type Arg, type Reply } from './resp.js';

/** Runs commands in order, in one crossing; returns their replies, refusals among them as `ReplyError`. Does not read the clock. */
export function exchange(core: Instance, commands: readonly (readonly Arg[])[], asBytes: boolean, onPush: (message: Reply[]) => void = () => {}): Reply[] {
  if (commands.length === 0) return [];
  const names: string[] = [];
  const words: (string | Uint8Array)[][] = [];
  let bytes = 0;
  for (const args of commands) {
    const name = String(args[0]).toUpperCase();
    const parts = args.map((arg, index) => argBytes(arg, name, index));
    names.push(name);
    words.push(parts);
    bytes += upperBound(parts);
  }
  const { raw } = core;
  const start = bytes < 2 ** 32 ? raw.input(bytes) >>> 0 : 0;
  if (start === 0) throw new ReplyError('OOM the command is too large for the memory that is left', names[0]!);
  if (core.u32.length === 0) core.look();
  let end = start;
  for (const parts of words) end = writeCommand(core.u8, end, parts);
  const at = raw.execute(end - start) >>> 0;
  if (core.u32.length === 0) core.look();
  const length = core.u32[core.header]!;
  const reader = new ReplyReader(core.u8, at, at + length, asBytes, onPush);
  const replies = names.map((name) => (reader.done ? new ReplyError('ERR Protocol error', name) : reader.next(name)));
  reader.pushes();
  raw.forget();
  return replies;
}
