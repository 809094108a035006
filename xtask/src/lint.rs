//! Format and lint.

use crate::steps::timed;
use crate::{generate, package, process, wasm};
use anyhow::Result;

/// Formats all Rust sources, or checks them.
pub fn fmt(check: bool) -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["fmt", "--all"]);
    if check {
        cargo.arg("--check");
    }
    process::run(&mut cargo)
}

/// Everything that can be said without running the code.
pub fn lint() -> Result<()> {
    timed("rustfmt", || fmt(true))?;
    timed("clippy", || {
        let deny = ["--", "--deny", "warnings"];
        process::run(
            process::cargo()
                .args(["clippy", "--workspace", "--all-targets", "--all-features", "--exclude", "cachette-wasm"])
                .args(deny),
        )?;
        wasm::ensure_target()?;
        let binding = ["clippy", "--package", "cachette-wasm", "--target", wasm::TARGET];
        process::run(process::cargo().args(binding).args(deny))?;
        process::run(process::cargo().args(binding).args(["--no-default-features", "--features", "tier"]).args(deny))
    })?;
    timed("generated files", || generate::run(true))?;
    timed("TypeScript", package::typecheck)
}
