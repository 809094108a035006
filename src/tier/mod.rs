//! The tier: this engine as a first level (L1) before Redis or Valkey (L2), and in its place while it is away.
//!
//! [`Machine`] is the policy, once: states, breaker, epochs, the fill rule, journal, replay, single flight. It does no I/O; [`shell`] (feature `tier`)
//! drives it in Rust, the npm package's `cachette/tier` in JavaScript, and `tests/tier_simulation` under seeded schedules of trouble. In reading order:
//! [`state`], `tracking`, `l1`, `flight`, `read`, `make`, `early`, `lease`, `write`, `retry`, `journal`, `log`, `replay`, `clear`, `command`, `here`.
//!
//! # What is promised
//!
//! | | promise | shown by |
//! |---|---|---|
//! | I1 | no value is given out that nobody wrote | `tier_simulation` |
//! | I2 | what was removed, cleared or replaced is not given out once that was told; after an outage nothing from before it is, unless said to be stale | `tier_simulation`; chaos: stale reads |
//! | I3 | no value is given out past its time to live (grace is opt-in, and said) | `tier_simulation` |
//! | I4 | who writes through a tier reads that, or what came after it | `tier_simulation` |
//! | I5 | at rest L1 holds nothing that Redis does not | `tier_simulation` |
//! | I6 | the journal stays within its bounds | `tier_simulation`, `tests/tier.rs` |
//! | I7 | no call waits longer than the hard timeout (a factory takes its own time) | `tier_simulation`; chaos: latency while down |
//! | I8 | one factory a key runs at a time in a process; with [`Options::lease`] in all of them, while leases hold | `tier_simulation`, `cargo xtask bench tier`; `benches/tier` |
//! | | a write that was acknowledged is in Redis, or its loss is said | chaos: lost writes |
//! | | down is noticed within 1 s (refused) and 3 s (silent); up again within 2 s | chaos |
//!
//! # What can be lost, and who says so
//!
//! | event | what is lost | told by |
//! |---|---|---|
//! | Redis acknowledged it and loses it itself | what Redis loses | nobody here; L1 forgets it too |
//! | a write was on its way when the connection broke | not known; with [`Options::retry_unknown`] it is done again if it may be | [`Failure::UnknownOutcome`] |
//! | this process ends while the journal holds writes | those; with a journal in a file nothing, and what was acknowledged in the last second if the machine ends too | the acknowledgement said [`Durability::Journaled`] |
//! | the journal is full, a journaled write expired, or gave way to what Redis has | that write | [`Notice::JournalDropped`], a counter |
//! | a write under [`OnDown::Local`] | it, at the end of the process or before | the acknowledgement said [`Durability::Local`] |
//!
//! By default ([`Conflict::Invalidate`]) a value that was set while Redis was away is **not** put there afterwards: the key is removed from Redis, because
//! the value may be older than what others wrote, and that is told as a conflict. [`Conflict::Overwrite`] sets it; an envelope lets the newer one win.
//!
//! # What is not promised
//!
//! Nothing across processes beyond Redis and the delay of word of a change. Where Redis tells no changes (`tracking` off, or a client that cannot), L1 is up to
//! [`Options::l1_max_ttl`] behind, 5 s by default. What an abandoned connection still carried may reach Redis late, as with any client; that was told as an
//! unknown outcome, and is never repeated by the tier, unless [`Options::retry_unknown`] asks for it: then the first sending may still land after the second,
//! and after what came then. The journal keeps the order of each key's writes, and none across keys without [`Options::ordered`]. Where a
//! cluster moves a slot, a command of the caller's own that is sent on may come after one that was called later. Tags are compared by the wall clocks of those who write.

mod action;
mod breaker;
mod clear;
mod command;
mod early;
pub mod envelope;
mod flight;
mod here;
mod journal;
mod l1;
mod lease;
mod log;
mod machine;
mod make;
mod options;
mod read;
mod replay;
mod retry;
pub mod route;
#[cfg(feature = "tier")]
pub mod shell;
pub mod state;
mod tracking;
mod write;

pub use action::{Action, Answer, CallId, Dropped, Durability, Failure, Meta, NodeId, Notice, RequestId, Source, State, Words};
pub use command::{Facts, encode};
pub use lease::RELEASE;
pub use machine::{Counters, Machine};
pub use make::Made;
pub use options::{Conflict, Keep, OnDown, Options, Overflow, Rule};
#[cfg(feature = "tier")]
pub use shell::{Found, Namespace, OpenError, Tier, TierError};

/// Rules that can be broken on purpose: a checker that does not notice is none.
#[cfg(feature = "tier-faults")]
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Replies are kept although the key changed while they were on their way.
    FillsSpoilt,
    /// A lost connection does not begin a new epoch.
    KeepsEpoch,
    /// Removals while Redis is down are not journaled.
    ForgetsRemovals,
    /// An ordered journal is replayed newest first.
    ReplaysBackwards,
    /// A write is sent again although its key was written since.
    RetriesOverOthers,
}
