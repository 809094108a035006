//! cachette: a Redis-compatible in-memory cache and data-structure engine.
//!
//! A tour of the source, from the inside out:
//!
//! 1. [`value`]: the data structures.
//! 2. [`keyspace`]: names, deadlines, memory. [`rdb`]: values as Redis's bytes.
//! 3. [`command`]: one file per family; [`command::args`] is the grammar they are declared in. What looks after a server and its clients is built with the
//!    feature `admin` (on by default).
//! 4. [`engine`]: the door. [`session`]: a conversation. [`resp`]: the protocol.
//! 5. [`acl`]: users and what they may do.
//! 6. [`config`]: the parameters, declared in [`config::table`]. [`host`]: what the engine asks of a shell. [`stats`]: what INFO counts.
//! 7. [`tracking`], [`slowlog`], [`latency`]: what clients may have watched for them. [`effects`]: what replicas read.
//! 8. `tier` (feature `tier-core`): a first level before Redis.
#![no_std]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
extern crate alloc;

#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod acl;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod blocking;
#[cfg(feature = "std")]
pub mod cache;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod call;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod command;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod config;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod effects;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod engine;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod error;
pub mod event;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod glob;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod host;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod keyspace;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod latency;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod number;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod pubsub;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod rdb;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod resp;
pub mod rng;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod session;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod slowlog;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod snapshot;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod stats;
#[cfg(feature = "tier-core")]
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod tier;
pub mod time;
#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod tracking;
pub mod value;

#[cfg(feature = "std")]
pub use cache::{Builder, Cache, CacheStats, Clock, Remaining, SetOptions, SystemClock};
pub use error::{ProtocolError, ReplyError};
pub use event::Event;
pub use keyspace::{Class, ValueRef, ValueType};
pub use resp::read::Value;

/// The README's Rust, run as a test.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
mod readme {}
