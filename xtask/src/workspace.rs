//! Where things lie.

use std::path::{Path, PathBuf};

/// The repository's root folder.
pub fn root() -> PathBuf {
    // Set anew by every `cargo run`, so that a moved checkout is found; the value at compile time serves a directly started binary.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let manifest = manifest.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// The npm package's folder.
pub fn pkg() -> PathBuf {
    root().join("pkg")
}

/// Cargo's target folder, which is where this program lies: `<target>/debug/xtask`.
pub fn target() -> PathBuf {
    let own = std::env::current_exe().ok();
    let found = own.as_deref().and_then(|exe| exe.ancestors().nth(2)).map(Path::to_path_buf);
    found.unwrap_or_else(|| root().join("target"))
}
