//! What the integration tests share: a RESP reader of their own (independent of the crate's), the reply notation of the
//! scenario files, and the servers and engines that can be put behind it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod compare;
pub mod engine;
pub mod grammar;
pub mod notation;
pub mod port;
pub mod resp;
pub mod rng;
pub mod scenario;
pub mod target;
pub mod words;
