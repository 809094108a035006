//! The ledger: bytes that the engine's data takes, as one number that every change keeps right.
//!
//! Counted are requested heap bytes: entry blocks, bodies, and the index. What the allocator adds to each block (8 bytes and rounding with
//! glibc) is not; the audit in `tests/ledger.rs` holds the number against a counting allocator.

use super::Keyspace;
use super::entry::{Entry, ValueRef};
use crate::error::{ReplyError, Result};
use crate::number;
use crate::value::Collection;
use crate::value::table::Table;

/// A share of the index that `MEMORY USAGE` counts to each key: one 8-byte slot at the usual load.
pub(super) const SLOT_BYTES: u64 = 10;

/// Strings up to this length that were set in one piece are `embstr` to Redis.
const EMBSTR_MAX: usize = 44;

#[derive(Default)]
pub(super) struct Ledger {
    used: u64,
    peak: u64,
    /// Above this many bytes, growth that a command can foresee is refused. 0 = no ceiling.
    ceiling: u64,
}

impl Ledger {
    #[inline]
    pub(super) fn adjust(&mut self, removed: u64, added: u64) {
        self.used = self.used.saturating_add(added).saturating_sub(removed);
        self.peak = self.peak.max(self.used);
    }
}

impl Keyspace {
    /// Bytes of all data and its index.
    pub fn used_memory(&self) -> u64 {
        self.ledger.used
    }

    /// The highest that [`Keyspace::used_memory`] has been.
    pub fn peak_memory(&self) -> u64 {
        self.ledger.peak
    }

    /// Bytes of the indexes alone, all databases together.
    pub fn index_memory(&self) -> u64 {
        self.dbs.iter().fold(0, |sum, db| sum.saturating_add(db.table.memory() as u64))
    }

    /// Bytes of the selected database's index.
    pub fn selected_index_memory(&self) -> u64 {
        self.db().table.memory() as u64
    }

    /// Bytes beyond which [`Keyspace::reserve`] refuses; 0 = none. A shell whose memory cannot grow for ever (wasm) sets it.
    pub fn set_ceiling(&mut self, bytes: u64) {
        self.ledger.ceiling = bytes;
    }

    /// Whether the ceiling is reached. Where it comes near, all that is gone is freed first.
    #[inline]
    pub fn is_full(&mut self) -> bool {
        let ceiling = self.ledger.ceiling;
        if ceiling == 0 {
            return false;
        }
        while self.ledger.used >= ceiling / 2 && !self.free_waste(usize::MAX) {}
        self.ledger.used >= ceiling
    }

    /// Asks whether `bytes` more can be had. Commands that can make more than their arguments' size out of them ask first.
    ///
    /// # Errors
    /// `OOM` where that would pass the ceiling.
    pub fn reserve(&self, bytes: u64) -> Result<()> {
        let ceiling = self.ledger.ceiling;
        if ceiling != 0 && self.ledger.used.saturating_add(bytes) > ceiling {
            return Err(ReplyError::MEMORY);
        }
        Ok(())
    }

    /// How many bytes more can be had, as far as is known.
    pub fn spare(&self) -> u64 {
        if self.ledger.ceiling == 0 { u64::MAX } else { self.ledger.ceiling.saturating_sub(self.ledger.used) }
    }

    /// Counts everything anew. Equal to [`Keyspace::used_memory`] unless somebody forgot to book. O(keys).
    pub fn audit(&self) -> u64 {
        let mut counted = self.references.memory().saturating_add(self.waste.audit());
        for db in &self.dbs {
            counted = counted.saturating_add(db.table.memory() as u64).saturating_add(db.queues.memory());
            for handle in db.table.iter() {
                // SAFETY: the table holds live entries only.
                counted = counted.saturating_add(unsafe { Entry::from_handle(handle) }.memory());
            }
        }
        counted
    }

    /// Bytes that blocks of entries take beyond what the ledger counts for them: they are rounded up, and lie on pages. O(keys).
    pub fn block_overhead(&self) -> u64 {
        let tables = self.dbs.iter().map(|db| &db.table).chain(self.waste.tables());
        // SAFETY: tables hold live entries only.
        self.blocks.overhead(tables.flat_map(Table::iter).map(|handle| unsafe { Entry::from_handle(handle) }.block_bytes()))
    }

    /// Whether large keyspaces ask the system for huge pages, where it leaves that to programs. Not of memory that they have already.
    pub fn use_huge_pages(&mut self, yes: bool) {
        self.blocks.use_huge_pages(yes);
    }
}

/// Redis's name of a value's encoding.
pub(super) fn encoding_name(value: &ValueRef<'_>, entry: Entry) -> &'static str {
    match value {
        ValueRef::String(_) if entry.is_raw() => "raw",
        ValueRef::String(bytes) if !entry.is_plain() && number::parse_i64(bytes).is_some() => "int",
        ValueRef::String(bytes) if bytes.len() <= EMBSTR_MAX => "embstr",
        ValueRef::String(_) => "raw",
        ValueRef::List(list) => list.encoding(),
        ValueRef::Hash(hash) => hash.encoding(),
        ValueRef::Set(set) => set.encoding(),
        ValueRef::ZSet(zset) => zset.encoding(),
        ValueRef::Stream(stream) => stream.encoding(),
    }
}
