// Modules that are fetched, as a page does it.

/**
 * Fetches and compiles a file; where that fails (a bundler that does not copy it, a strange MIME type, no network) the bytes of its text form are
 * compiled in its place.
 */
export async function fetched(url: URL, inText: () => Promise<Uint8Array<ArrayBuffer>>): Promise<WebAssembly.Module> {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${response.status} for ${response.url}`);
    const streams = response.headers.get('content-type')?.startsWith('application/wasm');
    return await (streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer()));
  } catch {
    return WebAssembly.compile(await inText());
  }
}
