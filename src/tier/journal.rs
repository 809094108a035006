//! The journal: writes that Redis has not seen yet, one a key, the last state of each; where their order is to be kept across keys
//! ([`Options::ordered`]) every one of them.
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

impl Op {
    /// What is set.
    pub fn value(&self) -> Option<&[u8]> {
        match self {
            Self::Set { value, .. } => Some(value),
            Self::Remove => None,
        }
    }
}

/// A write that waits.
#[derive(Clone, Debug)]
pub struct Pending {
    pub op: Op,
    /// When it was written, on the machine's clock.
    pub written: Millis,
    /// Tells what was asked for later, and so its place.
    pub issued: u64,
    /// Acknowledged by a node that was up (write-behind), and no outage since: it is sent as it is.
    pub plain: bool,
    /// On its way.
    pub call: Option<CallId>,
}

impl Pending {
    pub fn new(op: Op, written: Millis, issued: u64, plain: bool) -> Self {
        Self { op, written, issued, plain, call: None }
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
    /// In the order in which they were asked for.
    writes: BTreeMap<u64, (Vec<u8>, Pending)>,
    /// The place of each key's last one.
    last: BTreeMap<Vec<u8>, u64>,
    pub clears: Vec<Clear>,
    /// Clearings of an earlier process, which nodes that come to be known have to do too.
    pub restored_clears: Vec<Vec<u8>>,
    /// What a shell is told to keep, if it does.
    pub log: Option<Log>,
    bytes: usize,
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
        self.writes.is_empty() && self.clears.is_empty()
    }

    pub fn len(&self) -> usize {
        self.writes.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The last write of a key.
    pub fn get(&self, key: &[u8]) -> Option<&Pending> {
        self.at(*self.last.get(key)?)
    }

    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut Pending> {
        self.at_mut(*self.last.get(key)?)
    }

    pub fn at(&self, place: u64) -> Option<&Pending> {
        self.writes.get(&place).map(|(_, pending)| pending)
    }

    pub fn at_mut(&mut self, place: u64) -> Option<&mut Pending> {
        self.writes.get_mut(&place).map(|(_, pending)| pending)
    }

    /// Notes a write: in place of an earlier one of the key, or after it. What had to go for it is in `dropped`; `false` where it found no room.
    pub fn put(&mut self, key: &[u8], write: Pending, options: &Options, dropped: &mut Vec<(Vec<u8>, Dropped)>) -> bool {
        let need = weight(key, &write.op);
        let place = self.last.get(key).copied().filter(|_| !options.ordered);
        let old = place.and_then(|place| self.take(place));
        let fits = |journal: &Self| {
            journal.writes.len() < options.journal_entries && journal.bytes.saturating_add(need) <= options.journal_bytes
        };
        while !fits(self) {
            let oldest = match options.overflow {
                Overflow::DropOldest => self.writes.first_key_value().map(|(place, _)| *place),
                Overflow::Reject => None,
            };
            let Some((oldest, _)) = oldest.and_then(|oldest| self.settle(oldest)) else {
                // The earlier write of the key stands.
                if let Some((key, old)) = old {
                    self.insert(&key, old);
                }
                return false;
            };
            dropped.push((oldest, Dropped::Overflow));
        }
        self.log_settled(place);
        self.insert(key, write);
        self.note(key);
        true
    }

    fn insert(&mut self, key: &[u8], pending: Pending) {
        self.bytes = self.bytes.saturating_add(weight(key, &pending.op));
        let last = self.last.entry(key.to_vec()).or_default();
        *last = pending.issued.max(*last);
        self.writes.insert(pending.issued, (key.to_vec(), pending));
    }

    /// The write that waits for a key is not what it was.
    pub fn note(&mut self, key: &[u8]) {
        let Some((key, pending)) = self.last.get(key).and_then(|place| self.writes.get(place)) else { return };
        if let Some(log) = &mut self.log {
            log.wrote(key, pending);
        }
    }

    fn log_settled(&mut self, place: Option<u64>) {
        if let (Some(log), Some(place)) = (&mut self.log, place) {
            log.settled(place);
        }
    }

    /// Removes one write: it waits no longer.
    pub fn settle(&mut self, place: u64) -> Option<(Vec<u8>, Pending)> {
        let taken = self.take(place)?;
        self.log_settled(Some(place));
        Some(taken)
    }

    fn take(&mut self, place: u64) -> Option<(Vec<u8>, Pending)> {
        let (key, pending) = self.writes.remove(&place)?;
        if self.last.get(&key) == Some(&place) {
            self.last.remove(&key);
        }
        self.bytes = self.bytes.saturating_sub(weight(&key, &pending.op));
        Some((key, pending))
    }

    /// Removes all writes of a key; the last of them.
    pub fn remove(&mut self, key: &[u8]) -> Option<Pending> {
        self.remove_earlier(key);
        let (_, pending) = self.settle(*self.last.get(key)?)?;
        Some(pending)
    }

    /// Removes all writes of a key but the last.
    pub fn remove_earlier(&mut self, key: &[u8]) {
        // As long as no key has two.
        let Some(last) = self.last.get(key).copied().filter(|_| self.writes.len() > self.last.len()) else { return };
        let of_key = self.writes.range(..last).filter(|(_, (other, _))| other == key);
        let earlier: Vec<u64> = of_key.map(|(place, _)| *place).collect();
        for place in earlier {
            self.settle(place);
        }
    }

    /// Removes all writes below a prefix.
    pub fn remove_below(&mut self, prefix: &[u8]) {
        let below = self.writes.iter().filter(|(_, (key, _))| key.starts_with(prefix));
        let below: Vec<u64> = below.map(|(place, _)| *place).collect();
        for place in below {
            self.settle(place);
        }
    }

    /// Waiting writes that are not on their way, oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = (&[u8], &Pending)> {
        self.entries().filter(|(_, pending)| pending.call.is_none())
    }

    /// All writes, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &Pending)> {
        self.writes.values().map(|(key, pending)| (key.as_slice(), pending))
    }

    /// The oldest write.
    pub fn first(&self) -> Option<(&[u8], &Pending)> {
        self.writes.first_key_value().map(|(_, (key, pending))| (key.as_slice(), pending))
    }

    /// The keys that are written.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.last.keys().map(Vec::as_slice)
    }

    /// The writes of which `of` is true are no longer known to be newer than what Redis holds.
    pub fn distrust(&mut self, of: impl Fn(&[u8]) -> bool) {
        for (key, pending) in self.writes.values_mut() {
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

    fn at(issued: u64, op: Op) -> Pending {
        Pending::new(op, 1, issued, false)
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
    fn where_order_counts_every_write_stays() {
        let options = Options { ordered: true, ..Options::default() };
        let (mut journal, mut dropped) = (Journal::default(), Vec::new());
        for (issued, key, value) in [(1, b"a", b"1"), (2, b"b", b"2"), (3, b"a", b"3")] {
            assert!(journal.put(key, at(issued, set(value)), &options, &mut dropped));
        }
        assert_eq!((journal.len(), journal.bytes(), journal.keys().count()), (3, 6, 2));
        assert_eq!(journal.get(b"a").map(|pending| &pending.op), Some(&set(b"3")));
        assert_eq!(journal.settle(1).map(|(key, _)| key), Some(b"a".to_vec()));
        assert_eq!(journal.get(b"a").map(|pending| &pending.op), Some(&set(b"3")), "one of two is done");
        journal.put(b"a", at(4, set(b"4")), &options, &mut dropped);
        assert_eq!(journal.remove(b"a").map(|pending| pending.op), Some(set(b"4")));
        assert_eq!((journal.len(), journal.bytes()), (1, 2));
    }

    #[test]
    fn a_full_journal_refuses_or_gives_up_the_oldest() {
        let mut options = Options { journal_entries: 2, ..Options::default() };
        let (mut journal, mut dropped) = (Journal::default(), Vec::new());
        assert!(journal.put(b"a", at(1, set(b"1")), &options, &mut dropped));
        assert!(journal.put(b"b", at(2, set(b"2")), &options, &mut dropped));
        assert!(!journal.put(b"c", at(3, set(b"3")), &options, &mut dropped));
        assert!(journal.put(b"a", at(4, set(b"4")), &options, &mut dropped), "a key that is there takes no more room");
        options.overflow = Overflow::DropOldest;
        assert!(journal.put(b"c", at(5, set(b"3")), &options, &mut dropped));
        assert_eq!(dropped, [(b"b".to_vec(), Dropped::Overflow)]);
    }
}
