//! The stream: entries of fields and values in the order of their IDs, and the groups of consumers that read them.
//!
//! ```text
//!   blocks (a deque)   ┌─────────┬─────────┬─────────┐      each one allocation of about 4 KB,
//!                      │ 15-0 …  │ 90-3 …  │ 217-0 … │      found by the ID of its first entry
//!                      └─────────┴─────────┴─────────┘
//!   groups, by name    ┌──────────────┬─────────────────┐   see `group`
//!                      │ "mailers"    │ "billing"       │
//!                      └──────────────┴─────────────────┘
//! ```
//!
//! Seeking an ID is a binary search over blocks and a walk in one of them; adding and trimming happen at the deque's two ends. A block that
//! deletions emptied goes; if it is from the middle, the shorter side of the deque moves by 64 bytes a block.
//!
//! A stream stays when its last entry goes: its IDs go on where they were.

mod block;
mod by_id;
mod group;
mod word;

pub use block::Entry;
pub use group::{Consumer, ConsumerId, Group, Pending};
pub use word::Word;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use super::{Collection, Env, OutOfMemory};
use block::Block;

/// The ID of an entry: Unix milliseconds and a number among those of the same millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    pub ms: u64,
    pub seq: u64,
}

impl Id {
    pub const MIN: Self = Self { ms: 0, seq: 0 };
    pub const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };

    /// The ID after this one; there is none after [`Id::MAX`].
    pub fn next(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Self { ms: self.ms, seq }),
            None => self.ms.checked_add(1).map(|ms| Self { ms, seq: 0 }),
        }
    }

    /// The ID before this one; there is none before [`Id::MIN`].
    pub fn prev(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Self { ms: self.ms, seq }),
            None => self.ms.checked_sub(1).map(|ms| Self { ms, seq: u64::MAX }),
        }
    }
}

/// What removing an entry does to the groups that were given it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// They keep it pending.
    #[default]
    Keep,
    /// They forget it.
    Remove,
    /// Only entries that every group has been given and has acknowledged are removed.
    Acknowledged,
}

/// Down to where a stream is trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// To so many entries.
    Length(u64),
    /// To the entries from this ID on.
    Id(Id),
}

/// How a stream is trimmed.
#[derive(Clone, Copy, Debug)]
pub struct Trim {
    pub to: Threshold,
    /// Remove whole blocks only.
    pub approximate: bool,
    /// Remove about so many entries at most; 0 is any number.
    pub most: u64,
    pub references: References,
}

/// What counting in a stream needs to know of it.
#[derive(Clone, Copy)]
struct Totals {
    len: usize,
    first: Id,
    last: Id,
    max_deleted: Id,
    added: u64,
}

/// Entries with IDs, and groups of consumers.
#[derive(Debug, Default)]
pub struct Stream {
    /// None is empty.
    blocks: VecDeque<Block>,
    len: usize,
    /// Heap bytes of all blocks.
    blocks_heap: usize,
    /// In the order of their names.
    groups: Vec<Group>,
    /// Heap bytes of all groups.
    groups_heap: usize,
    /// The greatest ID ever given.
    pub last_id: Id,
    /// The greatest ID that was deleted (not trimmed).
    pub max_deleted_id: Id,
    /// Entries ever added.
    pub entries_added: u64,
}

/// Freeing a block takes as long as freeing so many small ones: its pages go back to the system.
const ELEMENTS_OF_A_BLOCK: usize = 4;

impl Collection for Stream {
    fn memory(&self) -> usize {
        self.blocks.capacity() * size_of::<Block>()
            + self.blocks_heap
            + self.groups.capacity() * size_of::<Group>()
            + self.groups_heap
    }

    fn len(&self) -> usize {
        self.len
    }

    /// Never in the sense that matters: a stream without entries is still there.
    fn is_empty(&self) -> bool {
        false
    }

    fn encoding(&self) -> &'static str {
        "stream"
    }
}

impl Clone for Stream {
    fn clone(&self) -> Self {
        let mut blocks = VecDeque::new();
        blocks.reserve_exact(self.blocks.len());
        blocks.extend(self.blocks.iter().cloned());
        let mut groups = Vec::new();
        groups.reserve_exact(self.groups.len());
        groups.extend(self.groups.iter().map(Group::copy));
        Self {
            blocks_heap: blocks.iter().map(Block::memory).sum(),
            groups_heap: groups.iter().map(Group::memory).sum(),
            blocks,
            groups,
            ..Self {
                len: self.len,
                last_id: self.last_id,
                max_deleted_id: self.max_deleted_id,
                entries_added: self.entries_added,
                ..Self::default()
            }
        }
    }
}

/// Where a live entry is: its block, and where it begins there.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    block: usize,
    at: usize,
}

impl Stream {
    pub fn new() -> Self {
        Self::default()
    }

    /// Frees blocks from the back, about as many as `budget` single elements would take the time of, and in the end all else; true then. For setting a
    /// large stream free in steps: after a first call that gave false nothing else may be asked but this.
    pub fn free_some(&mut self, budget: usize) -> bool {
        for _ in 0..(budget / ELEMENTS_OF_A_BLOCK).max(1) {
            let Some(block) = self.blocks.pop_back() else { break };
            self.blocks_heap -= block.memory();
        }
        self.blocks.is_empty()
    }

    // ---- adding -----------------------------------------------------------------------------------------------------------------

    /// Whether an entry of these names and values can be kept.
    pub fn can_hold(words: &[&[u8]]) -> bool {
        words.iter().fold(0usize, |sum, word| sum.saturating_add(word.len())) <= block::NODE_MAX
    }

    /// The ID that an entry gets at `now`; `None` once IDs are used up.
    pub fn next_id(&self, now: u64) -> Option<Id> {
        if now > self.last_id.ms { Some(Id { ms: now, seq: 0 }) } else { self.last_id.next() }
    }

    /// Adds an entry: `words` are names and values in turn, `id` is greater than [`Stream::last_id`].
    pub fn append(&mut self, env: &Env, id: Id, words: &[&[u8]]) -> Result<(), OutOfMemory> {
        let before = self.blocks.back().map_or(0, Block::memory);
        match self.blocks.back_mut() {
            Some(last) if !last.full(&env.limits, words) => {
                last.push(id, words)?;
                self.blocks_heap = self.blocks_heap - before + last.memory();
            }
            last => {
                let block = Block::new(id, words)?;
                if let Some(last) = last {
                    last.finish();
                    self.blocks_heap = self.blocks_heap - before + last.memory();
                }
                if self.blocks.len() == self.blocks.capacity() {
                    self.blocks.reserve_exact((self.blocks.len() / 2).max(1));
                }
                self.blocks_heap += block.memory();
                self.blocks.push_back(block);
            }
        }
        self.len += 1;
        self.last_id = id;
        self.entries_added = self.entries_added.wrapping_add(1);
        Ok(())
    }

    // ---- finding ----------------------------------------------------------------------------------------------------------------

    fn begin_of(&self, block: usize) -> Option<Cursor> {
        self.blocks.get(block).map(|found| Cursor { block, at: found.front() })
    }

    fn end_of(&self, block: usize) -> Option<Cursor> {
        self.blocks.get(block)?.back().map(|at| Cursor { block, at })
    }

    fn next(&self, from: Cursor) -> Option<Cursor> {
        match self.blocks.get(from.block)?.next(from.at) {
            Some(at) => Some(Cursor { at, ..from }),
            None => self.begin_of(from.block + 1),
        }
    }

    fn prev(&self, from: Cursor) -> Option<Cursor> {
        match self.blocks.get(from.block)?.prev(from.at) {
            Some(at) => Some(Cursor { at, ..from }),
            None => self.end_of(from.block.checked_sub(1)?),
        }
    }

    fn id_at(&self, cursor: Cursor) -> Id {
        self.blocks.get(cursor.block).map_or(Id::MAX, |block| block.id(cursor.at))
    }

    /// The first entry from `id` on.
    fn seek(&self, id: Id) -> Option<Cursor> {
        let block = self.blocks.partition_point(|block| block.first <= id).saturating_sub(1);
        match self.blocks.get(block)?.seek(id) {
            Some(at) => Some(Cursor { block, at }),
            None => self.begin_of(block + 1),
        }
    }

    /// The last entry up to `id`.
    fn seek_back(&self, id: Id) -> Option<Cursor> {
        if id >= self.last_id {
            return self.end_of(self.blocks.len().checked_sub(1)?);
        }
        match self.seek(id) {
            Some(found) if self.id_at(found) == id => Some(found),
            Some(behind) => self.prev(behind),
            None => self.end_of(self.blocks.len().checked_sub(1)?),
        }
    }

    fn exactly(&self, id: Id) -> Option<Cursor> {
        self.seek(id).filter(|found| self.id_at(*found) == id)
    }

    pub fn contains(&self, id: Id) -> bool {
        self.exactly(id).is_some()
    }

    /// The entry of an ID. O(log n).
    pub fn get(&self, id: Id) -> Option<Entry<'_>> {
        self.range(id, id).next()
    }

    /// The first entry's ID; 0-0 where there is none.
    pub fn first_id(&self) -> Id {
        self.begin_of(0).map_or(Id::MIN, |cursor| self.id_at(cursor))
    }

    /// The last entry's ID, which [`Stream::last_id`] may be beyond.
    pub fn top_id(&self) -> Option<Id> {
        self.seek_back(Id::MAX).map(|cursor| self.id_at(cursor))
    }

    /// Entries from one ID to another, both included.
    pub fn range(&self, from: Id, to: Id) -> Range<'_> {
        let at = if from <= to { self.seek(from) } else { None };
        Range { stream: self, at, end: to, back: false }
    }

    /// The same entries, the last one first.
    pub fn range_back(&self, from: Id, to: Id) -> Range<'_> {
        let at = if from <= to { self.seek_back(to) } else { None };
        Range { stream: self, at, end: from, back: true }
    }

    /// The entries of one of its [`Stream::blocks`].
    pub fn entries_of(&self, block: usize) -> Range<'_> {
        let end = self.end_of(block).map_or(Id::MIN, |cursor| self.id_at(cursor));
        Range { stream: self, at: self.begin_of(block), end, back: false }
    }

    // ---- removing ---------------------------------------------------------------------------------------------------------------

    /// Removes an entry; false if there is none of that ID.
    pub fn delete(&mut self, id: Id) -> bool {
        let Some(cursor) = self.exactly(id) else { return false };
        self.delete_at(cursor);
        self.max_deleted_id = self.max_deleted_id.max(id);
        true
    }

    /// Removes an entry as XDELEX does: with regard to the groups' references. `Some(false)` if it must stay.
    pub fn delete_referenced(&mut self, id: Id, references: References) -> Option<bool> {
        if !self.contains(id) {
            return None;
        }
        match references {
            References::Acknowledged if self.is_referenced(id) => return Some(false),
            References::Remove => self.forget(id),
            _ => {}
        }
        Some(self.delete(id))
    }

    /// Removes a live entry; true if its block went with it.
    fn delete_at(&mut self, cursor: Cursor) -> bool {
        let Some(block) = self.blocks.get_mut(cursor.block) else { return false };
        let before = block.memory();
        block.delete(cursor.at);
        let emptied = block.live == 0;
        self.blocks_heap = self.blocks_heap - before + if emptied { 0 } else { block.memory() };
        if emptied {
            self.blocks.remove(cursor.block);
            self.give_back();
        }
        self.len -= 1;
        emptied
    }

    fn give_back(&mut self) {
        if self.blocks.capacity() > 4 * self.blocks.len() + 4 {
            self.blocks.shrink_to(2 * self.blocks.len());
        }
    }

    /// Removes entries at the front; how many.
    pub fn trim(&mut self, trim: &Trim) -> usize {
        let before = self.len;
        let mut index = 0;
        while let Some(block) = self.blocks.get(index) {
            let (live, done) = (block.live as usize, (before - self.len) as u64);
            let enough = |len: usize| matches!(trim.to, Threshold::Length(length) if len as u64 <= length);
            if enough(self.len) || (trim.most != 0 && done.saturating_add(live as u64) > trim.most) {
                break;
            }
            let whole = match trim.to {
                Threshold::Length(length) => (self.len - live) as u64 >= length,
                Threshold::Id(id) => block.last_ever() < id,
            };
            if whole && trim.references == References::Keep {
                self.blocks_heap -= block.memory();
                self.blocks.remove(index);
                self.len -= live;
                continue;
            }
            if trim.approximate && (!whole || (trim.references == References::Acknowledged && self.any_referenced(index))) {
                break;
            }
            let emptied = self.trim_in(index, trim);
            if trim.references != References::Acknowledged && !emptied {
                break;
            }
            index += usize::from(!emptied);
        }
        self.give_back();
        before - self.len
    }

    /// Removes entries one by one at the front of a block; true if that removed it.
    fn trim_in(&mut self, index: usize, trim: &Trim) -> bool {
        let mut next = self.begin_of(index).map(|cursor| self.id_at(cursor));
        while let Some(id) = next {
            let stop = match trim.to {
                Threshold::Length(length) => self.len as u64 <= length,
                Threshold::Id(least) => id >= least,
            };
            // Deleting may move the entries of the block: the place is looked for anew.
            let Some(cursor) = self.seek(id).filter(|cursor| cursor.block == index && !stop) else { return false };
            let following = self.next(cursor).filter(|next| next.block == index).map(|next| self.id_at(next));
            if trim.references != References::Acknowledged || !self.is_referenced(id) {
                if trim.references == References::Remove {
                    self.forget(id);
                }
                if self.delete_at(cursor) {
                    return true;
                }
            }
            next = following;
        }
        false
    }

    fn any_referenced(&self, index: usize) -> bool {
        let mut cursor = self.begin_of(index);
        while let Some(here) = cursor.filter(|here| here.block == index) {
            if self.is_referenced(self.id_at(here)) {
                return true;
            }
            cursor = self.next(here);
        }
        false
    }

    // ---- groups -----------------------------------------------------------------------------------------------------------------

    /// All groups in the order of their names.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.groups.binary_search_by(|group| group.name().cmp(name))
    }

    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.place(name).ok().and_then(|place| self.groups.get(place))
    }

    pub fn group_mut(&mut self, name: &[u8]) -> Option<GroupMut<'_>> {
        let place = self.place(name).ok()?;
        let group = self.groups.get_mut(place)?;
        Some(GroupMut { before: group.memory(), heap: &mut self.groups_heap, group })
    }

    /// Makes a group; false if there is one of that name.
    pub fn create_group(&mut self, name: &[u8], last: Id, read: Option<i64>) -> bool {
        let Err(place) = self.place(name) else { return false };
        let group = Group::new(name, last, read);
        self.groups_heap += group.memory();
        group::room_for_one(&mut self.groups);
        self.groups.insert(place, group);
        true
    }

    /// Removes a group with its consumers; false if there is none of that name.
    pub fn remove_group(&mut self, name: &[u8]) -> bool {
        let Ok(place) = self.place(name) else { return false };
        let group = self.groups.remove(place);
        self.groups_heap -= group.memory();
        if self.groups.capacity() > 4 * self.groups.len() + 4 {
            self.groups.shrink_to_fit();
        }
        true
    }

    /// Whether a group has not been given an entry yet, or has not acknowledged it.
    pub fn is_referenced(&self, id: Id) -> bool {
        self.groups.iter().any(|group| group.last < id || group.pending(id).is_some())
    }

    /// Takes an entry off every group's pending ones.
    pub fn forget(&mut self, id: Id) {
        for group in &mut self.groups {
            let mut group = GroupMut { before: group.memory(), heap: &mut self.groups_heap, group };
            group.acknowledge(id);
        }
    }

    fn totals(&self) -> Totals {
        Totals {
            len: self.len,
            first: self.first_id(),
            last: self.last_id,
            max_deleted: self.max_deleted_id,
            added: self.entries_added,
        }
    }

    /// Delivers entries that a group has not seen to one of its consumers, `count` at most (0: all). They become pending unless `acknowledged`.
    /// Returns where they begin and how many they are.
    pub fn deliver(&mut self, group: &[u8], consumer: ConsumerId, count: usize, acknowledged: bool, now: u64) -> (Id, usize) {
        let totals = self.totals();
        let Ok(place) = self.place(group) else { return (Id::MIN, 0) };
        let start = self.groups.get(place).and_then(|group| group.last.next()).unwrap_or(Id::MAX);
        let mut cursor = self.seek(start);
        let mut delivered = 0;
        while let Some(here) = cursor {
            let id = self.id_at(here);
            // The place of a group that was just found.
            let group = &mut self.groups[place];
            group.read = match group.read {
                Some(read) if !totals.has_tombstones_from(id) => Some(read.wrapping_add(1)),
                read if totals.added == 0 => read,
                _ => totals.distance(id),
            };
            group.last = id;
            if !acknowledged {
                let mut group = GroupMut { before: group.memory(), heap: &mut self.groups_heap, group };
                group.assign(Pending { id, delivered: now, deliveries: 1, consumer });
            }
            delivered += 1;
            if delivered == count {
                break;
            }
            cursor = self.next(here);
        }
        (start, delivered)
    }

    /// How many entries a group has yet to read, where that is known.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        let totals = self.totals();
        if totals.added == 0 {
            return Some(0);
        }
        let read = group.read.filter(|_| !totals.has_tombstones_from(group.last)).or_else(|| totals.distance(group.last))?;
        Some((totals.added as i64).wrapping_sub(read))
    }

    /// How many entries were ever added up to an ID, where that is known: what a group that was given all up to it has read.
    pub fn entries_read_up_to(&self, id: Id) -> Option<i64> {
        self.totals().distance(id)
    }

    // ---- telling ----------------------------------------------------------------------------------------------------------------

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Nodes of a compressed prefix tree over the blocks' first IDs: what clients know as `radix-tree-nodes`. O(blocks).
    pub fn tree_nodes(&self) -> usize {
        const KEY: u32 = 16;
        let key = |block: &Block| (u128::from(block.first.ms) << 64) | u128::from(block.first.seq);
        let shared = |at: usize| match (self.blocks.get(at), self.blocks.get(at + 1)) {
            (Some(a), Some(b)) => Some((key(a) ^ key(b)).leading_zeros() / 8),
            _ => None,
        };
        // A node for what ends or branches at `depth`, and one for the bytes since the branching above, whose own byte is in that one.
        let nodes_to = |depth: u32, above: Option<u32>| 1 + usize::from(above.map_or(depth, |above| depth - above - 1) > 0);
        // Depths of the branchings on the way to the present key.
        let mut open: Vec<u32> = Vec::new();
        let (mut nodes, mut before) = (0, None);
        for at in 0..self.blocks.len() {
            let next = shared(at);
            nodes += nodes_to(KEY, before.max(next));
            while let Some(depth) = open.pop_if(|depth| next.is_none_or(|next| *depth > next)) {
                nodes += nodes_to(depth, open.last().copied().max(next));
            }
            if let Some(next) = next.filter(|next| open.last() != Some(next)) {
                open.push(next);
            }
            before = next;
        }
        nodes.max(1)
    }

    /// Checks everything that must always hold. O(n).
    #[cfg(any(test, debug_assertions))]
    #[doc(hidden)]
    pub fn check(&self) {
        self.blocks.iter().for_each(Block::check);
        assert_eq!(self.len, self.blocks.iter().map(|block| block.live as usize).sum::<usize>());
        assert_eq!(self.blocks_heap, self.blocks.iter().map(Block::memory).sum::<usize>());
        let ids: Vec<Id> = self.range(Id::MIN, Id::MAX).map(|entry| entry.id).collect();
        assert_eq!(ids.len(), self.len);
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!(ids.last().is_none_or(|last| *last <= self.last_id));
        self.groups.iter().for_each(Group::check);
        assert_eq!(self.groups_heap, self.groups.iter().map(Group::memory).sum::<usize>());
        assert!(self.groups.is_sorted_by(|a, b| a.name() < b.name()));
    }
}

impl Totals {
    /// Whether an entry from `id` on was deleted, so that counting forward from there goes wrong.
    fn has_tombstones_from(&self, id: Id) -> bool {
        self.len > 0 && self.max_deleted != Id::MIN && self.first <= self.max_deleted && id <= self.max_deleted
    }

    /// How many entries were ever added up to `id`, where that is known.
    fn distance(&self, id: Id) -> Option<i64> {
        let added = self.added as i64;
        let remaining = added.wrapping_sub(self.len as i64);
        if added == 0 {
            return Some(0);
        }
        if id == self.last || (self.len == 0 && id < self.last) {
            return Some(added);
        }
        if id > self.last || (self.max_deleted != Id::MIN && self.max_deleted >= self.first) {
            return None;
        }
        match id.cmp(&self.first) {
            core::cmp::Ordering::Less => Some(remaining),
            core::cmp::Ordering::Equal => Some(remaining.wrapping_add(1)),
            core::cmp::Ordering::Greater => None,
        }
    }
}

/// A group that may be changed; its stream's books are right again when this goes.
pub struct GroupMut<'s> {
    group: &'s mut Group,
    heap: &'s mut usize,
    before: usize,
}

impl Deref for GroupMut<'_> {
    type Target = Group;

    fn deref(&self) -> &Group {
        self.group
    }
}

impl DerefMut for GroupMut<'_> {
    fn deref_mut(&mut self) -> &mut Group {
        self.group
    }
}

impl Drop for GroupMut<'_> {
    fn drop(&mut self) {
        *self.heap = *self.heap - self.before + self.group.memory();
    }
}

/// Entries of a stream in order, forward or back.
#[derive(Clone)]
pub struct Range<'s> {
    stream: &'s Stream,
    at: Option<Cursor>,
    /// The last ID that belongs to it.
    end: Id,
    back: bool,
}

impl<'s> Iterator for Range<'s> {
    type Item = Entry<'s>;

    fn next(&mut self) -> Option<Entry<'s>> {
        let here = self.at?;
        let entry = self.stream.blocks.get(here.block)?.entry(here.at);
        let within = if self.back { entry.id >= self.end } else { entry.id <= self.end };
        self.at = match self.back {
            _ if !within => None,
            true => self.stream.prev(here),
            false => self.stream.next(here),
        };
        within.then_some(entry)
    }
}

#[cfg(test)]
mod tests;
