//! The list: one packed sequence while it is short, and a two-level directory of such sequences when it is long.
//!
//! ```text
//!   chunks (a deque)    ┌──────────────┬──────────────┬──────────────┐
//!                       │ len 4711     │ len 5100     │ len 17       │
//!                       └──┬───────────┴──┬───────────┴──┬───────────┘
//!   nodes (a vector)       ▼              ▼              ▼
//!                       ┌──┬──┬ ─ ┬──┐ ┌──┬──┬ ─ ┬──┐ ┌──┬──┐    at most CHUNK nodes each
//!                       └──┴──┴ ─ ┴──┘ └──┴──┴ ─ ┴──┘ └──┴──┘
//!                         each a `Packed` of at most `list-max-listpack-size`
//! ```
//!
//! Finding an index adds up the counts of chunks from the nearer end, then the counts of that chunk's nodes, then walks in
//! one node: with a million short elements about 6 chunks, 256 nodes and 700 elements at the very most, and about the same
//! for ten million. A balanced tree would save nothing that can be measured before there are thousands of chunks.
//!
//! Why not one vector of nodes: with one element a node (long elements, or a limit of 1) a million of them would be moved by
//! each LINSERT. Here one chunk of pointers is moved, and the chunk is split when it is full.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::iter::FusedIterator;

use super::packed::{self, Packed};
use super::{Collection, Env, Limits};

/// Nodes a chunk. 256 make a chunk a vector of 6 KiB, which an insertion in its middle moves in about 60 ns.
const CHUNK: usize = if cfg!(test) { 4 } else { 256 };

/// One end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Front,
    Back,
}

/// Freeing a node takes as long as freeing so many small blocks: its pages go back to the system.
const ELEMENTS_OF_A_NODE: usize = 4;

/// A sequence of byte strings with two ends. Indexes count from 0 at the front.
pub struct List {
    form: Form,
}

enum Form {
    Small(Packed),
    Large(Box<Large>),
}

/// No node and no chunk in it is empty.
struct Large {
    chunks: VecDeque<Chunk>,
    /// Elements in all chunks.
    len: usize,
    /// Heap bytes of all chunks: [`Chunk::heap`] of each, summed.
    heap: usize,
}

struct Chunk {
    nodes: Vec<Packed>,
    /// Elements in all nodes.
    len: usize,
}

/// Where an element is in a [`Large`].
#[derive(Clone, Copy)]
struct Place {
    chunk: usize,
    node: usize,
    /// Index in the node.
    at: usize,
}

/// What one node may hold.
#[derive(Clone, Copy)]
struct NodeLimit {
    entries: usize,
    bytes: usize,
}

impl NodeLimit {
    /// Reads `list-max-listpack-size`. A number of entries still ends at 8 KiB.
    fn of(limits: &Limits) -> Self {
        match limits.list_max_listpack_size {
            class @ ..0 => Self { entries: usize::MAX, bytes: 2048 << class.unsigned_abs().min(5) },
            entries => Self { entries: entries.unsigned_abs().max(1) as usize, bytes: 8192 },
        }
    }

    fn half(self) -> Self {
        Self { entries: self.entries / 2, bytes: self.bytes / 2 }
    }

    fn holds(self, entries: usize, bytes: usize) -> bool {
        entries <= self.entries && bytes <= self.bytes
    }

    /// Whether an element of `len` bytes may join `node`. One that is too long for any node may have one of its own.
    fn admits(self, node: &Packed, len: usize) -> bool {
        node.is_empty() || self.holds(node.len() + 1, node.byte_len().saturating_add(Packed::cost(len)))
    }

    /// Whether an element of `len` bytes may take the place of one of `old` bytes in `node`.
    fn admits_instead(self, node: &Packed, old: usize, len: usize) -> bool {
        let others = node.byte_len() - Packed::cost(old);
        node.len() == 1 || self.holds(node.len(), others.saturating_add(Packed::cost(len)))
    }

    fn admits_both(self, left: &Packed, right: &Packed) -> bool {
        self.holds(left.len() + right.len(), left.byte_len() + right.byte_len())
    }
}

impl List {
    /// An empty list. Allocates nothing.
    pub fn new() -> Self {
        Self { form: Form::Small(Packed::new()) }
    }

    /// Whether an element can be kept at all: 4 GiB are too much, 2 GiB on 32-bit machines.
    pub fn can_hold(value: &[u8]) -> bool {
        storable(value)
    }

    /// Frees nodes from the back, about as many as `budget` single elements would take the time of; true once all are gone. For setting a large list
    /// free in steps: after a first call that gave false nothing else may be asked but this.
    pub fn free_some(&mut self, budget: usize) -> bool {
        let Form::Large(large) = &mut self.form else { return true };
        for _ in 0..(budget / ELEMENTS_OF_A_NODE).max(1) {
            let Some(chunk) = large.chunks.back_mut() else { return true };
            large.heap -= chunk.nodes.pop().map_or(0, |node| node.memory());
            if chunk.nodes.is_empty() {
                large.heap -= chunk.heap();
                large.chunks.pop_back();
            }
        }
        large.chunks.is_empty()
    }

    /// Adds an element at one end. O(1) amortised. False, and nothing done, for an element that it
    /// cannot [hold](List::can_hold).
    pub fn push(&mut self, env: &Env, end: End, value: &[u8]) -> bool {
        let limit = NodeLimit::of(&env.limits);
        match &mut self.form {
            Form::Small(node) if limit.admits(node, value.len()) => push(node, end, value),
            _ if !storable(value) => false,
            _ => self.large().is_some_and(|large| large.push(limit, end, value)),
        }
    }

    /// Removes and gives the element at one end. O(1) amortised.
    pub fn pop(&mut self, env: &Env, end: End) -> Option<Vec<u8>> {
        let value = self.end(end)?.to_vec();
        let index = match end {
            End::Front => 0,
            End::Back => self.len() - 1,
        };
        self.remove_range(env, index, 1);
        Some(value)
    }

    /// The element at one end. O(1).
    pub fn end(&self, end: End) -> Option<&[u8]> {
        match end {
            End::Front => self.get(0),
            End::Back => self.get(self.len().checked_sub(1)?),
        }
    }

    /// The element at `index`. O(log n) in effect, see the module's page; O(1) near the ends.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        match &self.form {
            Form::Small(node) => node.get(index),
            Form::Large(large) => large.place(index).and_then(|place| large.node(place).get(place.at)),
        }
    }

    /// Replaces the element at `index`. False, and nothing done, if there is none or the value is too long to be kept.
    /// Cost as [`List::get`].
    pub fn set(&mut self, env: &Env, index: usize, value: &[u8]) -> bool {
        if index >= self.len() || !storable(value) {
            return false;
        }
        let limit = NodeLimit::of(&env.limits);
        let done = match &mut self.form {
            Form::Small(node) => replace(node, limit, index, value),
            Form::Large(large) => large
                .place(index)
                .is_some_and(|place| large.edit(place.chunk, place.node, |node| replace(node, limit, place.at, value))),
        };
        if !done {
            self.remove_range(env, index, 1);
            return self.insert(env, index, value);
        }
        true
    }

    /// Inserts an element before the one at `index`, or at the back if `index` is the length. False, and nothing done, for
    /// a greater index or a value too long to be kept. Cost as [`List::get`].
    pub fn insert(&mut self, env: &Env, index: usize, value: &[u8]) -> bool {
        let len = self.len();
        if index > len || !storable(value) {
            return false;
        }
        if index == 0 || index == len {
            return self.push(env, if index == 0 { End::Front } else { End::Back }, value);
        }
        let limit = NodeLimit::of(&env.limits);
        match &mut self.form {
            Form::Small(node) if limit.admits(node, value.len()) => insert(node, index, value),
            _ => self.large().is_some_and(|large| large.insert(limit, index, value)),
        }
    }

    /// Removes `count` elements from `index` on, or as many as there are. O(nodes freed) besides finding the index.
    pub fn remove_range(&mut self, env: &Env, index: usize, count: usize) {
        match &mut self.form {
            Form::Small(node) => {
                if let Some(pos) = node.seek(index) {
                    node.remove(pos, count);
                }
            }
            Form::Large(large) => {
                large.remove_range(NodeLimit::of(&env.limits), index, count);
                self.settle(env);
            }
        }
    }

    /// Keeps `count` elements from `start` on and removes all others. O(nodes freed) besides finding the indexes.
    pub fn trim(&mut self, env: &Env, start: usize, count: usize) {
        let end = start.saturating_add(count);
        self.remove_range(env, end, self.len().saturating_sub(end));
        self.remove_range(env, 0, start);
    }

    /// Removes at most `max` elements equal to `value`, those nearest to `end`. How many were removed. O(n).
    pub fn remove_equal(&mut self, env: &Env, value: &[u8], end: End, max: usize) -> usize {
        match &mut self.form {
            Form::Small(node) => remove_equal(node, value, end, max),
            Form::Large(large) => {
                let removed = large.remove_equal(NodeLimit::of(&env.limits), value, end, max);
                self.settle(env);
                removed
            }
        }
    }

    /// Index of the first element equal to `value`. O(n).
    pub fn position(&self, value: &[u8]) -> Option<usize> {
        self.iter().position(|element| element == value)
    }

    /// All elements from the front.
    pub fn iter(&self) -> Iter<'_> {
        self.iter_from(0)
    }

    /// Elements from the one at `index` on to the back; none if there is no such index. Finding the first costs as
    /// [`List::get`], each further one O(1).
    pub fn iter_from(&self, index: usize) -> Iter<'_> {
        self.walk(index, false)
    }

    /// Elements from the one at `index` on towards the front; none if there is no such index. Cost as [`List::iter_from`].
    pub fn iter_back_from(&self, index: usize) -> Iter<'_> {
        self.walk(index, true)
    }

    fn walk(&self, index: usize, backward: bool) -> Iter<'_> {
        let len = self.len();
        let (large, place, node) = match &self.form {
            Form::Small(node) => (None, Place { chunk: 0, node: 0, at: index }, Some(node)),
            Form::Large(large) => match large.place(index) {
                Some(place) => (Some(&**large), place, Some(large.node(place))),
                None => (None, Place { chunk: 0, node: 0, at: 0 }, None),
            },
        };
        let elements = match node {
            Some(node) if index < len && backward => node.iter_through(place.at),
            Some(node) if index < len => node.iter_from(place.at),
            _ => return Iter { large: None, chunk: 0, node: 0, elements: packed::Iter::default(), left: 0, backward },
        };
        let left = if backward { index + 1 } else { len - index };
        Iter { large, chunk: place.chunk, node: place.node, elements, left, backward }
    }

    /// The large form, into which the list is brought if it is not in it. The list must not be empty.
    fn large(&mut self) -> Option<&mut Large> {
        if let Form::Small(node) = &mut self.form {
            let mut node = core::mem::take(node);
            node.shrink_to_fit();
            self.form = Form::Large(Box::new(Large::of(node)));
        }
        match &mut self.form {
            Form::Large(large) => Some(large),
            Form::Small(_) => None,
        }
    }

    /// Brings a list back to the small form when half a node would hold it: only half, so that a list that goes back and
    /// forth over the limit does not change its form each time.
    fn settle(&mut self, env: &Env) {
        let Form::Large(large) = &mut self.form else { return };
        if large.len == 0 {
            self.form = Form::Small(Packed::new());
        } else if let Some(node) = large.reduce(NodeLimit::of(&env.limits).half()) {
            self.form = Form::Small(node);
        }
    }

    /// Asserts what must always hold.
    #[cfg(any(test, debug_assertions))]
    #[doc(hidden)]
    pub fn check(&self) {
        match &self.form {
            Form::Small(node) => node.check(),
            Form::Large(large) => large.check(),
        }
    }
}

impl Collection for List {
    fn memory(&self) -> usize {
        match &self.form {
            Form::Small(node) => node.memory(),
            Form::Large(large) => size_of::<Large>() + large.chunks.capacity() * size_of::<Chunk>() + large.heap,
        }
    }

    fn len(&self) -> usize {
        match &self.form {
            Form::Small(node) => node.len(),
            Form::Large(large) => large.len,
        }
    }

    /// Redis 7.0 calls every list a quicklist.
    fn encoding(&self) -> &'static str {
        "quicklist"
    }
}

impl Large {
    fn of(node: Packed) -> Self {
        let chunk = Chunk::of(node);
        Self { len: chunk.len, heap: chunk.heap(), chunks: VecDeque::from([chunk]) }
    }

    // Indexing below: a `Place` is used before anything moves, and no chunk or node is empty.

    fn node(&self, place: Place) -> &Packed {
        &self.chunks[place.chunk].nodes[place.node]
    }

    /// Takes everything out as one node, if there are at most two nodes and the limit allows.
    fn reduce(&mut self, limit: NodeLimit) -> Option<Packed> {
        if self.chunks.len() != 1 || self.chunks.front()?.nodes.len() > 2 {
            return None;
        }
        self.join_nodes(limit, 0, 0);
        match self.chunks.front_mut()?.nodes.as_mut_slice() {
            [node] if limit.holds(node.len(), node.byte_len()) => Some(core::mem::take(node)),
            _ => None,
        }
    }

    fn place(&self, index: usize) -> Option<Place> {
        if index >= self.len {
            return None;
        }
        let (chunk, index) = nth(self.chunks.iter().map(|chunk| chunk.len), self.len, index)?;
        let inside = &self.chunks[chunk];
        let (node, at) = nth(inside.nodes.iter().map(Packed::len), inside.len, index)?;
        Some(Place { chunk, node, at })
    }

    /// Changes a node and books the difference. The change must not empty it.
    fn edit<R>(&mut self, chunk: usize, node: usize, change: impl FnOnce(&mut Packed) -> R) -> R {
        let chunk = &mut self.chunks[chunk];
        let node = &mut chunk.nodes[node];
        let (len, memory) = (node.len(), node.memory());
        let result = change(node);
        chunk.len = chunk.len - len + node.len();
        self.len = self.len - len + node.len();
        self.heap = self.heap - memory + node.memory();
        result
    }

    /// Puts a new node at `at` in a chunk, which must have room.
    fn insert_node(&mut self, chunk: usize, at: usize, node: Packed) {
        let inside = &mut self.chunks[chunk];
        let before = inside.nodes.capacity();
        self.heap += node.memory();
        self.len += node.len();
        inside.len += node.len();
        inside.nodes.insert(at, node);
        self.heap += (inside.nodes.capacity() - before) * size_of::<Packed>();
    }

    /// Makes room for two more nodes in the chunk of `place`, splitting it if need be. The place as it is then.
    fn with_room(&mut self, mut place: Place) -> Place {
        let inside = &mut self.chunks[place.chunk];
        if inside.nodes.len() + 2 <= CHUNK {
            return place;
        }
        let half = inside.nodes.len() / 2;
        let nodes = inside.nodes.split_off(half);
        let tail = Chunk { len: nodes.iter().map(Packed::len).sum(), nodes };
        inside.len -= tail.len;
        self.heap += tail.nodes.capacity() * size_of::<Packed>();
        self.chunks.insert(place.chunk + 1, tail);
        if let Some(node) = place.node.checked_sub(half) {
            place.chunk += 1;
            place.node = node;
        }
        place
    }

    /// Removes the nodes `from..to` of a chunk, and the chunk if that empties it.
    fn remove_nodes(&mut self, chunk: usize, from: usize, to: usize) {
        let inside = &mut self.chunks[chunk];
        let before = inside.nodes.capacity();
        for node in inside.nodes.drain(from..to) {
            self.heap -= node.memory();
            self.len -= node.len();
            inside.len -= node.len();
        }
        release(&mut inside.nodes);
        self.heap -= (before - inside.nodes.capacity()) * size_of::<Packed>();
        if inside.nodes.is_empty() {
            self.chunks.remove(chunk);
            self.release_chunks();
        }
    }

    fn release_chunks(&mut self) {
        if self.chunks.len() < self.chunks.capacity() / 4 {
            self.chunks.shrink_to(self.chunks.len() * 2);
        }
    }

    fn push(&mut self, limit: NodeLimit, end: End, value: &[u8]) -> bool {
        let (chunk, node) = match end {
            End::Front => (0, 0),
            End::Back => (self.chunks.len() - 1, self.chunks[self.chunks.len() - 1].nodes.len() - 1),
        };
        let inside = &self.chunks[chunk];
        if limit.admits(&inside.nodes[node], value.len()) {
            return self.edit(chunk, node, |node| push(node, end, value));
        }
        let full = inside.nodes.len() >= CHUNK;
        self.edit(chunk, node, Packed::shrink_to_fit);
        let new = single(value);
        match end {
            _ if full => self.push_chunk(end, new),
            End::Front => self.insert_node(chunk, 0, new),
            End::Back => self.insert_node(chunk, node + 1, new),
        }
        true
    }

    /// A new chunk at an end: a full one is not split there, since it would stay half empty behind a queue.
    fn push_chunk(&mut self, end: End, node: Packed) {
        let chunk = Chunk::of(node);
        self.len += chunk.len;
        self.heap += chunk.heap();
        match end {
            End::Front => self.chunks.push_front(chunk),
            End::Back => self.chunks.push_back(chunk),
        }
    }

    /// Inserts before the element at `index`, which is neither 0 nor past the end.
    fn insert(&mut self, limit: NodeLimit, index: usize, value: &[u8]) -> bool {
        let (Some(place), Some(before)) = (self.place(index), self.place(index - 1)) else { return false };
        if limit.admits(self.node(place), value.len()) {
            return self.edit(place.chunk, place.node, |node| insert(node, place.at, value));
        }
        if place.at == 0 && limit.admits(self.node(before), value.len()) {
            return self.edit(before.chunk, before.node, |node| node.push_back(value));
        }
        let place = self.with_room(place);
        if place.at == 0 {
            self.insert_node(place.chunk, place.node, single(value));
        } else {
            self.split_and_insert(limit, place, value);
        }
        true
    }

    /// Inserts in the middle of a node that is full: it is split there, and the element goes to the smaller part, or
    /// between them when that has no room either. The chunk must have room for two nodes.
    fn split_and_insert(&mut self, limit: NodeLimit, place: Place, value: &[u8]) {
        let Place { chunk, node, at } = place;
        let mut tail = self.edit(chunk, node, |node| match node.seek(at) {
            Some(pos) => node.split_off(pos),
            None => Packed::new(),
        });
        let head = self.node(place);
        let to_head = head.byte_len() <= tail.byte_len();
        if to_head && limit.admits(head, value.len()) {
            self.edit(chunk, node, |head| head.push_back(value));
        } else if !to_head && limit.admits(&tail, value.len()) {
            tail.push_front(value);
        } else {
            self.insert_node(chunk, node + 1, single(value));
            self.insert_node(chunk, node + 2, tail);
            return;
        }
        self.insert_node(chunk, node + 1, tail);
        self.join_nodes(limit, chunk, node + 1);
        if let Some(previous) = node.checked_sub(1) {
            self.join_nodes(limit, chunk, previous);
        }
    }

    /// Makes a node and the next of the same chunk one, if the limit allows.
    fn join_nodes(&mut self, limit: NodeLimit, chunk: usize, node: usize) -> bool {
        let Some([left, right]) = self.chunks.get(chunk).and_then(|inside| inside.nodes.get(node..=node + 1)) else {
            return false;
        };
        if !limit.admits_both(left, right) {
            return false;
        }
        let right = core::mem::take(&mut self.chunks[chunk].nodes[node + 1]);
        // The taken node's elements leave the books here, and come back with `append`.
        self.heap -= right.memory();
        self.len -= right.len();
        self.chunks[chunk].len -= right.len();
        self.edit(chunk, node, |left| left.append(&right));
        self.remove_nodes(chunk, node + 1, node + 2);
        true
    }

    /// Makes a chunk and the next one, if that leaves it half empty.
    fn join_chunks(&mut self, chunk: usize) -> bool {
        let (Some(left), Some(right)) = (self.chunks.get(chunk), self.chunks.get(chunk + 1)) else { return false };
        if left.nodes.len() + right.nodes.len() > CHUNK / 2 {
            return false;
        }
        let Some(right) = self.chunks.remove(chunk + 1) else { return false };
        let left = &mut self.chunks[chunk];
        let before = left.nodes.capacity() + right.nodes.capacity();
        left.len += right.len;
        left.nodes.extend(right.nodes);
        let after = left.nodes.capacity();
        self.heap = self.heap - before * size_of::<Packed>() + after * size_of::<Packed>();
        self.release_chunks();
        true
    }

    fn remove_range(&mut self, limit: NodeLimit, index: usize, count: usize) {
        let mut left = count.min(self.len.saturating_sub(index));
        let inner = index > 0 && index + left < self.len;
        while left > 0 {
            let Some(place) = self.place(index) else { break };
            left -= self.remove_some(place, left);
        }
        // At the ends of a list what is left of a node is soon used up or filled; in between it would stay.
        if inner && let Some(place) = self.place(index) {
            let from = place.node.saturating_sub(1);
            if !self.join_nodes(limit, place.chunk, from) {
                self.join_nodes(limit, place.chunk, place.node);
            }
            if !self.join_chunks(place.chunk.saturating_sub(1)) {
                self.join_chunks(place.chunk);
            }
        }
    }

    /// Removes at least one and at most `max` elements from `place` on: whole chunks, else whole nodes of its chunk, else
    /// elements of its node. How many were removed.
    fn remove_some(&mut self, place: Place, max: usize) -> usize {
        let Place { chunk, node, at } = place;
        let before = self.len;
        if at > 0 || self.node(place).len() > max {
            let count = max.min(self.node(place).len() - at);
            self.edit(chunk, node, |node| node.seek(at).map(|pos| node.remove(pos, count)));
        } else if node > 0 || self.chunks[chunk].len > max {
            let nodes = self.chunks[chunk].nodes[node..].iter().map(Packed::len);
            self.remove_nodes(chunk, node, node + whole(nodes, max));
        } else {
            let chunks = chunk..chunk + whole(self.chunks.range(chunk..).map(|chunk| chunk.len), max);
            for chunk in self.chunks.drain(chunks) {
                self.heap -= chunk.heap();
                self.len -= chunk.len;
            }
            self.release_chunks();
        }
        before - self.len
    }

    fn remove_equal(&mut self, limit: NodeLimit, value: &[u8], end: End, max: usize) -> usize {
        let (mut removed, mut emptied) = (0, false);
        for step in 0..self.chunks.len() {
            let chunk = match end {
                End::Front => step,
                End::Back => self.chunks.len() - 1 - step,
            };
            if removed == max {
                break;
            }
            let here = self.remove_equal_in(chunk, value, end, max - removed);
            if here == 0 {
                continue;
            }
            removed += here;
            let mut node = 0;
            while node < self.chunks[chunk].nodes.len() {
                node += usize::from(!self.join_nodes(limit, chunk, node));
            }
            emptied |= self.chunks[chunk].len == 0;
        }
        if emptied {
            for chunk in self.chunks.iter().filter(|chunk| chunk.len == 0) {
                self.heap -= chunk.heap();
            }
            self.chunks.retain(|chunk| chunk.len > 0);
            self.release_chunks();
        }
        if removed > 0 {
            let mut chunk = 0;
            while chunk < self.chunks.len() {
                chunk += usize::from(!self.join_chunks(chunk));
            }
        }
        removed
    }

    /// [`Large::remove_equal`] in one chunk, which may be left empty.
    fn remove_equal_in(&mut self, chunk: usize, value: &[u8], end: End, max: usize) -> usize {
        let inside = &mut self.chunks[chunk];
        let heap = inside.heap();
        let mut removed = 0;
        for step in 0..inside.nodes.len() {
            let node = match end {
                End::Front => step,
                End::Back => inside.nodes.len() - 1 - step,
            };
            if removed == max {
                break;
            }
            removed += remove_equal(&mut inside.nodes[node], value, end, max - removed);
        }
        if removed > 0 {
            inside.nodes.retain(|node| !node.is_empty());
            release(&mut inside.nodes);
            inside.len -= removed;
            self.len -= removed;
            self.heap = self.heap - heap + inside.heap();
        }
        removed
    }

    #[cfg(any(test, debug_assertions))]
    fn check(&self) {
        let mut total = 0;
        for chunk in &self.chunks {
            assert!((1..=CHUNK).contains(&chunk.nodes.len()));
            for node in &chunk.nodes {
                assert!(!node.is_empty());
                node.check();
            }
            assert_eq!(chunk.len, chunk.nodes.iter().map(Packed::len).sum());
            total += chunk.len;
        }
        assert!(total > 0);
        assert_eq!(self.len, total);
        assert_eq!(self.heap, self.chunks.iter().map(Chunk::heap).sum());
    }
}

impl Chunk {
    fn of(node: Packed) -> Self {
        Self { len: node.len(), nodes: vec![node] }
    }

    /// Heap bytes owned. O(nodes).
    fn heap(&self) -> usize {
        self.nodes.capacity() * size_of::<Packed>() + self.nodes.iter().map(Packed::memory).sum::<usize>()
    }
}

/// Whether an element can be kept at all.
fn storable(value: &[u8]) -> bool {
    Packed::cost(value.len()) <= packed::MAX_BYTES
}

/// A node of one storable element.
fn single(value: &[u8]) -> Packed {
    let mut node = Packed::new();
    node.push_back(value);
    node
}

fn push(node: &mut Packed, end: End, value: &[u8]) -> bool {
    match end {
        End::Front => node.push_front(value),
        End::Back => node.push_back(value),
    }
}

fn insert(node: &mut Packed, index: usize, value: &[u8]) -> bool {
    node.seek(index).is_some_and(|pos| node.insert(pos, value))
}

/// Replaces an element, if the node may hold the new one.
fn replace(node: &mut Packed, limit: NodeLimit, index: usize, value: &[u8]) -> bool {
    node.seek(index).is_some_and(|pos| limit.admits_instead(node, node.at(pos).len(), value.len()) && node.replace(pos, value))
}

fn remove_equal(node: &mut Packed, value: &[u8], end: End, max: usize) -> usize {
    let skip = match end {
        End::Back if max < node.len() => node.iter().filter(|element| *element == value).count().saturating_sub(max),
        _ => 0,
    };
    node.remove_equal(value, skip, max)
}

/// How many of the first counts are wholly used up by `max`.
fn whole(counts: impl Iterator<Item = usize>, max: usize) -> usize {
    let mut sum = 0usize;
    counts
        .take_while(|count| {
            sum += count;
            sum <= max
        })
        .count()
}

/// Finds the count, among those that sum up to `total`, in which `index` lies, and the index within it. From the nearer end.
fn nth(counts: impl DoubleEndedIterator<Item = usize> + ExactSizeIterator, total: usize, index: usize) -> Option<(usize, usize)> {
    if index < total / 2 {
        let mut before = 0;
        for (at, count) in counts.enumerate() {
            if index - before < count {
                return Some((at, index - before));
            }
            before += count;
        }
    } else {
        let mut before = total;
        for (at, count) in counts.enumerate().rev() {
            before -= count;
            if index >= before {
                return Some((at, index - before));
            }
        }
    }
    None
}

/// Shrinks a directory that is mostly unused.
fn release(nodes: &mut Vec<Packed>) {
    if nodes.len() < nodes.capacity() / 4 {
        nodes.shrink_to(nodes.len() * 2);
    }
}

impl Default for List {
    fn default() -> Self {
        Self::new()
    }
}

/// A copy has no slack.
impl Clone for List {
    fn clone(&self) -> Self {
        let large = match &self.form {
            Form::Small(node) => return Self { form: Form::Small(node.clone()) },
            Form::Large(large) => large,
        };
        let copy = |chunk: &Chunk| Chunk { nodes: chunk.nodes.clone(), len: chunk.len };
        let chunks: VecDeque<Chunk> = large.chunks.iter().map(copy).collect();
        let heap = chunks.iter().map(Chunk::heap).sum();
        Self { form: Form::Large(Box::new(Large { chunks, len: large.len, heap })) }
    }
}

impl core::fmt::Debug for List {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Elements of a [`List`] in one direction.
#[derive(Clone)]
pub struct Iter<'a> {
    /// None if all that is left is in `elements`.
    large: Option<&'a Large>,
    chunk: usize,
    node: usize,
    elements: packed::Iter<'a>,
    left: usize,
    backward: bool,
}

impl<'a> Iter<'a> {
    /// Steps to the next node in the iterator's direction.
    fn turn(&mut self) -> Option<()> {
        let chunks = &self.large?.chunks;
        if self.backward {
            if self.node == 0 {
                self.chunk = self.chunk.checked_sub(1)?;
                self.node = chunks.get(self.chunk)?.nodes.len();
            }
            self.node = self.node.checked_sub(1)?;
        } else {
            self.node += 1;
            if self.node == chunks.get(self.chunk)?.nodes.len() {
                self.chunk += 1;
                self.node = 0;
            }
        }
        self.elements = chunks.get(self.chunk)?.nodes.get(self.node)?.iter();
        Some(())
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let element = if self.backward { self.elements.next_back() } else { self.elements.next() };
            if element.is_some() {
                self.left = self.left.saturating_sub(1);
                return element;
            }
            self.turn()?;
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl FusedIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A limit of this many entries a node (or a size class).
    fn env(list_max_listpack_size: i32) -> Env {
        Env { limits: Limits { list_max_listpack_size, ..Limits::default() }, ..Env::default() }
    }

    fn elements(list: &List) -> Vec<Vec<u8>> {
        list.iter().map(<[u8]>::to_vec).collect()
    }

    fn is_large(list: &List) -> bool {
        matches!(list.form, Form::Large(_))
    }

    fn numbers(env: &Env, count: u32) -> List {
        let mut list = List::new();
        for number in 0..count {
            assert!(list.push(env, End::Back, &number.to_be_bytes()));
        }
        list.check();
        list
    }

    /// Frees `list` in slices; how many nodes are left after each.
    fn left_after_slices(mut list: List, budget: usize) -> Vec<usize> {
        let mut left = Vec::new();
        loop {
            let done = list.free_some(budget);
            let Form::Large(large) = &list.form else { return left };
            assert_eq!(large.heap, large.chunks.iter().map(Chunk::heap).sum());
            left.push(large.chunks.iter().map(|chunk| chunk.nodes.len()).sum());
            if done {
                return left;
            }
        }
    }

    #[test]
    fn is_freed_in_slices_of_as_many_nodes_as_the_budget_says() {
        // 51 nodes of two elements, the last with one.
        let list = || numbers(&env(2), 101);
        let two_at_once: Vec<usize> = (0..=50).rev().filter(|left| left % 2 == 1).chain([0]).collect();
        assert_eq!(left_after_slices(list(), 2 * ELEMENTS_OF_A_NODE), two_at_once);
        // Less than a node is a node.
        assert_eq!(left_after_slices(list(), 1), (0..=50).rev().collect::<Vec<_>>());
        assert_eq!(left_after_slices(list(), usize::MAX), [0]);
        assert!(numbers(&env(2), 2).free_some(1), "one node is one slice");
    }

    #[test]
    fn is_small_in_itself_and_empty_without_an_allocation() {
        assert!(size_of::<List>() <= 24);
        assert_eq!((List::new().memory(), List::new().len(), List::new().get(0)), (0, 0, None));
        assert_eq!(List::new().iter().next(), None);
        assert_eq!(List::new().iter_back_from(0).next(), None);
    }

    #[test]
    fn leaves_the_small_form_at_the_limit_and_comes_back_at_half_of_it() {
        let env = env(-1);
        let mut list = List::new();
        while !is_large(&list) {
            list.push(&env, End::Back, &[b'x'; 98]);
        }
        assert_eq!(list.len(), 41, "40 elements of 100 bytes with their lengths are within 4096");
        list.pop(&env, End::Front);
        assert!(is_large(&list), "one below the limit is not far enough");
        while is_large(&list) {
            list.pop(&env, End::Front);
        }
        assert_eq!(list.len(), 20);
        list.check();
    }

    #[test]
    fn an_element_longer_than_a_node_gets_one_of_its_own() {
        let env = env(-1);
        let mut list = List::new();
        let long = vec![b'l'; 5000];
        list.push(&env, End::Back, b"a");
        list.push(&env, End::Back, b"c");
        assert!(list.insert(&env, 1, &long));
        assert_eq!(elements(&list), [b"a".to_vec(), long.clone(), b"c".to_vec()]);
        list.check();
        assert!(list.set(&env, 1, b"b") && list.set(&env, 0, &long));
        assert_eq!(elements(&list), [long, b"b".to_vec(), b"c".to_vec()]);
        list.check();
    }

    #[test]
    fn a_queue_gives_back_the_memory_of_what_has_passed_through() {
        let env = env(2);
        let mut list = numbers(&env, 10);
        let memory = list.memory();
        for number in 0..if cfg!(miri) { 50 } else { 1000u32 } {
            list.push(&env, End::Back, &number.to_be_bytes());
            list.pop(&env, End::Front);
        }
        list.check();
        assert!(list.memory() <= memory * 2, "{} after {memory}", list.memory());
        while list.pop(&env, End::Front).is_some() {}
        assert_eq!(list.memory(), 0);
    }

    #[test]
    fn trims_a_long_list_at_both_ends() {
        let env = env(3);
        let mut list = numbers(&env, 200);
        list.trim(&env, 50, 100);
        list.check();
        assert!(elements(&list).iter().eq(numbers(&env, 200).iter().skip(50).take(100)));
        list.trim(&env, 100, 5);
        assert!(list.is_empty());
    }

    #[test]
    fn removes_equal_elements_nearest_to_either_end() {
        for size in [1, 2, 3, -1] {
            let env = env(size);
            for (end, rest) in [(End::Front, "bcaadae"), (End::Back, "abacade")] {
                let mut list = List::new();
                for element in "abacaadae".chars() {
                    list.push(&env, End::Back, &[element as u8]);
                }
                let removed = list.remove_equal(&env, b"a", end, 2);
                list.check();
                assert_eq!(removed, 2);
                let rest: Vec<_> = rest.bytes().map(|byte| vec![byte]).collect();
                assert_eq!(elements(&list), rest, "{end:?}, {size}");
            }
        }
    }

    #[test]
    fn a_thinned_out_list_is_packed_again() {
        let env = env(8);
        let mut list = List::new();
        for number in 0..400u32 {
            list.push(&env, End::Back, if number % 8 == 0 { b"keep" } else { b"drop" });
        }
        let memory = list.memory();
        assert_eq!(list.remove_equal(&env, b"drop", End::Back, usize::MAX), 350);
        list.check();
        assert!(list.memory() < memory / 2, "{} of {memory}", list.memory());
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn the_middle_of_a_long_list_takes_insertions() {
        let env = env(-2);
        let mut list = numbers(&env, 100_000);
        for number in 0..10_000u32 {
            assert!(list.insert(&env, 50_000, &number.to_be_bytes()));
        }
        list.check();
        assert_eq!(list.get(50_000), Some(&9_999u32.to_be_bytes()[..]));
        assert_eq!(list.get(60_000), Some(&50_000u32.to_be_bytes()[..]));
        // Six bytes an element, and nodes well filled.
        assert!(list.memory() < 110_000 * 8, "{}", list.memory());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(bool, Vec<u8>),
        PushMany(bool, u8, Vec<u8>),
        Pop(bool),
        Set(usize, Vec<u8>),
        Insert(usize, Vec<u8>),
        RemoveRange(usize, usize),
        Trim(usize, usize),
        RemoveEqual(Vec<u8>, bool, usize),
        /// Goes on with another `list-max-listpack-size`.
        Configure(i32),
    }

    fn element() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            8 => prop::collection::vec(0u8..3, 0..2),
            2 => prop::collection::vec(any::<u8>(), 0..40),
            1 => (1000usize..1300).prop_map(|len| vec![7; len]),
            1 => (4080usize..4110).prop_map(|len| vec![7; len]),
        ]
    }

    fn size() -> impl Strategy<Value = i32> {
        prop::sample::select(vec![1, 2, 3, 5, -1, -2, 0, i32::MIN, i32::MAX])
    }

    fn step() -> impl Strategy<Value = Step> {
        let at = 0usize..60;
        prop_oneof![
            6 => (any::<bool>(), element()).prop_map(|(front, value)| Step::Push(front, value)),
            4 => (any::<bool>(), 0u8..40, element()).prop_map(|(front, count, value)| Step::PushMany(front, count, value)),
            3 => any::<bool>().prop_map(Step::Pop),
            4 => (at.clone(), element()).prop_map(|(at, value)| Step::Set(at, value)),
            6 => (at.clone(), element()).prop_map(|(at, value)| Step::Insert(at, value)),
            2 => (at.clone(), 0usize..30).prop_map(|(at, count)| Step::RemoveRange(at, count)),
            1 => (0usize..20, at).prop_map(|(at, count)| Step::Trim(at, count)),
            2 => (element(), any::<bool>(), 0usize..6).prop_map(|(value, front, max)| Step::RemoveEqual(value, front, max)),
            1 => (element(), any::<bool>()).prop_map(|(value, front)| Step::RemoveEqual(value, front, usize::MAX)),
            1 => size().prop_map(Step::Configure),
        ]
    }

    type Model = VecDeque<Vec<u8>>;

    fn end(front: bool) -> End {
        if front { End::Front } else { End::Back }
    }

    fn push(list: &mut List, model: &mut Model, env: &Env, front: bool, value: Vec<u8>) {
        assert!(list.push(env, end(front), &value));
        if front {
            model.push_front(value);
        } else {
            model.push_back(value);
        }
    }

    fn remove_equal(model: &mut Model, value: &[u8], front: bool, max: usize) -> usize {
        let mut removed = 0;
        while removed < max {
            let mut matching = (0..model.len()).filter(|&index| model[index] == value);
            let Some(index) = (if front { matching.next() } else { matching.next_back() }) else { break };
            model.remove(index);
            removed += 1;
        }
        removed
    }

    fn take(list: &mut List, model: &mut Model, env: &mut Env, step: Step) {
        match step {
            Step::Push(front, value) => push(list, model, env, front, value),
            Step::PushMany(front, count, value) => {
                for _ in 0..count {
                    push(list, model, env, front, value.clone());
                }
            }
            Step::Pop(front) => {
                let expected = if front { model.pop_front() } else { model.pop_back() };
                assert_eq!(list.pop(env, end(front)), expected);
            }
            Step::Set(at, value) => {
                assert_eq!(list.set(env, at, &value), at < model.len());
                if let Some(element) = model.get_mut(at) {
                    *element = value;
                }
            }
            Step::Insert(at, value) => {
                assert_eq!(list.insert(env, at, &value), at <= model.len());
                if at <= model.len() {
                    model.insert(at, value);
                }
            }
            Step::RemoveRange(at, count) => {
                list.remove_range(env, at, count);
                let end = (at + count).min(model.len());
                model.drain(at.min(end)..end);
            }
            Step::Trim(start, count) => {
                list.trim(env, start, count);
                model.truncate(start + count);
                model.drain(..start.min(model.len()));
            }
            Step::RemoveEqual(value, front, max) => {
                let expected = remove_equal(model, &value, front, max);
                assert_eq!(list.remove_equal(env, &value, end(front), max), expected);
            }
            Step::Configure(size) => env.limits.list_max_listpack_size = size,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 3 } else { 512 },
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn behaves_as_a_deque(size in size(), steps in prop::collection::vec(step(), 1..if cfg!(miri) { 25 } else { 100 })) {
            let (mut list, mut model, mut env) = (List::new(), Model::new(), env(size));
            for step in steps {
                take(&mut list, &mut model, &mut env, step);
                list.check();
                prop_assert!(list.iter().eq(model.iter().map(Vec::as_slice)));
                prop_assert_eq!((list.len(), list.iter().len()), (model.len(), model.len()));
            }
            let copy = list.clone();
            copy.check();
            prop_assert!(copy.memory() <= list.memory());
            prop_assert!(copy.iter().eq(list.iter()));
            for index in 0..=model.len() {
                prop_assert_eq!(list.get(index), model.get(index).map(Vec::as_slice));
                prop_assert!(list.iter_from(index).eq(model.iter().skip(index).map(Vec::as_slice)));
                let back = (index < model.len()).then(|| model.iter().take(index + 1).rev());
                prop_assert!(list.iter_back_from(index).eq(back.into_iter().flatten().map(Vec::as_slice)));
            }
        }
    }
}
