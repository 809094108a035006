// Modules that are fetched, as a page does it. A file of its own in the package (bundle.js), as bundlers for the edge refuse what compiles bytes; Next's also puts
// each call of `compile` into a function of its own, so nothing is awaited within one.

/**
 * Fetches and compiles a file; where that fails (a bundler that does not copy it, a strange MIME type, no network) the bytes of its text form are
 * compiled in its place.
 */
export async function fetched(url: URL, inText: () => Promise<Uint8Array<ArrayBuffer>>): Promise<WebAssembly.Module> {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${response.status} for ${response.url}`);
    if (response.headers.get('content-type')?.startsWith('application/wasm')) return await WebAssembly.compileStreaming(response);
    const bytes = await response.arrayBuffer();
    return await WebAssembly.compile(bytes);
  } catch {
    const bytes = await inText();
    return WebAssembly.compile(bytes);
  }
}
