//! npm: the tools in a folder's lock file, installed when they are not.

use crate::process;
use crate::steps::timed;
use anyhow::{Context, Result, bail};
use std::path::Path;

const OLDEST_NODE: u32 = 20;

/// Installs the packages of `folder`'s lock, unless what is installed is of that lock.
pub fn ensure(folder: &Path) -> Result<()> {
    check_node()?;
    let lock = folder.join("package-lock.json");
    let wanted = std::fs::read(&lock).with_context(|| format!("{} is missing", lock.display()))?;
    // Ours, not npm's own `.package-lock.json`: written only after an install that ended well.
    let stamp = folder.join("node_modules/.installed-from-lock");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    timed(&format!("npm ci in {}", folder.display()), || {
        process::output(process::command("npm", folder).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))
    })?;
    std::fs::write(&stamp, wanted)?;
    Ok(())
}

fn check_node() -> Result<()> {
    let version = process::output(process::command("node", &crate::workspace::root()).arg("--version"))?;
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major >= OLDEST_NODE => Ok(()),
        _ => bail!("Node {} is too old; Node {OLDEST_NODE} or newer is needed", version.trim()),
    }
}
