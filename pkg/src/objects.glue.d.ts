/** wasm-bindgen's glue for one instance of `objects`; written by the build (see xtask/src/glue.rs). */
export function glue(): WebAssembly.ModuleImports & {
  __wbg_set_wasm(exports: WebAssembly.Exports): void;
  encodeObject(value: unknown): Uint8Array;
  decodeObject(bytes: Uint8Array): unknown;
};
