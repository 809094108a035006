//! Consumer groups: how far a group has read, and who has been given what without having acknowledged it.
//!
//! ```text
//!   Group ── pending, by ID ──► { ID, delivered when and how often, number of its consumer }
//!     └──── consumers, by name and by number ──► Consumer ── pending, by ID ──► ID
//! ```
//!
//! A pending entry is one record, in the group. A consumer knows the IDs of its own, and finds their records in the group by ID.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Id;
use super::by_id::{ById, Keyed};

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    pub id: Id,
    /// When it was delivered last, in Unix milliseconds.
    pub delivered: u64,
    /// How often.
    pub deliveries: u64,
    pub consumer: ConsumerId,
}

impl Keyed for Pending {
    fn id(&self) -> Id {
        self.id
    }
}

/// A consumer's number in its group; another may have it once the consumer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerId(u32);

/// Somebody who reads for a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Box<[u8]>,
    /// When it last asked for anything, in Unix milliseconds.
    pub seen: u64,
    /// When it last got anything.
    pub active: Option<u64>,
    pending: ById<Id>,
}

impl Consumer {
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// How many entries it has not acknowledged.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    fn memory(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.pending.memory()
    }
}

#[derive(Clone, Debug)]
pub struct Group {
    name: Box<[u8]>,
    /// The greatest ID that was delivered.
    pub last: Id,
    /// How many of all entries ever added were read, where that is known.
    pub read: Option<i64>,
    pending: ById<Pending>,
    /// By number; a free number has none.
    consumers: Vec<Option<Box<Consumer>>>,
    /// Numbers in the order of the consumers' names.
    order: Vec<u32>,
    /// Heap bytes of the consumers, their own included.
    consumers_heap: usize,
}

impl Group {
    pub(super) fn new(name: &[u8], last: Id, read: Option<i64>) -> Self {
        let (pending, consumers, order) = (ById::default(), Vec::new(), Vec::new());
        Self { name: name.into(), last, read, pending, consumers, order, consumers_heap: 0 }
    }

    /// Heap bytes. O(1).
    pub(super) fn memory(&self) -> usize {
        self.name.len()
            + self.pending.memory()
            + self.consumers.capacity() * size_of::<Option<Box<Consumer>>>()
            + self.order.capacity() * size_of::<u32>()
            + self.consumers_heap
    }

    /// A copy with nothing but what it needs.
    pub(super) fn copy(&self) -> Self {
        let mut copy = self.clone();
        copy.consumers_heap = copy.consumers().map(Consumer::memory).sum();
        copy
    }

    pub fn name(&self) -> &[u8] {
        &self.name
    }

    // ---- consumers --------------------------------------------------------------------------------------------------------------

    pub fn consumer_count(&self) -> usize {
        self.order.len()
    }

    /// All consumers in the order of their names.
    pub fn consumers(&self) -> impl Iterator<Item = &Consumer> {
        self.order.iter().filter_map(|number| self.consumer(ConsumerId(*number)))
    }

    /// Their numbers in the order of their names.
    pub fn consumer_ids(&self) -> impl Iterator<Item = ConsumerId> + use<'_> {
        self.order.iter().map(|number| ConsumerId(*number))
    }

    pub fn consumer(&self, id: ConsumerId) -> Option<&Consumer> {
        self.consumers.get(id.0 as usize)?.as_deref()
    }

    pub fn consumer_mut(&mut self, id: ConsumerId) -> Option<&mut Consumer> {
        self.consumers.get_mut(id.0 as usize)?.as_deref_mut()
    }

    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.order.binary_search_by(|number| self.consumer(ConsumerId(*number)).map_or(&[][..], Consumer::name).cmp(name))
    }

    /// The consumer of a name. O(log n).
    pub fn find(&self, name: &[u8]) -> Option<ConsumerId> {
        let place = self.place(name).ok()?;
        self.order.get(place).map(|number| ConsumerId(*number))
    }

    /// The consumer of a name, and whether it is new.
    pub fn find_or_create(&mut self, name: &[u8], now: u64) -> (ConsumerId, bool) {
        let place = match self.place(name) {
            // A place that the search found is one.
            Ok(place) => return (ConsumerId(self.order[place]), false),
            Err(place) => place,
        };
        let consumer = Box::new(Consumer { name: name.into(), seen: now, active: None, pending: ById::default() });
        self.consumers_heap += consumer.memory();
        let free = if self.order.len() < self.consumers.len() { self.consumers.iter().position(Option::is_none) } else { None };
        let number = free.unwrap_or(self.consumers.len());
        if number == self.consumers.len() {
            room_for_one(&mut self.consumers);
            self.consumers.push(None);
        }
        self.consumers[number] = Some(consumer);
        room_for_one(&mut self.order);
        self.order.insert(place, number as u32);
        (ConsumerId(number as u32), true)
    }

    /// Removes a consumer with its pending entries; how many those were.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let place = self.place(name).ok()?;
        let number = self.order.remove(place);
        let consumer = self.consumers.get_mut(number as usize)?.take()?;
        self.consumers_heap -= consumer.memory();
        for id in consumer.pending.from(Id::MIN) {
            self.pending.remove(*id);
        }
        while self.consumers.last().is_some_and(Option::is_none) {
            self.consumers.pop();
        }
        if self.consumers.capacity() > 4 * self.consumers.len() + 8 {
            self.consumers.shrink_to_fit();
            self.order.shrink_to_fit();
        }
        Some(consumer.pending())
    }

    // ---- pending entries --------------------------------------------------------------------------------------------------------

    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    pub fn pending(&self, id: Id) -> Option<&Pending> {
        self.pending.get(id)
    }

    pub fn first_pending(&self) -> Option<&Pending> {
        self.pending.first()
    }

    pub fn last_pending(&self) -> Option<&Pending> {
        self.pending.last()
    }

    /// All pending entries from an ID on.
    pub fn pending_from(&self, id: Id) -> impl Iterator<Item = &Pending> + use<'_> {
        self.pending.from(id)
    }

    /// A consumer's pending entries from an ID on. O(log n) each.
    pub fn pending_of(&self, consumer: ConsumerId, id: Id) -> impl Iterator<Item = &Pending> + use<'_> {
        self.consumer(consumer)
            .into_iter()
            .flat_map(move |consumer| consumer.pending.from(id))
            .filter_map(|id| self.pending.get(*id))
    }

    /// Changes the record of a pending entry.
    pub fn redeliver(&mut self, id: Id, change: impl FnOnce(&mut Pending)) {
        if let Some(pending) = self.pending.get_mut(id) {
            let owner = pending.consumer;
            change(pending);
            pending.consumer = owner;
            pending.id = id;
        }
    }

    /// Gives an entry to a consumer, whoever had it before.
    pub fn assign(&mut self, new: Pending) {
        if let Some(old) = self.pending.get_mut(new.id) {
            let before = old.consumer;
            *old = new;
            if before == new.consumer {
                return;
            }
            self.own(before, |pending| {
                pending.remove(new.id);
            });
        } else {
            self.pending.insert(new);
        }
        self.own(new.consumer, |pending| pending.insert(new.id));
    }

    /// Ends the wait for an entry's acknowledgement; false if nobody had it.
    pub fn acknowledge(&mut self, id: Id) -> bool {
        let Some(pending) = self.pending.remove(id) else { return false };
        self.own(pending.consumer, |pending| {
            pending.remove(id);
        });
        true
    }

    fn own(&mut self, consumer: ConsumerId, change: impl FnOnce(&mut ById<Id>)) {
        if let Some(Some(consumer)) = self.consumers.get_mut(consumer.0 as usize) {
            self.consumers_heap -= consumer.pending.memory();
            change(&mut consumer.pending);
            self.consumers_heap += consumer.pending.memory();
        }
    }

    #[cfg(any(test, debug_assertions))]
    pub(super) fn check(&self) {
        self.pending.check();
        assert_eq!(self.consumers_heap, self.consumers().map(Consumer::memory).sum::<usize>());
        assert!(self.consumers().map(Consumer::name).is_sorted_by(|a, b| a < b));
        assert_eq!(self.consumers.iter().flatten().count(), self.order.len());
        let mut owned = 0;
        for id in self.consumer_ids() {
            let Some(consumer) = self.consumer(id) else { continue };
            consumer.pending.check();
            owned += consumer.pending();
            for pending in self.pending_of(id, Id::MIN) {
                assert_eq!(pending.consumer, id);
            }
            assert_eq!(self.pending_of(id, Id::MIN).count(), consumer.pending());
        }
        assert_eq!(owned, self.pending.len());
    }
}

/// Room for one more, a half more at a time: groups and consumers are few.
pub(super) fn room_for_one<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 2).max(1));
    }
}
