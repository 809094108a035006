//! `cargo xtask gen`: files, and marked parts of files, derived from the command rows and from saved results.

mod clients;
mod compatibility;
mod runtimes;
mod speed;
mod typescript;

use crate::workspace;
use anyhow::{Result, bail};
pub use compatibility::Differences;
use std::path::PathBuf;

/// Writes each generated file; with `check`, fails where one is not as it would be written.
pub fn run(check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for (path, text) in files()? {
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        if old == text {
            continue;
        }
        if check {
            stale.push(path.display().to_string());
        } else {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(&path, text)?;
            eprintln!("   ✓ wrote {}", path.display());
        }
    }
    if !stale.is_empty() {
        bail!("not as it would be written: {}; run `cargo xtask gen` and commit", stale.join(", "));
    }
    Ok(())
}

fn files() -> Result<Vec<(PathBuf, String)>> {
    Ok(vec![
        (workspace::pkg().join("src/generated/commands.ts"), typescript::commands()),
        (workspace::pkg().join("src/generated/docs.ts"), typescript::docs()),
        (workspace::root().join("COMPATIBILITY.md"), compatibility::page()?),
        runtimes::readme()?,
        runtimes::package_readme()?,
    ])
}
