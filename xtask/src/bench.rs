//! `cargo xtask bench`.

use crate::{npm, package, process, wasm, workspace};
use anyhow::Result;

pub fn run(which: &str, args: &[String]) -> Result<()> {
    if which == "native" {
        return process::run(process::cargo().args(["bench", "--package", "cachette", "--all-features", "--"]).args(args));
    }
    if which == "hitratio" {
        return process::run(process::cargo().args(["run", "--release", "--package", "hitratio", "--"]).args(args));
    }
    package::build()?;
    let mut bare = process::cargo();
    bare.args(["build", "--release", "--target", wasm::TARGET, "--package", "bare", "--target-dir"]).arg(workspace::target());
    process::run(&mut bare)?;
    npm::ensure(&workspace::pkg().join("test"))?;
    process::run(process::command("node", &workspace::root()).args(["--expose-gc", "benches/js/main.js"]).args(args))
}
