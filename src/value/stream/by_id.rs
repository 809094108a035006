//! Things in the order of their IDs: pending entries of groups and of consumers.
//!
//! A deque of short sorted vectors. New IDs mostly come at the end and old ones go near the front, where both are cheap; anywhere else an
//! insertion or removal moves some tens of items.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::Id;

/// Items a chunk.
const CHUNK: usize = if cfg!(test) { 4 } else { 64 };

pub(super) trait Keyed: Copy {
    fn id(&self) -> Id;
}

impl Keyed for Id {
    fn id(&self) -> Id {
        *self
    }
}

/// A map from IDs to items that know their ID.
#[derive(Debug)]
pub(super) struct ById<T> {
    /// None is empty.
    chunks: VecDeque<Vec<T>>,
    len: usize,
    /// Items that all chunks have room for.
    room: usize,
}

impl<T> Default for ById<T> {
    fn default() -> Self {
        Self { chunks: VecDeque::new(), len: 0, room: 0 }
    }
}

impl<T: Keyed> Clone for ById<T> {
    fn clone(&self) -> Self {
        let chunks = self.chunks.clone();
        let room = chunks.iter().map(Vec::capacity).sum();
        Self { chunks, len: self.len, room }
    }
}

impl<T: Keyed> ById<T> {
    /// Heap bytes. O(1).
    pub fn memory(&self) -> usize {
        self.room * size_of::<T>() + self.chunks.capacity() * size_of::<Vec<T>>()
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Chunk and place of the first item from `id` on; behind all others where there is none.
    fn place(&self, id: Id) -> (usize, usize) {
        let behind = |chunk: &Vec<T>| chunk.last().is_some_and(|last| last.id() < id);
        let chunk = self.chunks.partition_point(behind);
        let at = self.chunks.get(chunk).map_or(0, |chunk| chunk.partition_point(|item| item.id() < id));
        (chunk, at)
    }

    pub fn get(&self, id: Id) -> Option<&T> {
        let (chunk, at) = self.place(id);
        self.chunks.get(chunk)?.get(at).filter(|item| item.id() == id)
    }

    pub fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        let (chunk, at) = self.place(id);
        self.chunks.get_mut(chunk)?.get_mut(at).filter(|item| item.id() == id)
    }

    /// Items from `id` on.
    pub fn from(&self, id: Id) -> impl Iterator<Item = &T> + use<'_, T> {
        let (chunk, mut at) = self.place(id);
        self.chunks.range(chunk.min(self.chunks.len())..).flat_map(move |chunk| {
            let items = chunk.get(at..).unwrap_or(&[]);
            at = 0;
            items
        })
    }

    pub fn first(&self) -> Option<&T> {
        self.chunks.front()?.first()
    }

    pub fn last(&self) -> Option<&T> {
        self.chunks.back()?.last()
    }

    /// Puts an item in; one of the same ID goes.
    pub fn insert(&mut self, item: T) {
        let id = item.id();
        let (mut index, mut at) = self.place(id);
        if let Some(same) = self.chunks.get_mut(index).and_then(|chunk| chunk.get_mut(at)).filter(|item| item.id() == id) {
            *same = item;
            return;
        }
        self.len += 1;
        if index == self.chunks.len() {
            // Behind all others: into the last chunk if it has a place.
            match self.chunks.back() {
                Some(last) if last.len() < CHUNK => (index, at) = (index - 1, last.len()),
                _ => self.chunks.push_back(Vec::new()),
            }
        }
        // `index` is a chunk now.
        if self.chunks[index].len() == CHUNK {
            let chunk = &mut self.chunks[index];
            let before = chunk.capacity();
            let right = chunk.split_off(CHUNK / 2);
            chunk.shrink_to_fit();
            self.room = self.room - before + chunk.capacity() + right.capacity();
            self.chunks.insert(index + 1, right);
            if at > CHUNK / 2 {
                (index, at) = (index + 1, at - CHUNK / 2);
            }
        }
        let chunk = &mut self.chunks[index];
        if chunk.len() == chunk.capacity() {
            let before = chunk.capacity();
            chunk.reserve_exact((chunk.len() / 2).max(2).min(CHUNK - chunk.len()));
            self.room += chunk.capacity() - before;
        }
        chunk.insert(at, item);
    }

    pub fn remove(&mut self, id: Id) -> Option<T> {
        let (index, at) = self.place(id);
        let chunk = self.chunks.get_mut(index)?;
        if chunk.get(at)?.id() != id {
            return None;
        }
        let item = chunk.remove(at);
        self.len -= 1;
        if chunk.is_empty() {
            self.room -= chunk.capacity();
            self.chunks.remove(index);
        } else if chunk.capacity() > 2 * chunk.len() + 4 {
            let before = chunk.capacity();
            chunk.shrink_to(chunk.len() + 2);
            self.room = self.room - before + chunk.capacity();
            self.join(index);
        }
        if self.chunks.capacity() > 4 * self.chunks.len() + 8 {
            self.chunks.shrink_to(2 * self.chunks.len());
        }
        Some(item)
    }

    /// Joins a chunk with the one behind it where both are small.
    fn join(&mut self, index: usize) {
        let fits = |(a, b): (&Vec<T>, &Vec<T>)| a.len() + b.len() <= CHUNK / 2;
        if !self.chunks.get(index).zip(self.chunks.get(index + 1)).is_some_and(fits) {
            return;
        }
        let Some(mut right) = self.chunks.remove(index + 1) else { return };
        // It was there a moment ago.
        let chunk = &mut self.chunks[index];
        let before = chunk.capacity() + right.capacity();
        chunk.reserve_exact(right.len());
        chunk.append(&mut right);
        self.room = self.room - before + chunk.capacity();
    }

    #[cfg(any(test, debug_assertions))]
    pub fn check(&self) {
        assert_eq!(self.len, self.chunks.iter().map(Vec::len).sum::<usize>());
        assert_eq!(self.room, self.chunks.iter().map(Vec::capacity).sum::<usize>());
        assert!(self.chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= CHUNK));
        let ids: Vec<Id> = self.from(Id::MIN).map(Keyed::id).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_sorted_set(steps in proptest::collection::vec((0u8..3, 0u64..60), 0..300)) {
            let (mut tested, mut model) = (ById::<Id>::default(), BTreeSet::new());
            for (step, ms) in steps {
                let id = Id { ms, seq: 0 };
                match step {
                    0 => prop_assert_eq!(tested.remove(id).is_some(), model.remove(&id)),
                    1 => {
                        tested.insert(id);
                        model.insert(id);
                    }
                    _ => {
                        prop_assert_eq!(tested.get(id).copied(), model.get(&id).copied());
                        prop_assert!(tested.from(id).eq(model.range(id..)));
                    }
                }
                tested.check();
                prop_assert_eq!(tested.len(), model.len());
                prop_assert_eq!(tested.first(), model.first());
                prop_assert_eq!(tested.last(), model.last());
            }
            tested.clone().check();
        }
    }
}
