//! What comes out of the machine: what the shell is to do, and what callers are told.

use crate::time::Millis;
use alloc::vec::Vec;

/// The shell's name for a caller's request.
pub type RequestId = u64;
/// The machine's name for a batch of commands on its way.
pub type CallId = u64;
/// A Redis that keys are routed to.
pub type NodeId = u16;
/// A command: its words.
pub type Words = Vec<Vec<u8>>;

/// What the shell is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Open a connection; to be answered by `connected` or `connect_failed`.
    Connect { node: NodeId },
    /// Close the node's connection, or give up opening it. Nothing of it is wanted any more.
    Disconnect { node: NodeId },
    /// Send commands, after all that was sent before; to be answered by `replied` or `lost`.
    Send { node: NodeId, call: CallId, commands: Vec<Words> },
    /// Tell a caller.
    Answer { request: RequestId, answer: Answer },
    /// Run the factory that came with a request; to be answered by `made`.
    Make { request: RequestId },
    /// The factory that came with a request will not be asked for (any more).
    Forget { request: RequestId },
    /// Run a command on an engine of this process in the node's place; to be answered by `ran`.
    Run { request: RequestId, node: NodeId, command: Words },
    /// The node is back: what that engine holds is worth nothing any more.
    ForgetRun { node: NodeId },
    /// Keep these bytes after those that were to be kept before: see `restore`.
    Log(Vec<u8>),
    /// Nothing waits for Redis: what was kept is worth nothing any more.
    EndLog,
    /// Tell whoever listens.
    Tell(Notice),
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    L1,
    L2,
    Factory,
    /// Nowhere: Redis could not be asked.
    Fallback,
}

/// Who has a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Redis acknowledged it.
    L2,
    /// The journal has it: lost if this process ends before Redis is back.
    Journaled,
    /// L1 alone has it: it goes with this process, or before.
    Local,
}

/// What is known of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    pub source: Source,
    /// It may be older than what Redis holds.
    pub stale: bool,
    /// Milliseconds since it was written, where that is known, or else since it came here.
    pub age: Millis,
    pub durability: Durability,
}

impl Meta {
    pub(super) const fn of(source: Source) -> Self {
        Self { source, stale: false, age: 0, durability: Durability::L2 }
    }
}

/// What a caller is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A value, or none.
    Value {
        value: Option<Vec<u8>>,
        meta: Meta,
    },
    /// A write; `count` is what it was done to, where that is known.
    Written {
        durability: Durability,
        count: u64,
    },
    /// A command's reply, in RESP3.
    Reply {
        reply: Vec<u8>,
        meta: Meta,
    },
    Failed(Failure),
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Redis cannot be reached, and the rule for the key says that this is an error.
    Down,
    /// The write was sent and no answer came: it may have been done, or not.
    UnknownOutcome,
    /// The journal is full.
    JournalFull,
    /// Redis refuses this client (`NOAUTH`, `WRONGPASS`, `NOPERM`): its words. Nothing falls back, so that it is noticed.
    Configuration(Vec<u8>),
    /// Redis's answer was an error: its words.
    Reply(Vec<u8>),
    /// The factory failed: what it said.
    Factory(Vec<u8>),
    /// The factory took too long.
    FactoryTimeout,
    /// A command that means something for its connection, which is shared here.
    NotShared,
}

/// State of a node, see [`state`](super::state).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Up,
    Slow,
    Down,
    Probing,
    Recovering,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Slow => "slow",
            Self::Down => "down",
            Self::Probing => "probing",
            Self::Recovering => "recovering",
        }
    }

    /// Whether users' requests are sent.
    pub fn is_online(self) -> bool {
        matches!(self, Self::Up | Self::Slow | Self::Recovering)
    }
}

/// Why a journaled write did not reach Redis as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// The journal was full.
    Overflow,
    /// It had expired by then.
    Expired,
    /// Redis had, or may have had, a newer value; the key was invalidated, or left to the newer value.
    Conflict,
    /// Redis answered with an error.
    Refused,
}

impl Dropped {
    pub fn name(self) -> &'static str {
        match self {
            Self::Overflow => "overflow",
            Self::Expired => "expired",
            Self::Conflict => "conflict",
            Self::Refused => "refused",
        }
    }
}

/// A fact for logs, counters and listeners: one a transition, never one a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    State {
        node: NodeId,
        from: State,
        to: State,
    },
    TrackingLost {
        node: NodeId,
    },
    TrackingRestored {
        node: NodeId,
    },
    /// Redis knows no tracking: L1 entries are fresh for `l1_max_ttl` only.
    TrackingUnsupported {
        node: NodeId,
    },
    /// A journaled write is in Redis.
    Replayed {
        key: Vec<u8>,
    },
    JournalDropped {
        key: Vec<u8>,
        reason: Dropped,
    },
    Configuration {
        node: NodeId,
        words: Vec<u8>,
    },
}
