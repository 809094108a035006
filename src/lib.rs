//! cachette: a Redis-compatible in-memory cache and data-structure engine.
#![no_std]
extern crate alloc;

pub mod glob;
pub mod number;
pub mod value;
