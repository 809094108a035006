/** The wasm module `tier` as base64 text; written by the build. */
export const wasmBase64: string;
