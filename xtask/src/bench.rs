//! `cargo xtask bench`.

use crate::{npm, package, process, workspace};
use anyhow::Result;

pub fn run(which: &str, args: &[String]) -> Result<()> {
    if which == "native" {
        return process::run(process::cargo().args(["bench", "--package", "cachette", "--all-features", "--"]).args(args));
    }
    package::build()?;
    npm::ensure(&workspace::pkg().join("test"))?;
    process::run(process::command("node", &workspace::root()).args(["--expose-gc", "benches/js/main.js"]).args(args))
}
