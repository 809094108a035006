// An engine that holds the keys of values which stay in JavaScript.

import { exchange } from './door.js';
import { ReplyError } from './errors.js';
import { Instance, type Raw } from './instance.js';
import { adopt, moduleNow } from './module.js';
import { parseBytes } from './options.js';
import type { Arg } from './resp.js';

/** The exports of pkg/crate/src/reference.rs, which says what each does. */
export interface RawReferences extends Raw {
  ref_limit(keys: number, size: number): void;
  ref_get(key: number): number;
  ref_peek(key: number): number;
  ref_set(key: number, slot: number, size: number, ttl: number): number;
  ref_delete(key: number): number;
  ref_drop(slot: number): number;
  ref_evict(): number;
  ref_key(slot: number): number;
  ref_deadline(key: number): number;
  ref_mget(count: number): number;
  ref_freed(): number;
  ref_count(): void;
  ref_clear(): void;
}

/** What limits it. */
export interface HolderOptions {
  max?: number;
  maxSize?: number;
  maxmemory?: number | string;
  policy?: string;
  seed?: bigint;
  module?: object;
}

const encoder = new TextEncoder();

/** Writes a key that does not fit into the area's room for keys. */
export function putLong(core: Instance, key: Arg): number {
  const bytes = key instanceof Uint8Array ? key : encoder.encode(String(key));
  if (bytes.length <= core.keyView.length) {
    core.keyView.set(bytes);
    return bytes.length;
  }
  const at = core.raw.input(bytes.length) >>> 0;
  if (at === 0) throw noMemory();
  if (core.u32.length === 0) core.look();
  core.u8.set(bytes, at);
  return bytes.length;
}

export function noMemory(): ReplyError {
  return new ReplyError('OOM no memory is left for one more key', 'SET');
}

/** An engine that holds keys of references, with limits. */
export function referenceInstance(options: HolderOptions, now: () => number): Instance {
  if (options.module !== undefined) adopt(options.module as WebAssembly.Module);
  const { max = 0, maxSize = 0, maxmemory, seed } = options;
  const limited = max > 0 || maxSize > 0 || maxmemory !== undefined;
  const parameters = limited ? [['CONFIG', 'SET', 'maxmemory-policy', options.policy ?? 'allkeys-s3fifo']] : [];
  if (maxmemory !== undefined) parameters.push(['CONFIG', 'SET', 'maxmemory', String(parseBytes(maxmemory))]);
  return new Instance(moduleNow('core'), now, (core) => {
    if (seed !== undefined) core.seed(seed);
    (core.raw as RawReferences).ref_limit(max, maxSize);
    const [refused] = exchange(core, parameters, false).filter((reply) => reply instanceof ReplyError);
    if (refused !== undefined) throw refused;
  });
}
