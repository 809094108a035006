//! `cargo xtask matrix`: the packed npm package in every runtime and bundler. The cells are declared in pkg/test/matrix/cells.js.

use crate::{browser, generate, npm, package, process, workspace, www};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs the cells whose names begin with one of `cells`, or all; prints a line each. `save` writes the outcome, and the READMEs' tables from it.
pub fn run(cells: &[String], tarball: Option<PathBuf>, save: bool) -> Result<()> {
    let tarball = match tarball {
        Some(tarball) => std::path::absolute(tarball)?,
        None => package::pack()?,
    };
    export_scenarios()?;
    let mut node = process::command("node", &folder());
    prepare(&mut node, &tarball)?;
    let wants = |name: &str| cells.is_empty() || cells.iter().any(|cell| cell.contains(name) || name.starts_with(cell.as_str()));
    for (variable, program, wanted) in [
        ("FIREFOX", browser::firefox as fn() -> Result<PathBuf>, "firefox"),
        ("WEBKIT_DRIVER", browser::webkit_driver, "webkit"),
        ("XVFB", browser::xvfb, "webkit"),
    ] {
        if wants(wanted) || wants("console") {
            node.env(variable, program()?);
        }
    }
    if wants("console") {
        www::build(&tarball)?;
        node.env("CONSOLE", www::folder().join("dist"));
    }
    node.arg("run.js").args(save.then_some("--save")).args(cells);
    let all_passed = node.status()?.success();
    if save {
        generate::run(false)?;
    }
    if !all_passed {
        bail!("not every cell passed");
    }
    Ok(())
}

/// What cells of any kind need: the runtimes of the lock file, Chromium, the tarball.
pub fn prepare(node: &mut Command, tarball: &Path) -> Result<()> {
    npm::ensure(&folder())?;
    node.env("CACHETTE_TARBALL", tarball).env("CHROMIUM", browser::chromium()?);
    Ok(())
}

/// The scenarios as JSON: target/scenarios.json.
pub fn export_scenarios() -> Result<()> {
    process::run(process::cargo().args(["test", "--quiet", "--package", "cachette", "--test", "scenarios", "export"]))
}

pub fn folder() -> PathBuf {
    workspace::pkg().join("test/matrix")
}
