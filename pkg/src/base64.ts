// WebAssembly modules carried as text.

/** The host's own decoders: the standard's, which only newer hosts have, and Node's. */
interface Host {
  Uint8Array: { fromBase64?: (base64: string) => Uint8Array<ArrayBuffer> };
  Buffer?: { from(base64: string, encoding: 'base64'): Uint8Array<ArrayBuffer> };
}

/** The bytes of a module. A loop comes last: it runs but once, so it is interpreted. */
export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const { Uint8Array: Bytes, Buffer } = globalThis as unknown as Host;
  if (Bytes.fromBase64 !== undefined) return Bytes.fromBase64(base64);
  if (Buffer !== undefined) return Buffer.from(base64, 'base64');
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Compiles at once; a few milliseconds. */
export function compileText(base64: string): WebAssembly.Module {
  return new WebAssembly.Module(bytesOf(base64));
}
