// WebAssembly modules carried as text.

/** The bytes of a module. */
export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Compiles at once; a few milliseconds. */
export function compileText(base64: string): WebAssembly.Module {
  return new WebAssembly.Module(bytesOf(base64));
}
