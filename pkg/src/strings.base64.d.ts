/** The wasm module of strings.wat as base64 text; written by the build. */
export const wasmBase64: string;
