//! `cargo xtask gen`: files derived from the command rows.

use anyhow::Result;

pub fn run(_check: bool) -> Result<()> {
    Ok(())
}
