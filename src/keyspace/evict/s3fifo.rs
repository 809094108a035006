//! S3-FIFO over the queues of a database.

use super::super::entry::Entry;
use super::super::{Keyspace, hash_of, word_of};
use super::queues::{Queues, is_main, same_place, uses};
use crate::keyspace::access::Marking;
use crate::value::table::Pos;
use alloc::vec::Vec;

/// Keys that each eviction gives a place in the queues while some have none: after the policy was chosen.
const ADOPTED: usize = 16;
/// Uses in the small queue that lead to the main one.
const WANTED: u32 = 2;

impl Keyspace {
    /// Runs `work` on the selected database's queues and books what memory they take by it.
    #[inline]
    fn queues<R>(&mut self, work: impl FnOnce(&mut Queues) -> R) -> R {
        let queues = &mut self.db_mut().queues;
        let before = queues.memory();
        let result = work(queues);
        let after = queues.memory();
        self.ledger.adjust(before, after);
        result
    }

    /// Has brought near, together, what adding a key and evicting one for it look at one after the other.
    #[inline]
    pub(in crate::keyspace) fn bring_eviction_near(&self, word: u32) {
        let db = self.db();
        if let Some(next) = db.queues.bring_near(word) {
            db.table.bring_near(u64::from(next) << 32);
        }
    }

    /// Begins with empty queues, or drops them where there shall be none.
    pub(super) fn begin_queues(&mut self) {
        let selected = self.selected;
        for db in 0..self.dbs.len() {
            self.selected = db;
            let cursor = (self.marking == Marking::Queued && !self.is_empty()).then_some(0);
            self.queues(|queues| {
                *queues = Queues::default();
                (queues.cursor, queues.unplaced) = (cursor, cursor.is_some());
            });
        }
        self.selected = selected;
    }

    /// Gives a new key, whose entry takes so many bytes, its place.
    #[inline]
    pub(in crate::keyspace) fn enqueue(&mut self, entry: Entry, word: u32, bytes: u64) {
        let mark = self.queues(|queues| queues.push_new(word, bytes));
        entry.set_access(mark.unwrap_or(0));
    }

    /// Under a volatile policy: a key has a deadline now, and may go from now on.
    #[inline(never)]
    pub(in crate::keyspace) fn enqueue_volatile(&mut self, pos: Pos) {
        // SAFETY: the table holds live entries only.
        let entry = unsafe { Entry::from_handle(self.db().table.get(pos)) };
        let (word, mark) = (word_of(hash_of(&self.env, entry.handle())), entry.access());
        if !self.db_mut().queues.holds(mark, word) {
            self.enqueue(entry, word, entry.memory());
        }
    }

    /// Books that an entry which stays went from `before` to `after` bytes.
    #[inline]
    pub(in crate::keyspace) fn resized(&mut self, entry: Entry, before: u64, after: u64) {
        self.ledger.adjust(before, after);
        if self.marking == Marking::Queued && (!self.evict.policy.volatile || entry.deadline().is_some()) {
            self.db_mut().queues.weigh(entry.access(), before, after);
        }
    }

    /// Takes an entry of so many bytes that is out of the table out of its queue.
    #[inline]
    pub(in crate::keyspace) fn forget(&mut self, entry: Entry, bytes: u64) {
        if self.marking == Marking::Queued {
            self.leave_queue(entry, bytes);
        }
    }

    #[inline]
    fn leave_queue(&mut self, entry: Entry, bytes: u64) {
        if self.db().table.is_empty() {
            return self.drop_queues();
        }
        let (mark, all) = (entry.access(), !self.evict.policy.volatile);
        let env = self.env;
        if let Some(chunk) = self.db_mut().queues.erase(mark, bytes, all, || word_of(hash_of(&env, entry.handle()))) {
            self.tidy_queue(mark, chunk);
        }
    }

    #[inline(never)]
    fn drop_queues(&mut self) {
        self.queues(|queues| *queues = Queues::default());
    }

    #[inline(never)]
    fn tidy_queue(&mut self, mark: u32, chunk: usize) {
        for (word, mark) in self.queues(|queues| queues.tidy(mark, chunk)) {
            if let Some((_, moved)) = self.queued(word, mark) {
                // Its bytes are booked where it was.
                let mark = self.queues(|queues| queues.push(is_main(mark), word, uses(moved.access()), 0));
                moved.set_access(mark.unwrap_or(0));
            }
        }
    }

    /// The entry that has this place.
    #[inline]
    fn queued(&self, word: u32, mark: u32) -> Option<(Pos, Entry)> {
        let table = &self.db().table;
        // SAFETY: the table holds live entries only.
        let entry_of = |handle| unsafe { Entry::from_handle(handle) };
        let pos = table.find_upper(word, &mut |handle| same_place(entry_of(handle).access(), mark))?;
        Some((pos, entry_of(table.get(pos))))
    }

    /// Evicts a key of the selected database; false where there is none that may go.
    #[inline]
    pub(super) fn evict_queued(&mut self) -> bool {
        let mut begun = false;
        // Asked here, too: mostly there is nothing to do, and the call is out of line.
        if self.db().queues.cursor.is_some() {
            self.adopt();
        }
        loop {
            let Some((word, mark)) = self.queues(Queues::pop) else {
                if !self.adopt() {
                    // Keys without a place, for want of memory at their time: they get one now.
                    if core::mem::replace(&mut begun, true) {
                        return false;
                    }
                    self.db_mut().queues.cursor = Some(0);
                }
                continue;
            };
            let Some((pos, entry)) = self.queued(word, mark) else { continue };
            let (bytes, uses) = (entry.memory(), uses(entry.access()));
            self.queues(|queues| queues.weigh(mark, bytes, 0));
            if self.evict.policy.volatile && entry.deadline().is_none() {
                continue;
            }
            let main = is_main(mark);
            if uses >= if main { 1 } else { WANTED } {
                let left = if main { uses.saturating_sub(1) } else { 0 };
                let mark = self.queues(|queues| queues.push(true, word, left, bytes));
                entry.set_access(mark.unwrap_or(0));
                continue;
            }
            if !main {
                let keys = self.len();
                self.queues(|queues| queues.remember(word, keys));
            }
            return self.evict_at(pos);
        }
    }

    /// Gives some keys that have no place one in the main queue. False when all were asked.
    #[inline(never)]
    fn adopt(&mut self) -> bool {
        let Some(cursor) = self.db().queues.cursor else { return false };
        let mut found = Vec::new();
        let next = self.db().table.scan(cursor, ADOPTED, |handle| found.push(handle));
        for handle in found {
            // SAFETY: the table holds live entries only.
            let entry = unsafe { Entry::from_handle(handle) };
            let (word, mark, bytes) = (word_of(hash_of(&self.env, entry.handle())), entry.access(), entry.memory());
            let wanted = !self.evict.policy.volatile || entry.deadline().is_some();
            if wanted && !self.db_mut().queues.holds(mark, word) {
                let mark = self.queues(|queues| queues.push(true, word, 0, bytes));
                entry.set_access(mark.unwrap_or(0));
            }
        }
        self.db_mut().queues.cursor = (next != 0).then_some(next);
        true
    }
}
