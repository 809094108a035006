// The door: commands in as RESP, replies out. Any number of commands cross at once.

import { ReplyError } from './errors.js';
import type { Instance } from './instance.js';
import { nameOf, ReplyReader, upperBound, writeCommand, type Arg, type Reply } from './resp.js';

/** Runs commands in order, in one crossing; returns their replies, refusals among them as `ReplyError`. Does not read the clock. */
export function exchange(core: Instance, commands: readonly (readonly Arg[])[], asBytes: boolean): Reply[] {
  const replies = new Array<Reply>(commands.length);
  if (commands.length === 0) return replies;
  const bytes = write(core, commands);
  const at = core.raw.execute(bytes) >>> 0;
  if (core.u32.length === 0) core.look();
  const reader = new ReplyReader(core.u8, at, at + core.u32[core.header]!, asBytes, core.strings);
  for (let i = 0; i < commands.length; i++) {
    const name = commands[i]![0]!;
    replies[i] = reader.done ? new ReplyError('ERR Protocol error', nameOf(name)) : reader.next(name);
  }
  core.raw.forget();
  return replies;
}

/** As {@link exchange}, with the replies as they are, in RESP3. */
export function answers(core: Instance, commands: readonly (readonly Arg[])[]): Uint8Array {
  const at = core.raw.execute(write(core, commands)) >>> 0;
  if (core.u32.length === 0) core.look();
  const replies = core.u8.slice(at, at + core.u32[core.header]!);
  core.raw.forget();
  return replies;
}

/** Runs a command in a session of its own. Returns the session's number and what it answered, which is nothing while it waits. */
export function converse(core: Instance, command: readonly Arg[], asBytes: boolean): [session: number, reader: ReplyReader] {
  const session = core.raw.converse(write(core, [command]));
  return [session, given(core, asBytes)];
}

/** What a session was given, where the header says. */
export function given(core: Instance, asBytes: boolean): ReplyReader {
  if (core.u32.length === 0) core.look();
  const { header, u8, u32, strings } = core;
  const at = u32[header + 2]!;
  return new ReplyReader(u8, at, at + u32[header]!, asBytes, strings);
}

/** Writes commands to the input; returns their bytes. */
function write(core: Instance, commands: readonly (readonly Arg[])[]): number {
  let bytes = 0;
  for (let i = 0; i < commands.length; i++) bytes += upperBound(commands[i]!);
  const start = bytes < 2 ** 32 ? core.raw.input(bytes) >>> 0 : 0;
  if (start === 0) throw new ReplyError('OOM the command is too large for the memory that is left', nameOf(commands[0]![0]!));
  if (core.u32.length === 0) core.look();
  let end = start;
  for (let i = 0; i < commands.length; i++) end = writeCommand(core.u8, end, commands[i]!, core.strings);
  return end - start;
}
