//! The binding: what the npm package calls. It decides nothing about commands.
//!
//! ```text
//! raw     exports over plain numbers: the door, the clock, events, and the hot lanes
//! area    the stretch of linear memory through which the hot lanes' keys and values pass
//! cache   the engine and the one session that JavaScript speaks through
//! object  JavaScript objects to bytes and back (serde-wasm-bindgen, MessagePack)
//! ```
//!
//! One instance holds one cache. JavaScript is never called while the cache is borrowed, so no export is ever entered twice.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod area;
mod cache;
mod object;
mod raw;
#[cfg(all(test, target_arch = "wasm32"))]
mod tests;
