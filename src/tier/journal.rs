//! The journal: writes that Redis has not seen yet, one a key, the last state of each.
//!
//! It is also where they are read from until then, so none of them can be evicted.

use super::log::Log;
use super::{CallId, Dropped, NodeId, Options, Overflow};
use crate::time::Millis;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// What is to become of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Set {
        value: Vec<u8>,
        /// `u64::MAX` = never.
        expires: Millis,
        fresh_until: Millis,
        tags: Vec<Vec<u8>>,
    },
    Remove,
}

/// A write that waits.
#[derive(Clone, Debug)]
pub struct Pending {
    pub op: Op,
    /// When it was written, on the machine's clock.
    pub written: Millis,
    /// Tells what was asked for later.
    pub issued: u64,
    /// Acknowledged by a node that was up (write-behind), and no outage since: it is sent as it is.
    pub plain: bool,
    /// On its way.
    pub call: Option<CallId>,
    pub(super) order: u64,
}

impl Pending {
    pub fn new(op: Op, written: Millis, issued: u64, plain: bool) -> Self {
        Self { op, written, issued, plain, call: None, order: 0 }
    }
}

/// A namespace that is to be emptied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clear {
    pub node: NodeId,
    pub prefix: Vec<u8>,
    pub issued: u64,
    /// It is being done.
    pub running: bool,
}

#[derive(Default)]
pub struct Journal {
    entries: BTreeMap<Vec<u8>, Pending>,
    /// Keys in the order in which they were written last.
    queue: BTreeMap<u64, Vec<u8>>,
    pub clears: Vec<Clear>,
    /// Clearings of an earlier process, which nodes that come to be known have to do too.
    pub restored_clears: Vec<Vec<u8>>,
    /// What a shell is told to keep, if it does.
    pub log: Option<Log>,
    bytes: usize,
    order: u64,
}

fn weight(key: &[u8], op: &Op) -> usize {
    let value = match op {
        Op::Set { value, tags, .. } => tags.iter().fold(value.len(), |sum, tag| sum.saturating_add(tag.len())),
        Op::Remove => 0,
    };
    key.len().saturating_add(value)
}

impl Journal {
    pub fn new(log: Option<Log>) -> Self {
        Self { log, ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.clears.is_empty()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn get(&self, key: &[u8]) -> Option<&Pending> {
        self.entries.get(key)
    }

    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut Pending> {
        self.entries.get_mut(key)
    }

    /// Notes a write in place of an earlier one of the key. What had to go for it is in `dropped`; `false` where it found no room.
    pub fn put(&mut self, key: &[u8], write: Pending, options: &Options, dropped: &mut Vec<(Vec<u8>, Dropped)>) -> bool {
        let need = weight(key, &write.op);
        let old = self.take(key);
        let fits = |journal: &Self| {
            journal.entries.len() < options.journal_entries && journal.bytes.saturating_add(need) <= options.journal_bytes
        };
        while !fits(self) {
            let oldest = match options.overflow {
                Overflow::DropOldest => self.queue.first_key_value().map(|(_, key)| key.clone()),
                Overflow::Reject => None,
            };
            let Some(oldest) = oldest else {
                // The earlier write of the key stands.
                if let Some(old) = old {
                    self.insert(key, old);
                }
                return false;
            };
            self.remove(&oldest);
            dropped.push((oldest, Dropped::Overflow));
        }
        self.order = self.order.wrapping_add(1);
        self.insert(key, Pending { order: self.order, ..write });
        self.note(key);
        true
    }

    fn insert(&mut self, key: &[u8], pending: Pending) {
        self.bytes = self.bytes.saturating_add(weight(key, &pending.op));
        self.queue.insert(pending.order, key.to_vec());
        self.entries.insert(key.to_vec(), pending);
    }

    /// The write that waits for a key is not what it was.
    pub fn note(&mut self, key: &[u8]) {
        if let (Some(log), Some(pending)) = (&mut self.log, self.entries.get(key)) {
            log.wrote(key, pending);
        }
    }

    pub fn remove(&mut self, key: &[u8]) -> Option<Pending> {
        let pending = self.take(key)?;
        if let Some(log) = &mut self.log {
            log.settled(key);
        }
        Some(pending)
    }

    fn take(&mut self, key: &[u8]) -> Option<Pending> {
        let pending = self.entries.remove(key)?;
        self.queue.remove(&pending.order);
        self.bytes = self.bytes.saturating_sub(weight(key, &pending.op));
        Some(pending)
    }

    /// Removes all writes below a prefix.
    pub fn remove_below(&mut self, prefix: &[u8]) {
        let keys: Vec<Vec<u8>> = self.entries.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
        keys.iter().for_each(|key| {
            self.remove(key);
        });
    }

    /// Waiting writes that are not on their way, oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = (&[u8], &Pending)> {
        self.queue.values().filter_map(|key| {
            let pending = self.entries.get(key)?;
            pending.call.is_none().then_some((key.as_slice(), pending))
        })
    }

    /// All writes, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &Pending)> {
        self.queue.values().filter_map(|key| Some((key.as_slice(), self.entries.get(key)?)))
    }

    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.keys().map(Vec::as_slice)
    }

    /// The writes of which `of` is true are no longer known to be newer than what Redis holds.
    pub fn distrust(&mut self, of: impl Fn(&[u8]) -> bool) {
        for (key, pending) in &mut self.entries {
            if of(key) {
                pending.plain = false;
                pending.call = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(value: &[u8]) -> Op {
        Op::Set { value: value.to_vec(), expires: u64::MAX, fresh_until: u64::MAX, tags: Vec::new() }
    }

    fn at(now: Millis, op: Op) -> Pending {
        Pending::new(op, now, 0, false)
    }

    #[test]
    fn the_last_state_of_a_key_stays() {
        let (mut journal, options, mut dropped) = (Journal::default(), Options::default(), Vec::new());
        assert!(journal.put(b"k", at(1, set(b"one")), &options, &mut dropped));
        assert!(journal.put(b"k", at(2, Op::Remove), &options, &mut dropped));
        assert_eq!((journal.len(), journal.bytes()), (1, 1));
        assert_eq!(journal.get(b"k").map(|pending| &pending.op), Some(&Op::Remove));
    }

    #[test]
    fn a_full_journal_refuses_or_gives_up_the_oldest() {
        let mut options = Options { journal_entries: 2, ..Options::default() };
        let (mut journal, mut dropped) = (Journal::default(), Vec::new());
        assert!(journal.put(b"a", at(1, set(b"1")), &options, &mut dropped));
        assert!(journal.put(b"b", at(1, set(b"2")), &options, &mut dropped));
        assert!(!journal.put(b"c", at(1, set(b"3")), &options, &mut dropped));
        assert!(journal.put(b"a", at(1, set(b"4")), &options, &mut dropped), "a key that is there takes no more room");
        options.overflow = Overflow::DropOldest;
        assert!(journal.put(b"c", at(1, set(b"3")), &options, &mut dropped));
        assert_eq!(dropped, [(b"b".to_vec(), Dropped::Overflow)]);
    }
}
