/** The wasm module `full` as base64 text; written by the build. */
export const wasmBase64: string;
