//! What a tier is told: timeouts, bounds, and what becomes of writes while Redis is away.

use crate::time::Millis;
use alloc::vec::Vec;

/// What a write does while its node is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDown {
    /// Kept in the journal, readable at once, brought to Redis when it is back. Acknowledged as [`Durability::Journaled`](super::Durability).
    Journal,
    /// Kept in L1 alone and never replayed: for rate limits and the like. Acknowledged as [`Durability::Local`](super::Durability). Commands run on an engine
    /// in this process that is empty at the beginning of each outage.
    Local,
    /// Refused.
    Fail,
}

/// What becomes of a write that finds the journal full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The new write is refused.
    Reject,
    /// The oldest one is given up, and said to be.
    DropOldest,
}

/// What is done with a journaled value when Redis is back and may hold a newer one. Values in envelopes carry the time of their writing; there the
/// newer one wins, and this is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The key is removed from Redis: whoever wants it computes it anew.
    Invalidate,
    /// The journaled value is set.
    Overwrite,
}

/// Rules for keys that begin with a prefix.
#[derive(Clone, Debug)]
pub struct Rule {
    pub prefix: Vec<u8>,
    pub on_down: OnDown,
    /// Write-behind: acknowledged before Redis has it.
    pub behind: bool,
}

/// All of it. Times are milliseconds, sizes bytes, shares percent.
#[derive(Clone, Debug)]
pub struct Options {
    /// Redis tells on the connection of the reads what changed (`CLIENT TRACKING`). Without, L1 entries are fresh for `l1_max_ttl` only.
    pub tracking: bool,
    /// Redis tells every change of keys below these prefixes, and remembers no readers (`BCAST`): for many keys in L1. Keys that begin with none of them are
    /// fresh for `l1_max_ttl` only. Empty: it tells the changes of what was read.
    pub broadcast: Vec<Vec<u8>>,
    /// Where Redis tells no changes, tiers tell each other over this channel which keys they wrote.
    pub backplane: Option<Vec<u8>>,
    /// Nobody but this tier reaches L2 (an engine in this process): as good as tracking, and there is nothing to arm.
    pub exclusive: bool,
    pub l1_bytes: u64,
    /// Larger values are not kept in L1.
    pub l1_value_bytes: usize,
    /// How long an L1 entry is fresh at most. `None`: as long as in Redis with tracking, 5 s without.
    pub l1_max_ttl: Option<Millis>,
    pub connect_timeout: Millis,
    /// After this a reader who has an older value is given it.
    pub read_soft: Millis,
    pub read_hard: Millis,
    pub write_hard: Millis,
    /// Failures in a row that open the breaker.
    pub failures_in_a_row: u32,
    /// The breaker opens too where half of at least `failures_of` outcomes within `failure_window` are failures.
    pub failures_of: u32,
    pub failure_window: Millis,
    /// How long the breaker stays open at first; doubled at each probe that fails, up to `open_most`, each time 20 % more or less. Short, because a
    /// probe is one connection a process, made in the background, and a Redis that is back is to be used within two seconds. Thousands of
    /// processes before one Redis may want 30 s.
    pub open: Millis,
    pub open_most: Millis,
    pub ping_every: Millis,
    /// A connection that says nothing for so long is dead.
    pub silent_after: Millis,
    pub on_down: OnDown,
    pub behind: bool,
    /// The longest prefix that a key begins with decides.
    pub rules: Vec<Rule>,
    /// Commands that find no L2 answer null in place of an error.
    pub nil_on_down: bool,
    pub journal_entries: usize,
    pub journal_bytes: usize,
    pub overflow: Overflow,
    /// Journaled writes come to Redis in the order in which they were asked for, across keys: every one of them, not the last of each key, one after the
    /// other's answer, and what is written meanwhile comes after them. Namespaces that wait to be cleared come first, and a command of the caller's own
    /// takes what waits for its keys with it. In a cluster all wait while the node of the first is away.
    pub ordered: bool,
    /// Writes of which it is not known whether they were done are sent again, once Redis answers and within `write_hard`, where doing them twice is doing them
    /// once: values set and keys removed, commands `SET` (without a condition or `GET`), `DEL`, `UNLINK`, `EXPIRE`, `PEXPIRE`, `EXPIREAT`, `PEXPIREAT` (without
    /// a condition) and `PERSIST`. Deadlines stay what they were; what others wrote in between is overwritten; counts are those of the last time. Not those
    /// whose key was written again since, nor those that this does not bring through in time: their outcome is unknown as without.
    pub retry_unknown: bool,
    /// The shell is told what to keep of the journal ([`Action::Log`](super::Action)), so that it outlives the process.
    pub journal_log: bool,
    pub conflict: Conflict,
    pub replay_per_second: u64,
    /// Values are stored with time of writing, time to live and tags before them (see [`envelope`](super::envelope)); other readers see those bytes.
    pub envelope: bool,
    /// How long beyond its time to live an L1 entry may still be given out, as stale, where Redis is down or a factory fails.
    pub grace: Millis,
    /// Share of an entry's time after which a reader with a factory has it made anew in the background; 0 = never.
    pub early_refresh: u64,
    /// Made anew before its end at a moment that each process draws by chance for itself, the earlier the longer factories take, so that of many processes
    /// seldom two make it at once (XFetch: Vattani, Chierichetti, Lowenstein 2015). Percent of the time that a factory takes: 100 is their recommendation,
    /// more is earlier; 0 = never.
    pub early_beta: u64,
    /// How long one process may make a value while the others wait for it, see [`lease`](super); 0 = each makes its own.
    pub lease: Millis,
    /// How long it is remembered that a factory made nothing; 0 = not at all.
    pub negative_ttl: Millis,
    /// Times to live are shortened at random by up to this share.
    pub ttl_jitter: u64,
    /// After this a reader who has an older value no longer waits for a factory; 0 = never.
    pub factory_soft: Millis,
    /// After this nobody waits for a factory; 0 = never.
    pub factory_hard: Millis,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tracking: true,
            broadcast: Vec::new(),
            backplane: None,
            exclusive: false,
            l1_bytes: 64 << 20,
            l1_value_bytes: 1 << 20,
            l1_max_ttl: None,
            connect_timeout: 1000,
            read_soft: 50,
            read_hard: 500,
            write_hard: 1000,
            failures_in_a_row: 5,
            failures_of: 20,
            failure_window: 10_000,
            open: 250,
            open_most: 1_250,
            ping_every: 1000,
            silent_after: 2_900,
            on_down: OnDown::Journal,
            behind: false,
            rules: Vec::new(),
            nil_on_down: false,
            journal_entries: 10_000,
            journal_bytes: 16 << 20,
            overflow: Overflow::Reject,
            ordered: false,
            retry_unknown: false,
            journal_log: false,
            conflict: Conflict::Invalidate,
            replay_per_second: 2000,
            envelope: false,
            grace: 0,
            early_refresh: 0,
            early_beta: 0,
            lease: 0,
            negative_ttl: 0,
            ttl_jitter: 0,
            factory_soft: 0,
            factory_hard: 0,
        }
    }
}

impl Options {
    /// What writes of a key do: while its node is down, and whether they are written behind.
    pub(super) fn rule(&self, key: &[u8]) -> (OnDown, bool) {
        let matching = self.rules.iter().filter(|rule| key.starts_with(&rule.prefix));
        let longest = matching.max_by_key(|rule| rule.prefix.len());
        longest.map_or((self.on_down, self.behind), |rule| (rule.on_down, rule.behind))
    }
}

/// How a value is to be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Milliseconds to live; `None` = for ever.
    pub ttl: Option<Millis>,
    /// Milliseconds for which it is fresh; from then on until its end readers are given it as stale while it is made anew.
    pub fresh: Option<Millis>,
    /// Names under which it can be invalidated. A value with tags is stored in an envelope.
    pub tags: Vec<Vec<u8>>,
}
