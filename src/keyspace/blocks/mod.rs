//! The memory that entries lie in.
//!
//! An entry is freed where it lies, by whoever took it out of the table: no call needs more than the block itself.

#[cfg(not(target_family = "wasm"))]
mod paged;
#[cfg(target_family = "wasm")]
mod plain;

#[cfg(not(target_family = "wasm"))]
pub(super) use paged::Blocks;
#[cfg(target_family = "wasm")]
pub(super) use plain::Blocks;
