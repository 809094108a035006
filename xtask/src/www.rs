//! The console page: built on the packed npm package as any consumer would, served on this machine, tested in Chromium.

use crate::{npm, package, process, workspace};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `cargo xtask www`: builds the page and serves it until it is stopped.
pub fn serve(port: u16) -> Result<()> {
    build(&package::pack()?)?;
    println!("http://127.0.0.1:{port}/");
    process::run(vite().args(["preview", "--host", "127.0.0.1", "--strictPort", "--port", &port.to_string()]))
}

/// Type-checks the page against the package in `tarball` and writes it to `www/dist`.
pub fn build(tarball: &Path) -> Result<()> {
    npm::ensure(&folder())?;
    install(tarball)?;
    process::run(process::command("node", &folder()).arg("node_modules/typescript/bin/tsc").args(["-p", "tsconfig.json"]))?;
    process::run(vite().args(["build", "--logLevel", "warn"]))
}

/// The tests of the built page.
pub fn tests() -> Command {
    let mut node = process::command("node", &folder());
    node.args(["--test", "--test-reporter=spec", "test/console.test.js"]);
    node
}

/// Puts the package beside the page's tools. It brings no dependency, so unpacking it is all there is to installing it; npm would take
/// one with the same version for the one that it has.
fn install(tarball: &Path) -> Result<()> {
    let place = folder().join("node_modules/cachette");
    if place.exists() {
        std::fs::remove_dir_all(&place)?;
    }
    std::fs::create_dir_all(&place)?;
    process::run(process::command("tar", &place).arg("-xzf").arg(tarball).args(["--strip-components", "1"]))
}

fn vite() -> Command {
    let mut node = process::command("node", &folder());
    node.arg("node_modules/vite/bin/vite.js");
    node
}

/// The page's folder.
pub fn folder() -> PathBuf {
    workspace::root().join("www")
}
