//! Deadlines: absolute moments after which a key is gone.
//!
//! A key whose deadline has passed is removed by whoever meets it, and by `tick` for those that nobody meets. The table keeps lower bounds
//! of the deadlines of its entries, so that the next moment at which something is due is known, and nothing is found by sampling.
//!
//! Fields of hashes have deadlines too, which the hash's own table knows. To the table of keys the next of them is a deadline like the key's, so
//! that `tick` comes by; `FIELDS_DUE` in the entry tells whoever meets the hash to look. Emptied so, the key is gone with event `del`.

use super::access::Marking;
use super::entry::Entry;
use super::{Class, Keyspace};
use crate::error::Result;
use crate::time::Millis;
use crate::value::Collection;
use crate::value::hash::Hash;
use crate::value::table::Pos;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

/// In place of a hash's next deadline: it has no field left.
const EMPTIED: Millis = 0;

impl Keyspace {
    /// The deadline of a key: `None` where the key is missing, `Some(None)` where it has none.
    pub fn deadline(&mut self, key: &[u8]) -> Option<Option<Millis>> {
        self.find(key).map(|(_, entry)| entry.deadline())
    }

    /// Gives an existing key another deadline or none, telling nobody. False where the key is missing.
    ///
    /// # Errors
    /// `OOM` where the entry has to move and cannot.
    pub fn set_deadline(&mut self, key: &[u8], deadline: Option<Millis>) -> Result<bool> {
        let Some((pos, entry)) = self.find(key) else { return Ok(false) };
        let (bytes, before) = (entry.memory(), entry.deadline());
        // SAFETY: the entry is live; only the returned handle is used afterwards.
        let moved = unsafe { entry.with_deadline(self.blocks_for(bytes as usize), deadline)? };
        self.db_mut().table.replace(pos, moved.handle());
        self.resized(moved, bytes, moved.memory());
        self.mark_written(moved);
        self.note_deadline(pos, before, deadline);
        Ok(true)
    }

    /// Keeps count and index right after the deadline of the entry at `pos` went from `before` to `after`.
    #[inline]
    pub(super) fn note_deadline(&mut self, pos: Pos, before: Option<Millis>, after: Option<Millis>) {
        let db = self.db_mut();
        match (before, after) {
            (None, Some(deadline)) => {
                db.expires = db.expires.saturating_add(1);
                self.lower_due(pos, deadline);
                if self.marking == Marking::Queued && self.evict.policy.volatile {
                    self.enqueue_volatile(pos);
                }
            }
            (Some(old), Some(new)) if new < old => self.lower_due(pos, new),
            (Some(_), None) => db.expires = db.expires.saturating_sub(1),
            _ => {}
        }
    }

    #[inline]
    pub(super) fn lower_due(&mut self, pos: Pos, deadline: Millis) {
        let table = &mut self.db_mut().table;
        let before = table.memory() as u64;
        // Without room for the bound, the key expires when somebody meets it, as always; only `tick` does not know of it.
        let _ = table.lower_due(pos, deadline);
        let after = table.memory() as u64;
        self.ledger.adjust(before, after);
    }

    /// How long keys with a deadline still live on the average, milliseconds, told from a sample of the first keys of the index; 0 of none.
    pub fn average_ttl(&self) -> u64 {
        const SAMPLE: usize = 64;
        let (mut sum, mut count) = (0u64, 0u64);
        for handle in self.db().table.iter().take(SAMPLE) {
            // SAFETY: the table holds live entries only.
            if let Some(deadline) = unsafe { Entry::from_handle(handle) }.deadline() {
                sum = sum.saturating_add(deadline.saturating_sub(self.now));
                count = count.saturating_add(1);
            }
        }
        sum.checked_div(count).unwrap_or(0)
    }

    /// Removes the expired entry at `pos` and says so.
    #[inline(never)]
    pub(super) fn expire_at(&mut self, pos: Pos) {
        let entry = self.unlink(pos);
        self.bury(entry);
    }

    /// Has the table of keys know of a hash's next field that is due, if any is.
    #[inline]
    pub(super) fn note_fields(&mut self, pos: Pos, entry: Entry) {
        // SAFETY: the entry is live, and its hash only looked at.
        let due = entry.collection::<Hash>().and_then(|hash| unsafe { hash.as_ref() }.next_due());
        if let Some(due) = due {
            self.fields_due(pos, entry, due);
        }
    }

    pub(super) fn fields_due(&mut self, pos: Pos, entry: Entry, due: Millis) {
        entry.set_fields_due(true);
        self.lower_due(pos, due);
    }

    /// Removes the fields of a hash whose deadline has passed, all at once (`tick` leaves few); false where the key is gone with them.
    #[cold]
    pub(super) fn expire_fields(&mut self, pos: Pos, entry: Entry) -> bool {
        let (_, next) = self.purge(entry, usize::MAX);
        if next == Some(EMPTIED) {
            self.expire_at(pos);
            return false;
        }
        true
    }

    /// Takes up to `budget` fields out of a hash whose deadline has passed. How many, and when the next is due: [`EMPTIED`] where none is left.
    fn purge(&mut self, entry: Entry, budget: usize) -> (usize, Option<Millis>) {
        let (Some(past), Some(mut hash)) = (self.now.checked_sub(1), entry.collection::<Hash>()) else { return (0, None) };
        // SAFETY: the entry is live, and only the keyspace, which is borrowed mutably, leads to its hash.
        let hash = unsafe { hash.as_mut() };
        let before = hash.memory();
        let (noted, mut fields) = (self.losses.is_some(), Vec::new());
        let gone = hash.expire(past, budget, &mut |field| {
            if noted {
                fields.push(field.to_vec());
            }
        });
        self.resized(entry, before as u64, hash.memory() as u64);
        if gone > 0 {
            // SAFETY: the entry is live.
            let key = unsafe { entry.key() };
            self.note_touch(key, true);
            self.note_loss(key, fields);
            self.notify(Class::HASH, "hexpired", key);
        }
        let next = if hash.is_empty() { Some(EMPTIED) } else { hash.next_due() };
        entry.set_fields_due(next.is_some());
        (gone, next)
    }

    /// Counts, tells and frees an entry that is out of the table.
    fn bury(&mut self, entry: Entry) {
        // SAFETY: the entry is freed at the end, not earlier.
        let key = unsafe { entry.key() };
        self.went(key);
        if self.is_past(entry) {
            self.stats.expired = self.stats.expired.wrapping_add(1);
            self.notify(Class::EXPIRED, "expired", key);
        } else {
            self.notify(Class::GENERIC, "del", key);
        }
        // SAFETY: no handle to it is left.
        unsafe { self.let_go(entry) };
    }

    /// The earliest moment at which a key may be gone, over all databases; early by some at times, never late.
    pub fn next_due(&self) -> Option<Millis> {
        if !self.active_expire {
            return None;
        }
        // A key lives through the millisecond of its deadline.
        self.dbs_in_use().iter().filter_map(|db| db.table.next_due()).min().map(|deadline| deadline.saturating_add(1))
    }

    /// Removes up to `budget` keys whose deadline has passed. True when none is left.
    pub fn expire_due(&mut self, budget: usize) -> bool {
        if !self.active_expire {
            return true;
        }
        let selected = self.selected;
        let mut left = budget;
        let mut finished = true;
        for index in 0..=self.last_used {
            self.selected = index;
            finished &= self.expire_due_here(&mut left);
        }
        self.selected = selected;
        finished
    }

    fn expire_due_here(&mut self, left: &mut usize) -> bool {
        let Some(past) = self.now.checked_sub(1) else { return true };
        let mut gone = alloc::vec::Vec::new();
        let (now, budget) = (self.now, Cell::new(*left));
        let before = self.db().table.memory() as u64;
        let mut table = core::mem::take(&mut self.db_mut().table);
        let keys = RefCell::new(&mut *self);
        // When to come by again. Fields of a hash that are past go on the way.
        let deadline_of = |handle| {
            // SAFETY: the table holds live entries only.
            let entry = unsafe { Entry::from_handle(handle) };
            let own = entry.deadline();
            if !entry.has_fields_due() || own.is_some_and(|deadline| deadline <= past) {
                return own;
            }
            let (gone, next) = keys.borrow_mut().purge(entry, budget.get());
            budget.set(budget.get().saturating_sub(gone));
            let next = match next {
                Some(EMPTIED) => EMPTIED,
                Some(due) => due.max(now),
                None => return own,
            };
            Some(own.map_or(next, |deadline| deadline.min(next)))
        };
        let finished = table.take_due(past, *left, deadline_of, |handle| gone.push(handle));
        self.db_mut().table = table;
        let after = self.db().table.memory() as u64;
        self.ledger.adjust(before, after);
        *left = budget.get().saturating_sub(gone.len());
        for handle in gone {
            // SAFETY: taken out of the table just now.
            let entry = unsafe { Entry::from_handle(handle) };
            if entry.has_deadline() {
                let db = self.db_mut();
                db.expires = db.expires.saturating_sub(1);
            }
            let bytes = entry.memory();
            self.ledger.adjust(bytes, 0);
            self.forget(entry, bytes);
            self.release(entry);
            self.bury(entry);
        }
        finished
    }
}
