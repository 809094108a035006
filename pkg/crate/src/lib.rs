//! The binding: what the npm package calls. It decides nothing about commands.
//!
//! ```text
//! raw     exports over plain numbers and one fixed area of linear memory: the door, the clock, and the hot lanes
//! area    that area: a header, a key, a field, a value
//! object  JavaScript objects to bytes and back (serde-wasm-bindgen, MessagePack)
//! ```
//!
//! One instance holds one cache. JavaScript is never called while the cache is borrowed, so no export is ever entered twice.

mod area;
mod object;
mod placeholder;
mod raw;
