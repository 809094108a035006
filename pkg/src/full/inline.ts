// `cachette/full` where bytes may be compiled: Node, Deno, Bun.
import { compileText } from '../base64.js';
import { wasmBase64 } from '../full.base64.js';

let module: WebAssembly.Module | undefined;

/**
 * The complete engine, for the option `engine`: beside what every cache has, the commands that look after a server and its clients (ACL, CLIENT, COMMAND,
 * DEBUG, LATENCY, MONITOR, SLOWLOG, SYNC …), and what a standalone server says to those of clusters and scripts. Compiled once, when first used.
 */
export function full(): object | Promise<object> {
  return (module ??= compileText(wasmBase64));
}
