//! Eviction: which keys go when `maxmemory` is reached.
//!
//! A command that may grow memory first asks for room ([`Keyspace::make_room`]). Expired keys go first, whatever the policy. Then:
//!
//! * **lru, lrm, lfu, ttl**: by the entry's mark (see [`access`](super::access)) or deadline, as Redis does it: each time a few keys are looked
//!   at (`maxmemory-samples`), the best candidates of all times are kept in a pool of 16, and the best of those goes, unless it was used
//!   meanwhile. A list in the order of use would cost two pointers an entry and a write to three of them at each hit.
//! * **random**: any.
//! * **s3fifo**: two queues and a memory of those that went (Yang et al., SOSP 2023), see below. A hit counts to three in the entry's mark
//!   and moves nothing, which is why this is the default of caches that only have a limit; what a scan brings leaves soon, by the small queue.
//!
//! ```text
//!   new ──► small, 1/10 of the bytes ──► gone, remembered     back again while remembered
//!                  │ used twice                                        │
//!                  └────────────► main, the rest ◄─────────────────────┘
//!                                 │ used: back to the end, one use less
//!                                 └► not used: gone
//! ```
//!
//! While a cache fills, nine tenths of the keys go to the main queue at once. Published S3-FIFO fills the small one alone; then a loop over more keys
//! than there is room and memory for finds nothing, ever, where this keeps nine tenths of a cache of it (`benches/results/hitratio.md`).
//!
//! Why real queues (see [`queues`], 4 bytes a key and 5 a remembered one) and no hand that goes round the table: the table is in the order of
//! hashes, so a hand meets new keys at once or late as chance wills, and the small queue is just the promise that it is neither.
//!
//! Where there are several databases, the one that gives is drawn by chance, weighted by its keys; candidates of the pool are of all.

pub(super) mod queues;
mod s3fifo;

use super::access::Marking;
use super::entry::Entry;
use super::{Class, Db, Keyspace, Lfu, hash_of};
use crate::value::table::Pos;
use alloc::vec::Vec;

/// By what the key to go is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// None goes: writes are refused.
    #[default]
    None,
    /// The one not used for longest.
    Lru,
    /// The one used least often.
    Lfu,
    /// The one not written for longest.
    Lrm,
    Random,
    /// The one that expires next.
    Ttl,
    S3Fifo,
}

/// `maxmemory-policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub rule: Rule,
    /// Only keys with a deadline may go.
    pub volatile: bool,
}

impl Policy {
    /// The policies by their names: Redis's, and S3-FIFO.
    pub const NAMES: &'static [&'static str] = &[
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
        "volatile-lrm",
        "volatile-s3fifo",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "allkeys-lrm",
        "allkeys-s3fifo",
        "noeviction",
    ];

    /// The policy of one of [`Policy::NAMES`]; that of `noeviction` for other words.
    pub fn named(name: &[u8]) -> Self {
        let volatile = name.starts_with(b"volatile");
        let rule = match name.rsplit(|byte| *byte == b'-').next() {
            Some(b"lru") => Rule::Lru,
            Some(b"lfu") => Rule::Lfu,
            Some(b"lrm") => Rule::Lrm,
            Some(b"random") => Rule::Random,
            Some(b"ttl") => Rule::Ttl,
            Some(b"s3fifo") => Rule::S3Fifo,
            _ => Rule::None,
        };
        Self { rule, volatile }
    }
}

/// A key that may go, by the hash that finds it.
struct Candidate {
    score: u64,
    db: usize,
    hash: u64,
}

/// Candidates that are kept.
const POOL: usize = 16;
/// How often a key with a deadline is sought by chance.
const TRIES: usize = 64;
/// Expired keys that are removed at once when room is needed.
const EXPIRED_AT_ONCE: usize = 16;

/// Elements of what is gone already that are freed at once then.
const RECLAIMED_AT_ONCE: usize = 64;

/// How the keyspace evicts.
#[derive(Default)]
pub(super) struct Evict {
    pub(super) policy: Policy,
    samples: usize,
    /// The best last.
    pool: Vec<Candidate>,
}

impl Keyspace {
    /// Chooses how keys are evicted, and with it what their marks mean; `limited`: there is a limit at all.
    pub fn evict_by(&mut self, policy: Policy, lfu: Lfu, samples: usize, limited: bool) {
        let marking = match policy.rule {
            Rule::Lfu => Marking::Counted(lfu),
            Rule::Lrm => Marking::Written,
            Rule::S3Fifo if limited || self.references.is_bounded() => Marking::Queued,
            _ => Marking::Used,
        };
        self.evict.samples = samples;
        if (self.evict.policy, self.marking) == (policy, marking) {
            return;
        }
        self.evict.pool = Vec::new();
        (self.evict.policy, self.marking) = (policy, marking);
        self.begin_queues();
    }

    /// Frees memory until at most `limit` bytes are used: of what is gone already, then expired keys, then others. False where no more may go.
    #[inline]
    pub fn make_room(&mut self, limit: u64) -> bool {
        let selected = self.selected;
        while self.used_memory() > limit && (self.reclaim() || self.expire_some() || self.evict_one()) {}
        self.selected = selected;
        self.used_memory() <= limit
    }

    /// Removes one key, an expired one if there is any, else by the policy; false where none may go.
    #[inline]
    pub fn evict_next(&mut self) -> bool {
        let (selected, before) = (self.selected, self.gone());
        // What seemed due may have had its deadline pushed back: then the next is tried.
        while self.gone() == before && (self.expire_some() || self.evict_one()) {}
        self.selected = selected;
        self.gone() != before
    }

    #[inline]
    fn gone(&self) -> u64 {
        self.stats.expired.wrapping_add(self.stats.evicted)
    }

    #[inline(never)]
    fn reclaim(&mut self) -> bool {
        let has_waste = self.has_waste();
        if has_waste {
            self.free_waste(RECLAIMED_AT_ONCE);
        }
        has_waste
    }

    #[inline]
    fn expire_some(&mut self) -> bool {
        let due = self.next_due().is_some_and(|due| due <= self.now);
        if due {
            self.expire_due(EXPIRED_AT_ONCE);
        }
        due
    }

    /// Removes one key by the policy; false where there is none that may go.
    #[inline]
    fn evict_one(&mut self) -> bool {
        let rule = self.evict.policy.rule;
        if rule == Rule::None || !self.choose_db() {
            return false;
        }
        match rule {
            Rule::S3Fifo => self.evict_queued(),
            Rule::Random => match self.sample_candidate() {
                Some((pos, _)) => self.evict_at(pos),
                None => false,
            },
            _ => self.evict_best(),
        }
    }

    #[inline]
    fn evict_at(&mut self, pos: Pos) -> bool {
        let entry = self.unlink(pos);
        self.stats.evicted = self.stats.evicted.wrapping_add(1);
        // SAFETY: the entry is freed at the end, not earlier.
        let key = unsafe { entry.key() };
        self.went(key);
        self.notify(Class::EVICTED, "evicted", key);
        // SAFETY: no handle to it is left.
        unsafe { self.let_go(entry) };
        true
    }

    /// Selects a database that has keys which may go, each key with the same chance.
    #[inline]
    fn choose_db(&mut self) -> bool {
        // Mostly there is one, and nothing to draw.
        if self.last_used == 0 {
            self.selected = 0;
            return self.db().candidates(self.evict.policy.volatile) > 0;
        }
        self.draw_db()
    }

    /// As `choose_db`, by chance, as there may be several.
    #[inline(never)]
    fn draw_db(&mut self) -> bool {
        let volatile = self.evict.policy.volatile;
        let weight = |db: &Db| db.candidates(volatile) as u64;
        let total = self.dbs.iter().map(weight).fold(0, u64::saturating_add);
        if total == 0 {
            return false;
        }
        let mut at = self.luck.below(total);
        let chosen = self.dbs.iter().position(|db| match at.checked_sub(weight(db)) {
            Some(rest) => {
                at = rest;
                false
            }
            None => true,
        });
        self.selected = chosen.unwrap_or(0);
        true
    }

    /// A key of the selected database that may go, by chance.
    #[inline(never)]
    fn sample_candidate(&mut self) -> Option<(Pos, Entry)> {
        let volatile = self.evict.policy.volatile;
        // SAFETY: the table holds live entries only.
        let entry_of = |handle| unsafe { Entry::from_handle(handle) };
        for _ in 0..TRIES {
            let random = self.luck.draw();
            let table = &self.db().table;
            let pos = if volatile { table.sample_due(random) } else { table.sample(random) };
            let Some(pos) = pos else { break };
            let entry = entry_of(table.get(pos));
            if !volatile || entry.deadline().is_some() {
                return Some((pos, entry));
            }
        }
        // Many keys lost their deadlines and few have one: the first that has.
        let entry = self.db().table.iter().map(entry_of).find(|entry| entry.deadline().is_some())?;
        // SAFETY: the entry is live.
        self.find_any(unsafe { entry.key() })
    }

    /// How much a key deserves to go.
    fn score(&self, entry: Entry) -> u64 {
        match self.marking {
            _ if self.evict.policy.rule == Rule::Ttl => u64::MAX.saturating_sub(entry.deadline().unwrap_or(u64::MAX)),
            Marking::Counted(lfu) => 255u64.saturating_sub(self.counter(entry.access(), lfu)),
            _ => self.idle(entry),
        }
    }

    /// Evicts the best candidate of the pool and a new sample.
    #[inline(never)]
    fn evict_best(&mut self) -> bool {
        for _ in 0..self.evict.samples.max(1) {
            let Some((_, entry)) = self.sample_candidate() else { break };
            let (db, hash) = (self.selected, hash_of(&self.env, entry.handle()));
            let candidate = Candidate { score: self.score(entry), db, hash };
            let pool = &mut self.evict.pool;
            if pool.iter().any(|known| known.hash == hash && known.db == db) {
                continue;
            }
            let at = pool.partition_point(|known| known.score < candidate.score);
            if pool.len() < POOL {
                pool.insert(at, candidate);
            } else if let Some(worse) = at.checked_sub(1) {
                pool.remove(0);
                pool.insert(worse, candidate);
            }
        }
        while let Some(candidate) = self.evict.pool.pop() {
            self.selected = candidate.db;
            let env = self.env;
            let found = self.db().table.find(candidate.hash, |handle| hash_of(&env, handle) == candidate.hash);
            let Some(pos) = found else { continue };
            // SAFETY: the table holds live entries only.
            let entry = unsafe { Entry::from_handle(self.db().table.get(pos)) };
            let eligible = !self.evict.policy.volatile || entry.deadline().is_some();
            // Used since it was looked at: not now.
            if eligible && self.score(entry) >= candidate.score {
                return self.evict_at(pos);
            }
        }
        // All candidates were used meanwhile: any that may go.
        match self.sample_candidate() {
            Some((pos, _)) => self.evict_at(pos),
            None => false,
        }
    }
}
