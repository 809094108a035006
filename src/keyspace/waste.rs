//! What is big and nobody asks for any more is freed in slices: by `tick`, by whoever makes new keys, and at once where room is needed.
//!
//! Freeing ten million keys takes seconds, and a large hash a tenth of one. So a database that is flushed, and a large value that is deleted, replaced,
//! evicted or expires, only moves here. The ledger counts it until it is really freed.

use super::blocks::Blocks;
use super::entry::{Entry, Value};
use super::evict::queues::Queues;
use super::{Db, Keyspace};
use crate::value::table::Table;
use alloc::vec::Vec;

/// Elements, or keys, up to which a value, or a database, is freed at once: that takes less than a tenth of a millisecond.
const AT_ONCE: usize = 512;
/// Bytes of queues up to which the same goes for them.
const SMALL_QUEUES: u64 = 8192;
/// Elements that are freed for each new key.
const PER_INSERT: usize = 8;
/// glibc keeps freed blocks of up to 128 bytes in lists of their own, and joins all of them with their neighbours when next it is asked for a kilobyte
/// or more. Fields and members are such blocks. Made once a slice, that request joins what the slice has freed.
const JOINS_FREED_BLOCKS: usize = 4096;

/// Something big.
enum Waste {
    Value(Value),
    Keys(Table),
    Queues(Queues),
}

impl Waste {
    /// Heap bytes.
    fn memory(&self) -> u64 {
        match self {
            Self::Value(value) => value.memory(),
            // The entries are counted where they are freed, one by one.
            Self::Keys(table) => table.memory() as u64,
            Self::Queues(queues) => queues.memory(),
        }
    }

    /// Frees up to `budget` elements. True once nothing is left, and how many bytes of entries went.
    fn free_some(&mut self, budget: usize) -> (bool, u64) {
        let mut entries = 0u64;
        let done = match self {
            Self::Value(Value::Hash(hash)) => hash.free_some(budget),
            Self::Value(Value::Set(set)) => set.free_some(budget),
            Self::Value(Value::ZSet(zset)) => zset.free_some(budget),
            Self::Value(Value::List(list)) => list.free_some(budget),
            Self::Value(Value::Stream(stream)) => stream.free_some(budget),
            Self::Value(Value::String(_)) => true,
            Self::Keys(table) => table.drain_some(budget, |handle| {
                // SAFETY: each handle is handed out once and the table goes.
                unsafe {
                    let entry = Entry::from_handle(handle);
                    entries = entries.saturating_add(entry.memory());
                    entry.free();
                }
            }),
            Self::Queues(queues) => queues.free_some(budget),
        };
        (done, entries)
    }
}

/// All that is to be freed.
#[derive(Default)]
pub(super) struct Heap {
    waste: Vec<Waste>,
}

impl Heap {
    fn own(&self) -> u64 {
        self.waste.capacity().saturating_mul(size_of::<Waste>()) as u64
    }

    /// The tables of databases that were flushed.
    pub(super) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.waste.iter().filter_map(|waste| match waste {
            Waste::Keys(table) => Some(table),
            Waste::Value(_) | Waste::Queues(_) => None,
        })
    }

    /// Counted anew. O(elements).
    pub(super) fn audit(&self) -> u64 {
        self.waste.iter().fold(self.own(), |sum, waste| {
            let sum = sum.saturating_add(waste.memory());
            let Waste::Keys(table) = waste else { return sum };
            // SAFETY: a table holds live entries only.
            table.iter().fold(sum, |sum, handle| sum.saturating_add(unsafe { Entry::from_handle(handle) }.memory()))
        })
    }
}

impl Keyspace {
    /// Frees an entry that is out of the table and of the books; if it is big, later, and books it again.
    ///
    /// # Safety
    /// The entry is live; afterwards it is not.
    #[inline]
    pub(super) unsafe fn let_go(&mut self, entry: Entry) {
        // SAFETY: the caller's promise.
        unsafe {
            if entry.is_inline() {
                entry.free();
            } else {
                self.let_go_with_body(entry);
            }
        }
    }

    /// # Safety
    /// As [`Keyspace::let_go`].
    #[inline(never)]
    unsafe fn let_go_with_body(&mut self, entry: Entry) {
        // SAFETY: the caller's promise.
        unsafe {
            if entry.elements() <= AT_ONCE {
                return entry.free();
            }
            let value = entry.take();
            let bytes = value.memory();
            self.ledger.adjust(0, bytes);
            self.throw(Waste::Value(value));
        }
    }

    /// Empties the selected database. What was in it stays in the books until it is freed.
    pub(super) fn throw_db(&mut self) {
        let Db { table, queues, .. } = core::mem::replace(self.db_mut(), Db::new());
        self.throw(Waste::Keys(table));
        self.throw(Waste::Queues(queues));
    }

    fn throw(&mut self, mut waste: Waste) {
        let small = match &waste {
            Waste::Value(_) => false,
            Waste::Keys(table) => table.len() <= AT_ONCE,
            Waste::Queues(queues) => queues.memory() <= SMALL_QUEUES,
        };
        let before = self.waste.own();
        // Without memory for the note it goes now.
        if small || self.waste.waste.try_reserve(1).is_err() {
            return self.free_all(&mut waste);
        }
        self.waste.waste.push(waste);
        self.ledger.adjust(before, self.waste.own());
    }

    fn free_all(&mut self, waste: &mut Waste) {
        let before = waste.memory();
        let (_, entries) = waste.free_some(usize::MAX);
        self.ledger.adjust(before.saturating_add(entries), 0);
    }

    /// Whether something waits to be freed.
    #[inline]
    pub fn has_waste(&self) -> bool {
        !self.waste.waste.is_empty()
    }

    /// Frees up to `budget` elements of what waits for it; true once nothing does.
    #[inline(never)]
    pub fn free_waste(&mut self, budget: usize) -> bool {
        let Some(last) = self.waste.waste.last_mut() else { return true };
        let before = last.memory();
        let (done, entries) = last.free_some(budget);
        let after = if done { 0 } else { last.memory() };
        self.ledger.adjust(before.saturating_add(entries), after);
        if done {
            let before = self.waste.own();
            self.waste.waste.pop();
            if self.waste.waste.is_empty() {
                self.waste = Heap::default();
            }
            self.ledger.adjust(before, self.waste.own());
        }
        self.waste.waste.is_empty()
    }

    /// Frees at once all that waits for it.
    pub fn free_all_waste(&mut self) {
        while !self.free_waste(usize::MAX) {}
    }

    /// The blocks, for an entry of about so many bytes: where they might be refused, all that waits for it is freed first.
    #[inline]
    pub(super) fn blocks_for(&mut self, bytes: usize) -> &mut Blocks {
        if self.has_waste() {
            self.free_where_short(bytes);
        }
        &mut self.blocks
    }

    #[inline(never)]
    fn free_where_short(&mut self, bytes: usize) {
        if !self.blocks.has_room(bytes) {
            self.free_all_waste();
        }
    }

    /// As [`Keyspace::free_waste`], for a slice of background work: leaves the allocator nothing to catch up with at one stroke.
    pub(crate) fn free_slice(&mut self, budget: usize) -> bool {
        self.blocks.give_back_some();
        if !self.has_waste() {
            return !self.has_spare_memory();
        }
        let done = self.free_waste(budget);
        let mut block = Vec::<u8>::new();
        // Where it is refused there is nothing to be done about it.
        let _ = block.try_reserve_exact(JOINS_FREED_BLOCKS);
        core::hint::black_box(&block);
        done && !self.has_spare_memory()
    }

    /// Whether memory of keys that are gone waits to be given back to the allocator.
    #[inline]
    pub fn has_spare_memory(&self) -> bool {
        self.blocks.has_spare()
    }

    /// A new key pays for the old ones, where nobody calls `tick`.
    #[inline]
    pub(super) fn free_a_little(&mut self) {
        if self.has_waste() {
            self.free_waste(PER_INSERT);
        }
    }
}
