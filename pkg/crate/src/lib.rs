//! The binding: what the npm package calls. It decides nothing about commands. Built four times, by feature (see wasm-pack.toml):
//!
//! ```text
//! core     raw     exports over plain numbers: the door, the clock, events, and the hot lanes
//!          area    the stretch of linear memory through which the hot lanes' keys and values pass
//!          memory  what keeps a full memory from being the end
//!          pages   how memory grows
//!          reference  keys of values that stay in JavaScript
//!          cache   the engine and the one session that JavaScript speaks through
//! full     the same, with the commands of an administrator (`cachette/admin`)
//! objects  object  JavaScript values to bytes and back (serde-wasm-bindgen, MessagePack)
//! tier     tier    the policy of a first level before Redis
//! ```
//!
//! One instance of `core` holds one cache. JavaScript is never called while the cache is borrowed, so no export is ever entered twice.
#![cfg_attr(lean, no_std)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

// The core goes without std: its panics carry texts and places, with all the code that would print them where nothing is printed. A handler
// that only traps lets the optimiser drop them (measured: see the note in wasm-pack.toml).
extern crate alloc;

#[cfg(lean)]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(lean)]
#[global_allocator]
static ALLOCATOR: memory::Allocator = memory::Allocator;

#[cfg(any(feature = "engine", feature = "tier"))]
#[cfg_attr(not(feature = "engine"), allow(dead_code))]
mod area;
#[cfg(feature = "engine")]
mod cache;
#[cfg(any(feature = "engine", feature = "tier"))]
#[cfg_attr(not(feature = "engine"), allow(dead_code))]
mod memory;
#[cfg(feature = "objects")]
mod object;
#[cfg(any(feature = "engine", feature = "tier"))]
#[cfg_attr(not(feature = "engine"), allow(dead_code))]
mod pages;
#[cfg(feature = "engine")]
mod raw;
#[cfg(feature = "engine")]
mod reference;
#[cfg(all(test, target_arch = "wasm32", feature = "engine", feature = "objects"))]
mod tests;
// Its exports have the names of the engine's: it is never built together with it.
#[cfg(all(feature = "tier", not(feature = "engine")))]
mod tier;
