/** wasm-bindgen's glue for one instance of `tier`; written by the build (see xtask/src/glue.rs). */
export function glue(): WebAssembly.ModuleImports & { __wbg_set_wasm(exports: WebAssembly.Exports): void };
