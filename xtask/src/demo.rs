//! `cargo xtask demo`: the main job, end to end. A new part of it is one more entry in [`STEPS`].

use crate::steps::{self, Counts, Step};
use crate::{package, process, workspace};
use anyhow::{Result, bail};

const STEPS: &[Step] = &[Step { name: "npm", about: "the packed npm package answers from a folder outside the tree", run: npm }];

/// Runs the chosen steps and fails if one did.
pub fn run(chosen: &[String], list: bool) -> Result<()> {
    if list {
        return steps::list(STEPS);
    }
    let Counts { failed, .. } = steps::run(STEPS, chosen)?;
    if failed > 0 {
        bail!("{failed} of the demo's steps failed");
    }
    Ok(())
}

fn npm() -> Result<Counts> {
    let tarball = package::pack()?;
    process::run(process::command("node", &workspace::pkg()).arg("scripts/demo.js").arg(tarball))?;
    Ok(Counts::ONE)
}
