//! Sets the ceiling of linear memory and the size of the stack; `cargo xtask build` names them from wasm-pack.toml.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CACHETTE_WASM_MAX_MEMORY");
    println!("cargo::rerun-if-env-changed=CACHETTE_WASM_STACK_SIZE");
    // `lean`: the core alone, for wasm. With objects or as a test, std is there anyhow.
    println!("cargo::rustc-check-cfg=cfg(lean)");
    let has = |feature: &str| std::env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") && (has("ENGINE") || has("TIER")) && !has("OBJECTS") {
        println!("cargo::rustc-cfg=lean");
    }
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() != Ok("wasm32") {
        return;
    }
    // Read and put back where an exception passed through (pkg/src/instance.ts, guardObject).
    println!("cargo::rustc-link-arg-cdylib=--export=__stack_pointer");
    if let Ok(bytes) = std::env::var("CACHETTE_WASM_MAX_MEMORY") {
        println!("cargo::rustc-link-arg-cdylib=--max-memory={bytes}");
    }
    if let Ok(bytes) = std::env::var("CACHETTE_WASM_STACK_SIZE") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={bytes}");
    }
}
