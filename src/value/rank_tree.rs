//! A counted B+tree: the order of a sorted set.
//!
//! Entries are ordered by score, equal scores by the bytes of their members. Every inner node knows how many entries lie below
//! each child, so the rank of an entry and the entry at a rank are found on one way down, and a range is two ranks.
//!
//! ```text
//! inner   least  │ s m │ s m │ s m │      the first entry below each child
//!         counts │  57 │  40 │  61 │      entries below each child
//!         kids   │  ●  │  ●  │  ●  │      all inner nodes, or all leaves
//!                   │
//! leaf           │ 1.0 ● │ 1.5 ● │ 1.5 ● │ 7 ● │ …      at most 64
//!                                      └──► [score 8][length 1 or 5][member]
//! ```
//!
//! A search compares scores and looks at members only where scores are equal: one cache miss for a member instead of one a
//! comparison. Leaves have no links: a walk that reaches the end of a leaf goes down
//! from the root again by rank, which is once in some fifty entries and leaves nothing to keep right.
//!
//! Arrays grow by eight places and give back what they do not use, so a node that is half full costs half as much: 18 bytes an
//! entry on 64-bit, whatever the order of insertion, where arrays of fixed size would cost 23.

use alloc::alloc::{alloc, dealloc};
use alloc::vec::Vec;
use core::alloc::Layout;
use core::mem;
use core::ops::Range;
use core::ptr::{self, NonNull};

use super::{OutOfMemory, near, table};

/// Most entries of a leaf and most children of an inner node.
const FANOUT: usize = 64;
/// Bytes of a cache line.
const LINE: usize = 64;
/// A node that falls below this many is joined with a neighbour, or filled up from it.
const FEW: usize = 28;
/// Two neighbours with at most this many together become one: well below [`FANOUT`], lest the next insertion split it again.
const JOINED: usize = 2 * FEW;

/// A member and its score in one allocation, as a handle that is copied freely: whoever made it frees it.
///
/// `[score: 8][length: 1, or 0xff and 4][member]`, nothing aligned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Item(NonNull<u8>);

impl Item {
    const SCORE: usize = 8;

    /// A new allocation with these contents.
    pub fn new(score: f64, member: &[u8]) -> Result<Item, OutOfMemory> {
        let layout = Self::layout(member.len()).ok_or(OutOfMemory)?;
        // SAFETY: the layout has at least the nine bytes of the head, so its size is not 0.
        let start = NonNull::new(unsafe { alloc(layout) }).ok_or(OutOfMemory)?;
        let mut item = Item(start);
        let long = member.len() >= 0xff;
        // SAFETY: the layout has room for score, length and member, and nothing else knows the allocation yet.
        unsafe {
            item.set_score(score);
            let length = start.add(Self::SCORE);
            if long {
                length.write(0xff);
                length.add(1).cast::<u32>().write_unaligned(member.len() as u32);
            } else {
                length.write(member.len() as u8);
            }
            ptr::copy_nonoverlapping(member.as_ptr(), start.add(Self::head(member.len())).as_ptr(), member.len());
        }
        Ok(item)
    }

    /// Bytes before a member of this length.
    fn head(length: usize) -> usize {
        Self::SCORE + if length >= 0xff { 5 } else { 1 }
    }

    /// None for a length that the head cannot tell, 4 GiB, or that no allocation may have.
    fn layout(length: usize) -> Option<Layout> {
        u32::try_from(length).ok()?;
        Layout::from_size_align(length.checked_add(Self::head(length))?, table::GRANULE).ok()
    }

    /// Bytes of the allocation for a member of this length, which is that of an item.
    pub fn bytes(length: usize) -> usize {
        length + Self::head(length)
    }

    /// The handle as the plain pointer that a table keeps.
    pub fn as_ptr(self) -> NonNull<u8> {
        self.0
    }

    /// # Safety
    /// The pointer came from [`Item::as_ptr`], and the item has not been freed.
    pub unsafe fn from_ptr(pointer: NonNull<u8>) -> Item {
        Item(pointer)
    }

    /// # Safety
    /// The item has not been freed, and is not while the slice lives.
    pub unsafe fn member<'a>(self) -> &'a [u8] {
        // SAFETY: `new` wrote this head and that many bytes behind it.
        unsafe {
            let length = self.0.add(Self::SCORE);
            let length = match length.read() {
                0xff => length.add(1).cast::<u32>().read_unaligned() as usize,
                short => short as usize,
            };
            core::slice::from_raw_parts(self.0.add(Self::head(length)).as_ptr(), length)
        }
    }

    /// # Safety
    /// The item has not been freed.
    pub unsafe fn score(self) -> f64 {
        // SAFETY: the score is the first eight bytes.
        unsafe { self.0.cast::<f64>().read_unaligned() }
    }

    /// # Safety
    /// The item has not been freed.
    pub unsafe fn set_score(&mut self, score: f64) {
        // SAFETY: the score is the first eight bytes.
        unsafe { self.0.cast::<f64>().write_unaligned(score) }
    }

    /// Frees the allocation and says how many bytes it had.
    ///
    /// # Safety
    /// The item has not been freed, and no copy of the handle is used from now on.
    pub unsafe fn free(self) -> usize {
        // SAFETY: the same size and alignment as in `new`, found from the length that it wrote.
        unsafe {
            let size = Self::bytes(self.member().len());
            dealloc(self.0.as_ptr(), Layout::from_size_align_unchecked(size, table::GRANULE));
            size
        }
    }
}

/// A place between two entries, named by the entries that come before it.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// Behind all scores less than this.
    BeforeScore(f64),
    /// Behind all scores up to this.
    AfterScore(f64),
    /// Behind all members less than this, whatever their scores. Has a meaning only where all scores are equal.
    BeforeMember(&'a [u8]),
    /// Behind all members up to this, whatever their scores. Has a meaning only where all scores are equal.
    AfterMember(&'a [u8]),
    /// Before this entry, or where it would be.
    Before(f64, &'a [u8]),
    /// Behind this entry, or where it would be.
    After(f64, &'a [u8]),
}

/// Where a removal begins.
#[derive(Clone, Copy)]
enum Spot<'a> {
    Rank(usize),
    Entry(f64, &'a [u8]),
}

/// A score and its item. Packed, so that it takes 12 bytes and not 16 where pointers have four.
#[derive(Clone, Copy)]
#[repr(C, packed(4))]
struct Entry {
    score: f64,
    item: Item,
}

/// Entries in order: a leaf, or the first entries below the children of an inner node.
#[derive(Default)]
struct Keys(Vec<Entry>);

/// Makes room for one more, by eight places at a time.
fn grow<T>(list: &mut Vec<T>) {
    let length = list.len();
    if length == list.capacity() {
        list.reserve_exact(if length < 8 { 4 } else { 8 });
    }
}

/// Gives back room when sixteen places or more are empty.
fn trim<T>(list: &mut Vec<T>) {
    if list.capacity() - list.len() >= 16 {
        list.shrink_to((list.len() + 7) & !7);
    }
}

fn split_off<T>(list: &mut Vec<T>, at: usize) -> Vec<T> {
    let right = list.split_off(at);
    trim(list);
    right
}

fn append<T>(list: &mut Vec<T>, right: &mut Vec<T>) {
    list.reserve_exact(right.len());
    list.append(right);
}

fn room<T>(list: &Vec<T>) -> usize {
    list.capacity() * mem::size_of::<T>()
}

/// How many of some ascending entries come first, by a test of scores that holds for those and no others.
///
/// Not by halving: a leaf is rarely in the cache, and halving waits for one of its lines after the other, while here a score of
/// every second line is read without waiting. At 1 M members that takes a third off an insertion and an update.
#[inline(always)]
fn scores_before(entries: &[Entry], before: impl Fn(f64) -> bool) -> usize {
    const STRIDE: usize = 8;
    let (strides, rest) = entries.as_chunks::<STRIDE>();
    let whole: usize = strides.iter().map(|stride| usize::from(before(stride[STRIDE - 1].score))).sum();
    let within = strides.get(whole).map_or(rest, |stride| &stride[..]);
    whole * STRIDE + within.iter().map(|entry| usize::from(before(entry.score))).sum::<usize>()
}

impl Keys {
    fn place(&self, place: Place) -> usize {
        match place {
            Place::BeforeScore(score) => scores_before(&self.0, |have| have < score),
            Place::AfterScore(score) => scores_before(&self.0, |have| have <= score),
            Place::BeforeMember(member) => self.members_before(0, self.0.len(), member, false),
            Place::AfterMember(member) => self.members_before(0, self.0.len(), member, true),
            Place::Before(score, member) => self.among_equals(score, member, false),
            Place::After(score, member) => self.among_equals(score, member, true),
        }
    }

    fn among_equals(&self, score: f64, member: &[u8], after: bool) -> usize {
        let start = scores_before(&self.0, |have| have < score);
        // Mostly no other member has this score.
        if self.0.get(start).is_none_or(|have| have.score > score) {
            return start;
        }
        let equal = self.0[start..].partition_point(|have| have.score <= score);
        self.members_before(start, start + equal, member, after)
    }

    fn members_before(&self, mut low: usize, mut high: usize, member: &[u8], after: bool) -> usize {
        while low < high {
            let middle = low + (high - low) / 2;
            // SAFETY: the items of a tree are live (see `RankTree::insert`).
            let have = unsafe { { self.0[middle].item }.member() };
            if have < member || (after && have == member) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn bring_near(&self) {
        let start = self.0.as_ptr().cast::<u8>();
        for offset in (0..room(&self.0)).step_by(LINE) {
            near::bring(start.wrapping_add(offset));
        }
    }

    /// The child below which a place lies, when `self` holds the first entries of the children.
    fn child(&self, place: Place) -> usize {
        self.place(place).saturating_sub(1)
    }

    fn insert(&mut self, at: usize, entry: Entry) {
        grow(&mut self.0);
        self.0.insert(at, entry);
    }
}

/// What leaves and inner nodes have in common.
trait Node: Sized {
    fn len(&self) -> usize;
    fn entries(&self) -> usize;
    /// Heap bytes of the node itself, not of its children.
    fn bytes(&self) -> usize;
    fn first(&self) -> Entry;
    /// Moves everything from `at` on into a new node.
    fn split_off(&mut self, at: usize) -> Self;
    fn append(&mut self, right: &mut Self);
}

impl Node for Keys {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn entries(&self) -> usize {
        self.0.len()
    }

    fn bytes(&self) -> usize {
        room(&self.0)
    }

    fn first(&self) -> Entry {
        self.0[0]
    }

    fn split_off(&mut self, at: usize) -> Self {
        Keys(split_off(&mut self.0, at))
    }

    fn append(&mut self, right: &mut Self) {
        append(&mut self.0, &mut right.0);
    }
}

enum Kids {
    Leaves(Vec<Keys>),
    Inners(Vec<Inner>),
}

/// `least`, `counts` and `kids` have the same length, and are empty only in the root of an empty tree.
struct Inner {
    least: Keys,
    counts: Vec<usize>,
    kids: Kids,
}

impl Node for Inner {
    fn len(&self) -> usize {
        self.counts.len()
    }

    fn entries(&self) -> usize {
        self.counts.iter().sum()
    }

    fn bytes(&self) -> usize {
        let kids = match &self.kids {
            Kids::Leaves(leaves) => room(leaves),
            Kids::Inners(inners) => room(inners),
        };
        self.least.bytes() + room(&self.counts) + kids
    }

    fn first(&self) -> Entry {
        self.least.first()
    }

    fn split_off(&mut self, at: usize) -> Self {
        let kids = match &mut self.kids {
            Kids::Leaves(leaves) => Kids::Leaves(split_off(leaves, at)),
            Kids::Inners(inners) => Kids::Inners(split_off(inners, at)),
        };
        Inner { least: self.least.split_off(at), counts: split_off(&mut self.counts, at), kids }
    }

    fn append(&mut self, right: &mut Self) {
        self.least.append(&mut right.least);
        append(&mut self.counts, &mut right.counts);
        match (&mut self.kids, &mut right.kids) {
            (Kids::Leaves(left), Kids::Leaves(right)) => append(left, right),
            (Kids::Inners(left), Kids::Inners(right)) => append(left, right),
            // Neighbours are equally far from the leaves.
            _ => debug_assert!(false, "neighbours of different height"),
        }
    }
}

/// Takes note of a changed child: its first entry and its number of entries.
fn note<N: Node>(kids: &[N], least: &mut Keys, counts: &mut [usize], at: usize) {
    least.0[at] = kids[at].first();
    counts[at] = kids[at].entries();
}

/// Puts the child `kid` at place `at`.
fn adopt<N: Node>(kids: &mut Vec<N>, least: &mut Keys, counts: &mut Vec<usize>, at: usize, kid: N) {
    least.insert(at, kid.first());
    grow(counts);
    counts.insert(at, kid.entries());
    grow(kids);
    kids.insert(at, kid);
}

/// Takes the child at place `at` out.
fn disown<N: Node>(kids: &mut Vec<N>, least: &mut Keys, counts: &mut Vec<usize>, at: usize) -> N {
    least.0.remove(at);
    trim(&mut least.0);
    counts.remove(at);
    trim(counts);
    let kid = kids.remove(at);
    trim(kids);
    kid
}

/// Puts right what a removal below child `at` may have left: an empty child, or one with too few. `heap` is told of what the
/// children gain or lose; the parent's own bytes are its caller's to count.
fn mend<N: Node>(kids: &mut Vec<N>, least: &mut Keys, counts: &mut Vec<usize>, at: usize, heap: &mut usize) {
    if kids[at].len() == 0 {
        *heap -= disown(kids, least, counts, at).bytes();
        return;
    }
    if kids[at].len() >= FEW || kids.len() == 1 {
        return note(kids, least, counts, at);
    }
    let left = at.saturating_sub(1);
    let mut right = disown(kids, least, counts, left + 1);
    let joined = &mut kids[left];
    *heap -= joined.bytes() + right.bytes();
    joined.append(&mut right);
    let split = (joined.len() > JOINED).then(|| joined.split_off(joined.len() / 2));
    *heap += joined.bytes();
    note(kids, least, counts, left);
    if let Some(right) = split {
        *heap += right.bytes();
        adopt(kids, least, counts, left + 1, right);
    }
}

impl Inner {
    const EMPTY: Inner = Inner { least: Keys(Vec::new()), counts: Vec::new(), kids: Kids::Leaves(Vec::new()) };

    /// Returns the new right neighbour when the node had to be split. Depth of recursion: the height of the tree.
    fn insert(&mut self, entry: Entry, member: &[u8], heap: &mut usize) -> Option<Inner> {
        let place = Place::Before(entry.score, member);
        *heap -= self.bytes();
        let Inner { least, counts, kids } = self;
        let at = least.child(place);
        let last = at + 1 == counts.len();
        match kids {
            Kids::Leaves(leaves) => {
                if leaves.is_empty() {
                    let mut leaf = Keys::default();
                    leaf.insert(0, entry);
                    *heap += leaf.bytes();
                    adopt(leaves, least, counts, 0, leaf);
                } else {
                    let leaf = &mut leaves[at];
                    *heap -= leaf.bytes();
                    let position = leaf.place(place);
                    let mut split = (leaf.len() == FANOUT).then(|| leaf.split_off(cut(position, last)));
                    match &mut split {
                        Some(right) if position >= leaf.len() => right.insert(position - leaf.len(), entry),
                        _ => leaf.insert(position, entry),
                    }
                    *heap += leaf.bytes();
                    note(leaves, least, counts, at);
                    if let Some(right) = split {
                        *heap += right.bytes();
                        adopt(leaves, least, counts, at + 1, right);
                    }
                }
            }
            Kids::Inners(inners) => {
                let split = inners[at].insert(entry, member, heap);
                // Not `note`: adding up the counts of the child is needed only when it was split.
                least.0[at] = inners[at].first();
                counts[at] += 1;
                if let Some(right) = split {
                    counts[at] = inners[at].entries();
                    adopt(inners, least, counts, at + 1, right);
                }
            }
        }
        let right = (self.len() > FANOUT).then(|| {
            let right = self.split_off(cut(at + 1, at + 2 == self.len()));
            *heap += right.bytes();
            right
        });
        *heap += self.bytes();
        right
    }

    /// Removes up to `most` entries of one leaf, beginning at a spot that must exist, and returns how many. Depth of
    /// recursion: the height of the tree.
    fn take(&mut self, spot: Spot, most: usize, heap: &mut usize, out: &mut dyn FnMut(Item)) -> usize {
        *heap -= self.bytes();
        let Inner { least, counts, kids } = self;
        let (at, spot) = match spot {
            Spot::Rank(mut rank) => (child_at(counts, &mut rank), Spot::Rank(rank)),
            Spot::Entry(score, member) => (least.child(Place::After(score, member)), spot),
        };
        let taken = match kids {
            Kids::Leaves(leaves) => {
                let leaf = &mut leaves[at];
                let start = match spot {
                    Spot::Rank(rank) => rank,
                    Spot::Entry(score, member) => leaf.place(Place::Before(score, member)),
                };
                let end = leaf.len().min(start.saturating_add(most));
                *heap -= leaf.bytes();
                leaf.0.drain(start..end).for_each(|entry| out(entry.item));
                trim(&mut leaf.0);
                *heap += leaf.bytes();
                mend(leaves, least, counts, at, heap);
                end - start
            }
            Kids::Inners(inners) => {
                let taken = inners[at].take(spot, most, heap, out);
                counts[at] -= taken;
                mend(inners, least, counts, at, heap);
                taken
            }
        };
        *heap += self.bytes();
        taken
    }
}

/// Where to split a full node. When something is added behind the last place of a last child, the node stays full: members
/// that arrive in ascending order fill their leaves. Otherwise in the middle.
fn cut(position: usize, last: bool) -> usize {
    if last && position >= FANOUT { FANOUT } else { FANOUT / 2 }
}

/// The child that holds the entry at `rank`, which becomes the rank within it.
fn child_at(counts: &[usize], rank: &mut usize) -> usize {
    let mut at = 0;
    for count in counts {
        if *rank < *count {
            break;
        }
        *rank -= *count;
        at += 1;
    }
    at
}

/// The order of a sorted set. Owns its nodes, not the items: see [`RankTree::insert`].
pub struct RankTree {
    root: Inner,
    len: usize,
    heap: usize,
}

impl Default for RankTree {
    fn default() -> Self {
        Self::new()
    }
}

impl RankTree {
    /// An empty tree. Allocates nothing.
    pub const fn new() -> Self {
        Self { root: Inner::EMPTY, len: 0, heap: 0 }
    }

    /// Number of entries. O(1).
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Heap bytes of the nodes, items not included. O(1).
    pub fn memory(&self) -> usize {
        self.heap
    }

    /// Adds an entry that is not in the tree yet, under a score that is not NaN. O(log n).
    ///
    /// # Safety
    /// The item stays allocated, and its member as it is, until it has been removed from the tree or the tree is no more.
    pub unsafe fn insert(&mut self, score: f64, item: Item) {
        debug_assert!(!score.is_nan());
        // SAFETY: live, as the caller promises.
        let member = unsafe { item.member() };
        if let Some(right) = self.root.insert(Entry { score, item }, member, &mut self.heap) {
            let left = mem::replace(&mut self.root, Inner { kids: Kids::Inners(Vec::new()), ..Inner::EMPTY });
            let Inner { least, counts, kids: Kids::Inners(inners) } = &mut self.root else { return };
            adopt(inners, least, counts, 0, left);
            adopt(inners, least, counts, 1, right);
            self.heap += self.root.bytes();
        }
        self.len += 1;
    }

    /// Removes an entry that is in the tree. O(log n).
    pub fn remove(&mut self, score: f64, member: &[u8]) {
        debug_assert!(self.find(score, member).is_some());
        self.take(Spot::Entry(score, member), 1, &mut |_| ());
    }

    /// Removes the entries of these ranks and hands each item to `out`, in order. O(log n + removed).
    pub fn remove_ranks(&mut self, ranks: Range<usize>, out: &mut dyn FnMut(Item)) {
        let end = ranks.end.min(self.len);
        let mut left = end.saturating_sub(ranks.start);
        while left > 0 {
            left -= self.take(Spot::Rank(ranks.start), left, out);
        }
    }

    fn take(&mut self, spot: Spot, most: usize, out: &mut dyn FnMut(Item)) -> usize {
        let taken = self.root.take(spot, most, &mut self.heap, out);
        self.len -= taken;
        // A root with one child is one level too many; one without any is an empty tree.
        while let Kids::Inners(inners) = &mut self.root.kids {
            let only = match inners.len() {
                0 => Inner::EMPTY,
                1 => inners.remove(0),
                _ => break,
            };
            self.heap -= self.root.bytes();
            self.root = only;
        }
        taken
    }

    /// Moves an entry that is in the tree to another score, when that leaves it where it is: the cheap way for small steps.
    /// Says whether it did; if not, nothing has changed and the caller removes and inserts. O(log n).
    pub fn nudge(&mut self, score: f64, member: &[u8], to: f64) -> bool {
        let mut node = &mut self.root;
        loop {
            let at = node.least.child(Place::After(score, member));
            match &mut node.kids {
                Kids::Inners(inners) => node = &mut inners[at],
                Kids::Leaves(leaves) => {
                    let leaf = &mut leaves[at];
                    let position = leaf.place(Place::Before(score, member));
                    // The first entry of a leaf is known above, and the neighbours of both ends are elsewhere.
                    let inside = position > 0 && position + 1 < leaf.len();
                    let stays = inside && leaf.0[position - 1].score < to && to < leaf.0[position + 1].score;
                    if stays {
                        leaf.0[position].score = to;
                    }
                    return stays;
                }
            }
        }
    }

    /// How many entries come before a place, which is the rank of the first one behind it. O(log n).
    pub fn rank(&self, place: Place) -> usize {
        let mut node = &self.root;
        let mut rank = 0;
        loop {
            let at = node.least.child(place);
            rank += node.counts.iter().take(at).sum::<usize>();
            match &node.kids {
                Kids::Inners(inners) => node = &inners[at],
                Kids::Leaves(leaves) => return rank + leaves.get(at).map_or(0, |leaf| leaf.place(place)),
            }
        }
    }

    /// Has the leaf brought near where entries of this score stand, or would stand.
    pub fn bring_near(&self, score: f64) {
        let mut node = &self.root;
        loop {
            let at = node.least.child(Place::BeforeScore(score));
            match &node.kids {
                Kids::Inners(inners) => node = &inners[at],
                Kids::Leaves(leaves) => return leaves.get(at).into_iter().for_each(Keys::bring_near),
            }
        }
    }

    /// The rank of an entry. O(log n).
    pub fn find(&self, score: f64, member: &[u8]) -> Option<usize> {
        let rank = self.rank(Place::Before(score, member));
        let (have, item) = self.at(rank)?;
        // SAFETY: the items of a tree are live.
        (have == score && unsafe { item.member() } == member).then_some(rank)
    }

    /// The leaf that holds the entry at `rank`, and the place of it there.
    fn leaf_at(&self, mut rank: usize) -> Option<(&Keys, usize)> {
        let mut node = &self.root;
        loop {
            let at = child_at(&node.counts, &mut rank);
            match &node.kids {
                Kids::Inners(inners) => node = inners.get(at)?,
                Kids::Leaves(leaves) => return leaves.get(at).map(|leaf| (leaf, rank)),
            }
        }
    }

    /// The entry at a rank. O(log n).
    pub fn at(&self, rank: usize) -> Option<(f64, Item)> {
        let (leaf, position) = self.leaf_at(rank)?;
        let Entry { score, item } = leaf.0[position];
        Some((score, item))
    }

    /// The entries of these ranks, from either end. O(log n), then O(1) an entry.
    pub fn iter(&self, ranks: Range<usize>) -> Iter<'_> {
        let back = ranks.end.min(self.len);
        Iter { tree: self, front: ranks.start.min(back), back, head: &[], tail: &[] }
    }

    /// Checks everything that must always hold. O(n).
    #[doc(hidden)]
    pub fn check(&self) {
        let mut seen: Option<(f64, Item)> = None;
        let mut heap = 0;
        let count = check_inner(&self.root, true, 0, &mut seen, &mut heap).1;
        assert_eq!(count, self.len, "number of entries");
        assert_eq!(heap, self.heap, "heap bytes");
        assert_eq!(self.iter(0..self.len).count(), self.len);
    }
}

/// Returns the height and the number of entries.
fn check_inner(node: &Inner, root: bool, depth: usize, seen: &mut Option<(f64, Item)>, heap: &mut usize) -> (usize, usize) {
    assert!(depth < 14, "too high");
    *heap += node.bytes();
    let mut heights = Vec::new();
    let mut entries = Vec::new();
    let length = match &node.kids {
        Kids::Inners(inners) => {
            assert!(!root || inners.len() > 1, "a root with one inner child");
            for (at, inner) in inners.iter().enumerate() {
                assert!(node.least.0[at].is(inner.first()), "first entry of a child");
                let (height, count) = check_inner(inner, false, depth + 1, seen, heap);
                heights.push(height + 1);
                entries.push(count);
            }
            inners.len()
        }
        Kids::Leaves(leaves) => {
            for (at, leaf) in leaves.iter().enumerate() {
                assert!(leaf.len() > 0 && leaf.len() <= FANOUT, "size of a leaf");
                assert!(node.least.0[at].is(leaf.first()), "first entry of a leaf");
                *heap += leaf.bytes();
                for &Entry { score, item } in &leaf.0 {
                    if let Some((before, previous)) = seen {
                        // SAFETY: the items of a tree are live.
                        let ascending = unsafe { previous.member() < item.member() };
                        assert!(*before < score || (*before == score && ascending), "order");
                    }
                    *seen = Some((score, item));
                }
                heights.push(1);
                entries.push(leaf.len());
            }
            leaves.len()
        }
    };
    assert!(length <= FANOUT && (root || length > 0), "number of children");
    assert_eq!((node.least.len(), node.counts.len()), (length, length));
    assert_eq!(node.counts, entries, "counts");
    assert!(heights.windows(2).all(|pair| pair[0] == pair[1]), "leaves at different heights");
    (heights.first().copied().unwrap_or(0), entries.iter().sum())
}

impl Entry {
    fn is(self, other: Entry) -> bool {
        let (mine, others) = (self.item, other.item);
        mine == others && self.score.to_bits() == { other.score }.to_bits()
    }
}

/// Entries whose items are brought near before they are asked for: each lies somewhere else, and their cache misses overlap so.
const AHEAD: usize = 16;

/// Entries of a range of ranks, in order.
#[derive(Clone)]
pub struct Iter<'a> {
    tree: &'a RankTree,
    front: usize,
    back: usize,
    /// What is left of the leaf at the front, and of the one at the back. Each may reach beyond the range.
    head: &'a [Entry],
    tail: &'a [Entry],
}

impl Iterator for Iter<'_> {
    type Item = (f64, Item);

    fn next(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        if self.head.is_empty() {
            let (leaf, position) = self.tree.leaf_at(self.front)?;
            self.head = &leaf.0[position..];
            let wanted = (self.back - self.front).min(AHEAD);
            self.head.iter().take(wanted).for_each(|&Entry { item, .. }| near::bring(item.as_ptr().as_ptr()));
        }
        let (&Entry { score, item }, rest) = self.head.split_first()?;
        self.head = rest;
        if let Some(&Entry { item, .. }) = rest.get(AHEAD - 1).filter(|_| self.back - self.front > AHEAD) {
            near::bring(item.as_ptr().as_ptr());
        }
        self.front += 1;
        Some((score, item))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.back - self.front;
        (left, Some(left))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        if self.tail.is_empty() {
            let (leaf, position) = self.tree.leaf_at(self.back - 1)?;
            self.tail = &leaf.0[..=position];
        }
        let (&Entry { score, item }, rest) = self.tail.split_last()?;
        self.tail = rest;
        self.back -= 1;
        Some((score, item))
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::format;
    use proptest::prelude::*;

    /// A tree together with the items that it does not own.
    #[derive(Default)]
    struct Owned {
        tree: RankTree,
        items: Vec<Item>,
    }

    impl Owned {
        fn insert(&mut self, score: f64, member: &[u8]) {
            let item = Item::new(score, member).unwrap();
            self.items.push(item);
            // SAFETY: freed only by the methods below, after it has left the tree.
            unsafe { self.tree.insert(score, item) }
        }

        fn free(&mut self, item: Item) {
            self.items.retain(|have| *have != item);
            // SAFETY: it is in neither list any more.
            unsafe { item.free() };
        }

        fn remove(&mut self, score: f64, member: &[u8]) {
            let rank = self.tree.find(score, member).unwrap();
            let (_, item) = self.tree.at(rank).unwrap();
            self.tree.remove(score, member);
            self.free(item);
        }

        fn remove_ranks(&mut self, ranks: Range<usize>) {
            let mut gone = Vec::new();
            self.tree.remove_ranks(ranks, &mut |item| gone.push(item));
            gone.into_iter().for_each(|item| self.free(item));
        }

        fn list(&self) -> Vec<(f64, &[u8])> {
            // SAFETY: live, as they are in the tree.
            self.tree.iter(0..usize::MAX).map(|(score, item)| (score, unsafe { item.member() })).collect()
        }
    }

    impl Drop for Owned {
        fn drop(&mut self) {
            self.tree = RankTree::new();
            for item in self.items.drain(..) {
                // SAFETY: nothing else has it.
                unsafe { item.free() };
            }
        }
    }

    /// The naive model: scores as whole numbers, so that they have an order in a `BTreeSet`.
    type Model = BTreeSet<(i32, Vec<u8>)>;

    fn name(number: u32) -> Vec<u8> {
        format!("{number:x}").into_bytes()
    }

    fn compare(owned: &Owned, model: &Model) {
        owned.tree.check();
        let expected: Vec<(f64, &[u8])> = model.iter().map(|(score, member)| (f64::from(*score), &member[..])).collect();
        assert_eq!(owned.list(), expected);
        let mut backward: Vec<f64> = owned.tree.iter(0..usize::MAX).rev().map(|(score, _)| score).collect();
        backward.reverse();
        assert_eq!(backward, expected.iter().map(|(score, _)| *score).collect::<Vec<_>>());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert { score: i32, member: u32, count: u32 },
        Remove { rank: usize, count: usize },
        RemoveRanks { from: usize, count: usize },
        Nudge { rank: usize, by: i32 },
        Ask { score: i32, rank: usize, count: usize },
    }

    fn step(scores: i32) -> impl Strategy<Value = Step> {
        let score = -scores..=scores;
        prop_oneof![
            6 => (score.clone(), 0..2000u32, 1..if cfg!(miri) { 40 } else { 100u32 }).prop_map(|(score, member, count)| Step::Insert { score, member, count }),
            4 => (any::<usize>(), 1..60usize).prop_map(|(rank, count)| Step::Remove { rank, count }),
            1 => (any::<usize>(), 0..300usize).prop_map(|(from, count)| Step::RemoveRanks { from, count }),
            2 => (any::<usize>(), -2..=2).prop_map(|(rank, by)| Step::Nudge { rank, by }),
            2 => (score, any::<usize>(), 0..200usize).prop_map(|(score, rank, count)| Step::Ask { score, rank, count }),
        ]
    }

    fn run(steps: Vec<Step>) {
        let mut owned = Owned::default();
        let mut model = Model::new();
        let nth = |model: &Model, rank: usize| model.iter().nth(rank % model.len().max(1)).cloned();
        for step in steps {
            match step {
                Step::Insert { score, member, count } => {
                    for number in member..member + count {
                        if model.insert((score, name(number))) {
                            owned.insert(f64::from(score), &name(number));
                        }
                    }
                }
                Step::Remove { rank, count } => {
                    for at in 0..count {
                        let Some((score, member)) = nth(&model, rank.wrapping_add(at * 7)) else { break };
                        model.remove(&(score, member.clone()));
                        owned.remove(f64::from(score), &member);
                    }
                }
                Step::RemoveRanks { from, count } => {
                    let from = from % (model.len() + 1);
                    let gone: Vec<_> = model.iter().skip(from).take(count).cloned().collect();
                    gone.iter().for_each(|entry| assert!(model.remove(entry)));
                    owned.remove_ranks(from..from + count);
                }
                Step::Nudge { rank, by } => {
                    let Some((score, member)) = nth(&model, rank) else { continue };
                    let moved = (score + by, member.clone());
                    if by != 0 && model.contains(&moved) {
                        continue;
                    }
                    if owned.tree.nudge(f64::from(score), &member, f64::from(score + by)) {
                        let before = model.iter().position(|entry| *entry == (score, member.clone()));
                        model.remove(&(score, member.clone()));
                        model.insert(moved.clone());
                        assert_eq!(before, model.iter().position(|entry| *entry == moved));
                    }
                }
                Step::Ask { score, rank, count } => ask(&owned, &model, score, rank, count),
            }
            compare(&owned, &model);
        }
        owned.remove_ranks(0..usize::MAX);
        owned.tree.check();
        assert_eq!((owned.tree.len(), owned.items.len()), (0, 0));
    }

    fn ask(owned: &Owned, model: &Model, score: i32, rank: usize, count: usize) {
        let tree = &owned.tree;
        let x = f64::from(score);
        assert_eq!(tree.rank(Place::BeforeScore(x)), model.iter().filter(|(have, _)| *have < score).count());
        assert_eq!(tree.rank(Place::AfterScore(x)), model.iter().filter(|(have, _)| *have <= score).count());
        let from = rank % (model.len() + 1);
        for (at, (score, member)) in model.iter().enumerate().skip(from).take(count) {
            assert_eq!(tree.find(f64::from(*score), member), Some(at));
            assert_eq!(tree.rank(Place::After(f64::from(*score), member)), at + 1);
            assert_eq!(tree.find(f64::from(*score) + 0.5, member), None);
        }
        let scores: Vec<f64> = tree.iter(from..from + count).map(|(score, _)| score).collect();
        let expected: Vec<f64> = model.iter().skip(from).take(count).map(|(score, _)| f64::from(*score)).collect();
        assert_eq!(scores, expected);
        // From both ends in turn, until they meet.
        let mut ends = tree.iter(from..from + count);
        let (mut front, mut back) = (Vec::new(), Vec::new());
        while let Some((score, _)) = ends.next() {
            front.push(score);
            back.extend(ends.next_back().map(|(score, _)| score));
        }
        front.extend(back.into_iter().rev());
        assert_eq!(front, expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 200 }, failure_persistence: None, ..Default::default() })]

        #[test]
        fn behaves_like_a_sorted_list(steps in prop::collection::vec(step(40), 1..if cfg!(miri) { 6 } else { 60 })) {
            run(steps);
        }

        #[test]
        fn orders_by_member_where_scores_are_equal(steps in prop::collection::vec(step(0), 1..if cfg!(miri) { 6 } else { 60 })) {
            run(steps);
        }
    }

    #[test]
    fn an_item_keeps_members_of_every_length() {
        for length in [0, 1, 254, 255, 256, 70_000] {
            let member: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let mut item = Item::new(1.5, &member).unwrap();
            // SAFETY: made above, freed at the end.
            unsafe {
                assert_eq!(item.member(), member);
                item.set_score(f64::NEG_INFINITY);
                assert_eq!((item.score(), item.member()), (f64::NEG_INFINITY, &member[..]));
                assert_eq!(Item::from_ptr(item.as_ptr()), item);
                assert_eq!(item.free(), Item::bytes(length));
            }
        }
    }

    #[test]
    fn signed_zeros_are_one_score_and_infinities_are_the_ends() {
        let mut owned = Owned::default();
        for (score, member) in [(0.0, "b"), (-0.0, "c"), (-0.0, "a"), (f64::INFINITY, "z"), (f64::NEG_INFINITY, "y")] {
            owned.insert(score, member.as_bytes());
        }
        let members: Vec<&[u8]> = owned.list().into_iter().map(|(_, member)| member).collect();
        assert_eq!(members, [b"y", b"a", b"b", b"c", b"z"]);
        assert_eq!(owned.tree.rank(Place::BeforeScore(-0.0)), 1);
        assert_eq!(owned.tree.rank(Place::AfterScore(0.0)), 4);
        assert_eq!(owned.tree.find(-0.0, b"b"), Some(2));
    }

    #[test]
    fn places_among_members_of_one_score() {
        let mut owned = Owned::default();
        (0..500u32).for_each(|number| owned.insert(1.0, format!("{:04}", number * 2).as_bytes()));
        let rank = |place| owned.tree.rank(place);
        assert_eq!(rank(Place::BeforeMember(b"0100")), 50);
        assert_eq!(rank(Place::AfterMember(b"0100")), 51);
        assert_eq!(rank(Place::AfterMember(b"0101")), 51);
        assert_eq!(rank(Place::BeforeMember(b"")), 0);
        assert_eq!(rank(Place::AfterMember(b"a")), 500);
    }

    #[test]
    fn an_empty_tree_answers() {
        let tree = RankTree::new();
        tree.check();
        assert_eq!((tree.len(), tree.memory()), (0, 0));
        assert_eq!(tree.rank(Place::AfterScore(1.0)), 0);
        assert_eq!((tree.find(1.0, b"a"), tree.at(0), tree.iter(0..5).count()), (None, None, 0));
    }

    #[test]
    fn nodes_stay_dense() {
        let count = if cfg!(miri) { 200 } else { 20_000u32 };
        for scramble in [1, 2_654_435_761u32] {
            let mut owned = Owned::default();
            for number in 0..count {
                owned.insert(f64::from(number.wrapping_mul(scramble)), b"m");
            }
            owned.tree.check();
            let entry = mem::size_of::<f64>() + mem::size_of::<Item>();
            assert!(owned.tree.memory() < count as usize * (entry + 4) + 400, "{} bytes", owned.tree.memory());
        }
    }

    #[test]
    fn a_step_that_keeps_the_order_is_made_in_place() {
        let mut owned = Owned::default();
        (0..10).for_each(|number| owned.insert(f64::from(number), b"m"));
        assert!(owned.tree.nudge(5.0, b"m", 5.5));
        assert!(!owned.tree.nudge(5.5, b"m", 7.5));
        assert!(!owned.tree.nudge(5.5, b"m", 6.0), "equal scores are ordered by member: not decided here");
        assert_eq!(owned.tree.find(5.5, b"m"), Some(5));
        owned.tree.check();
    }
}
