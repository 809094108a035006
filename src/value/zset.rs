//! The sorted set: members, each with a score, in the order of (score, member).
//!
//! Small (`listpack`): one allocation of member, score, member, score … in order, searched from the front. A score takes as few
//! bytes as it needs, see [`Score`].
//!
//! Large (`skiplist`, the name that clients know): two views of the same items. The [`Table`] finds a member and with it its score;
//! the [`RankTree`] knows the order. An item is one allocation that holds the member and the score, and belongs to both.
//!
//! ```text
//!   member ──hash──► table slot ──►┐
//!                                  ├──► [score][length][member]
//!   score, rank ───► tree leaf ───►┘
//! ```
//!
//! A set starts small, becomes large at the limits of [`Limits`](super::Limits), and stays large.

use alloc::alloc::handle_alloc_error;
use alloc::boxed::Box;
use core::alloc::Layout;
use core::mem;
use core::ops::Range;
use core::ptr::NonNull;

use super::packed::{self, Packed, Pos};
use super::rank_tree::{self, Item, Place, RankTree};
use super::table::{self, Table};
use super::{Collection, Env, OutOfMemory};

/// Members with scores. Scores are never NaN: whoever computes one refuses it.
pub struct ZSet {
    form: Form,
}

enum Form {
    Small(Packed),
    Large(Box<Large>),
}

/// What [`ZSet::update`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    Added,
    Updated,
    Same,
}

/// Scores from `min` to `max`; an open end leaves the score itself out.
#[derive(Clone, Copy, Debug)]
pub struct ScoreRange {
    pub min: f64,
    pub max: f64,
    pub min_open: bool,
    pub max_open: bool,
}

/// One end of a range of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberBound<'a> {
    /// Before all members.
    Least,
    /// Behind all members.
    Most,
    /// This member, and it belongs to the range.
    Closed(&'a [u8]),
    /// This member, and it does not belong to the range.
    Open(&'a [u8]),
}

impl<'a> MemberBound<'a> {
    /// As the lower end of a range: whether a member lies above it.
    fn admits_above(self, member: &[u8]) -> bool {
        match self {
            Self::Least => true,
            Self::Most => false,
            Self::Closed(bound) => member >= bound,
            Self::Open(bound) => member > bound,
        }
    }

    /// As the upper end of a range: whether a member lies below it.
    fn admits_below(self, member: &[u8]) -> bool {
        match self {
            Self::Least => false,
            Self::Most => true,
            Self::Closed(bound) => member <= bound,
            Self::Open(bound) => member < bound,
        }
    }

    /// The place where a range with this lower end begins.
    fn as_first(self) -> Place<'a> {
        match self {
            Self::Least => Place::BeforeScore(f64::NEG_INFINITY),
            Self::Most => Place::AfterScore(f64::INFINITY),
            Self::Closed(member) => Place::BeforeMember(member),
            Self::Open(member) => Place::AfterMember(member),
        }
    }

    /// The place where a range with this upper end ends.
    fn as_last(self) -> Place<'a> {
        match self {
            Self::Least => Place::BeforeScore(f64::NEG_INFINITY),
            Self::Most => Place::AfterScore(f64::INFINITY),
            Self::Closed(member) => Place::AfterMember(member),
            Self::Open(member) => Place::BeforeMember(member),
        }
    }
}

impl Default for ZSet {
    fn default() -> Self {
        Self::new()
    }
}

impl Collection for ZSet {
    fn memory(&self) -> usize {
        match &self.form {
            Form::Small(packed) => packed.memory(),
            Form::Large(large) => mem::size_of::<Large>() + large.table.memory() + large.tree.memory() + large.items,
        }
    }

    fn len(&self) -> usize {
        match &self.form {
            Form::Small(packed) => packed.len() / 2,
            Form::Large(large) => large.tree.len(),
        }
    }

    fn encoding(&self) -> &'static str {
        match &self.form {
            Form::Small(_) => "listpack",
            Form::Large(_) => "skiplist",
        }
    }
}

impl Clone for ZSet {
    fn clone(&self) -> Self {
        match self.try_clone() {
            Ok(copy) => copy,
            Err(OutOfMemory) => handle_alloc_error(Layout::new::<u8>()),
        }
    }
}

impl ZSet {
    /// What finds a member, in the large form.
    pub fn index(&self) -> Option<&Table> {
        if let Form::Large(large) = &self.form { Some(&large.table) } else { None }
    }

    /// Has brought near what a change or a look-up by rank of the member with this hash, and of one with this score, will look at behind the index. For a
    /// second pass, see [`Table::candidate`].
    pub fn bring_near(&self, hash: u64, score: Option<f64>) {
        let Form::Large(large) = &self.form else { return };
        // SAFETY: the table holds live items.
        let own = large.table.candidate(hash).map(|pointer| unsafe { Item::from_ptr(pointer).score() });
        own.into_iter().chain(score).for_each(|score| large.tree.bring_near(score));
    }

    /// An empty set. Allocates nothing.
    pub fn new() -> Self {
        Self { form: Form::Small(Packed::new()) }
    }

    /// An empty set in the form that suits so many members of up to `longest` bytes. It differs from [`ZSet::new`] in that a large
    /// set never was small, which matters to the sign of a zero.
    pub fn for_members(env: &Env, count: usize, longest: usize) -> Self {
        let limits = &env.limits;
        let small = count <= limits.zset_max_listpack_entries && longest <= limits.zset_max_listpack_value;
        if small { Self::new() } else { Self { form: Form::Large(Box::new(Large::new())) } }
    }

    /// Whether it is in the small form.
    pub fn is_small(&self) -> bool {
        matches!(self.form, Form::Small(_))
    }

    /// The score of a member. O(1), or O(n) in the small form.
    pub fn score(&self, env: &Env, member: &[u8]) -> Option<f64> {
        match &self.form {
            Form::Small(packed) => find(packed, member).map(|(_, score)| score),
            Form::Large(large) => large.find(env, member).map(|(_, item)| item.score()),
        }
    }

    /// Gives a member a score, whether it has one or not. A score of -0 may become 0. O(log n).
    pub fn insert(&mut self, env: &Env, member: &[u8], score: f64) -> Result<Change, OutOfMemory> {
        self.update(env, member, &mut |_| Some(score))
    }

    /// Gives a member the score that `decide` answers when told of its present one (None: it is no member yet); with the
    /// answer None, nothing changes. O(log n).
    pub fn update(
        &mut self,
        env: &Env,
        member: &[u8],
        decide: &mut dyn FnMut(Option<f64>) -> Option<f64>,
    ) -> Result<Change, OutOfMemory> {
        let packed = match &mut self.form {
            Form::Small(packed) => packed,
            Form::Large(large) => return large.update(env, member, decide),
        };
        let found = find(packed, member);
        // A longer score must fit as well: only in sets near the 4 GiB of a packed sequence it may not.
        if let Some((pos, old)) = found.filter(|_| packed.fits(Score::LONGEST)) {
            return Ok(match decide(Some(old)) {
                Some(score) if score != old => {
                    packed.remove(pos, 2);
                    insert(packed, member, score);
                    Change::Updated
                }
                _ => Change::Same,
            });
        }
        if found.is_some() {
            let mut large = Large::from_packed(env, packed)?;
            let change = large.update(env, member, decide)?;
            self.form = Form::Large(Box::new(large));
            return Ok(change);
        }
        let Some(score) = decide(None) else { return Ok(Change::Same) };
        let limits = &env.limits;
        let stays = packed.len() / 2 < limits.zset_max_listpack_entries
            && member.len() <= limits.zset_max_listpack_value
            && packed.fits(member.len().saturating_add(Packed::cost(Score::LONGEST)));
        if stays {
            insert(packed, member, score);
        } else {
            let mut large = Large::from_packed(env, packed)?;
            large.add(env, env.seed.hash(member), member, score)?;
            self.form = Form::Large(Box::new(large));
        }
        Ok(Change::Added)
    }

    /// Removes a member and gives its score. O(log n).
    pub fn remove(&mut self, env: &Env, member: &[u8]) -> Option<f64> {
        match &mut self.form {
            Form::Small(packed) => {
                let (pos, score) = find(packed, member)?;
                packed.remove(pos, 2);
                Some(score)
            }
            Form::Large(large) => large.remove(env, member),
        }
    }

    /// A member's rank, counted from the lowest score, and its score. O(log n).
    pub fn rank(&self, env: &Env, member: &[u8]) -> Option<(usize, f64)> {
        match &self.form {
            Form::Small(_) => {
                let mut all = self.iter(0..self.len()).enumerate();
                all.find(|(_, (have, _))| *have == member).map(|(rank, (_, score))| (rank, score))
            }
            Form::Large(large) => {
                let score = large.find(env, member)?.1.score();
                Some((large.tree.rank(Place::Before(score, member)), score))
            }
        }
    }

    /// The member at a rank, and its score. O(log n).
    pub fn at(&self, rank: usize) -> Option<(&[u8], f64)> {
        match &self.form {
            Form::Small(packed) => {
                let pos = packed.seek(rank.checked_mul(2)?)?;
                Some((packed.at(pos), score_after(packed, pos)))
            }
            Form::Large(large) => large.tree.at(rank).map(|(score, item)| (large.member(item), score)),
        }
    }

    /// Ranks of the members in a range of scores. O(log n).
    pub fn ranks_of_scores(&self, range: &ScoreRange) -> Range<usize> {
        let first = if range.min_open { Place::AfterScore(range.min) } else { Place::BeforeScore(range.min) };
        let end = if range.max_open { Place::BeforeScore(range.max) } else { Place::AfterScore(range.max) };
        self.ranks_between(first, end)
    }

    /// Ranks of the members in a range of members, for sets whose scores are all equal: O(log n). With other scores a small set
    /// answers as Redis's small form does, where it matters from which end (`reverse`) it is read. In large ones Redis's answer
    /// hangs on chance, and only what the two ends of the set rule out is the same.
    pub fn ranks_of_members(&self, min: MemberBound, max: MemberBound, reverse: bool) -> Range<usize> {
        let len = self.len();
        let ends = self.at(0).zip(self.at(len.saturating_sub(1)));
        if !ends.is_some_and(|((first, _), (last, _))| max.admits_below(first) && min.admits_above(last)) {
            return 0..0;
        }
        match &self.form {
            Form::Large(_) => self.ranks_between(min.as_first(), max.as_last()),
            Form::Small(_) if reverse => {
                let end = self.iter(0..len).rposition(|(member, _)| max.admits_below(member)).map_or(0, |last| last + 1);
                let run = self.iter(0..end).rev().take_while(|(member, _)| min.admits_above(member)).count();
                end - run..end
            }
            Form::Small(_) => {
                let start = self.iter(0..len).position(|(member, _)| min.admits_above(member)).unwrap_or(len);
                let run = self.iter(start..len).take_while(|(member, _)| max.admits_below(member)).count();
                start..start + run
            }
        }
    }

    fn ranks_between(&self, first: Place, end: Place) -> Range<usize> {
        let first = self.rank_of_place(first);
        first..self.rank_of_place(end).max(first)
    }

    fn rank_of_place(&self, place: Place) -> usize {
        match &self.form {
            Form::Small(_) => self.iter(0..self.len()).take_while(|(member, score)| precedes(*score, member, place)).count(),
            Form::Large(large) => large.tree.rank(place),
        }
    }

    /// Members and scores of a range of ranks, from either end. O(log n), then O(1) a member; a small set walks to the start.
    pub fn iter(&self, ranks: Range<usize>) -> Iter<'_> {
        let end = ranks.end.min(self.len());
        let start = ranks.start.min(end);
        match &self.form {
            Form::Small(packed) => {
                let mut rest = packed.iter_from(start * 2);
                for _ in end * 2..packed.len() {
                    rest.next_back();
                }
                Iter(Walk::Small(rest))
            }
            Form::Large(large) => Iter(Walk::Large(large, large.tree.iter(start..end))),
        }
    }

    /// Removes the members of a range of ranks; how many there were. O(log n + removed).
    pub fn remove_ranks(&mut self, env: &Env, ranks: Range<usize>) -> usize {
        let end = ranks.end.min(self.len());
        let count = end.saturating_sub(ranks.start);
        if count > 0 {
            match &mut self.form {
                Form::Small(packed) => {
                    if let Some(pos) = packed.seek(ranks.start * 2) {
                        packed.remove(pos, count * 2);
                    }
                }
                Form::Large(large) => large.remove_ranks(env, ranks.start..end),
            }
        }
        count
    }

    /// Visits members from a cursor on, about `count` of them, and gives the cursor to go on with; 0 begins and ends. Members
    /// that are there from the first call to the last are visited at least once. A small set is visited whole.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(&[u8], f64)) -> u64 {
        match &self.form {
            Form::Small(_) => {
                self.iter(0..self.len()).for_each(|(member, score)| visit(member, score));
                0
            }
            Form::Large(large) => large.table.scan(cursor, count, |pointer| {
                let item = large.item(pointer);
                visit(item.member, item.score());
            }),
        }
    }

    /// A copy, large if this one is. O(n log n).
    pub fn try_clone(&self) -> Result<ZSet, OutOfMemory> {
        let form = match &self.form {
            Form::Small(packed) => Form::Small(packed.clone()),
            Form::Large(large) => Form::Large(Box::new(large.try_clone()?)),
        };
        Ok(ZSet { form })
    }

    /// Removes up to `budget` members, in no order that means anything; true once all are gone. For setting a large set free in steps:
    /// after a first call that gave false nothing else may be asked but this.
    pub fn free_some(&mut self, budget: usize) -> bool {
        match &mut self.form {
            Form::Small(packed) => {
                packed.clear();
                true
            }
            Form::Large(large) => large.free_some(budget),
        }
    }

    /// Heap bytes, about, that a member of this length takes in a large set.
    pub fn bytes_of_member(length: usize) -> usize {
        // A slot of the table at its usual load, and an entry of the tree at its.
        Item::bytes(length) + 10 + 10 + mem::size_of::<Item>()
    }

    /// Checks everything that must always hold. O(n log n).
    #[cfg(any(test, debug_assertions))]
    #[doc(hidden)]
    pub fn check(&self, env: &Env) {
        let mut before: Option<(&[u8], f64)> = None;
        for (member, score) in self.iter(0..self.len()) {
            if let Some((previous, least)) = before {
                assert!(precedes(least, previous, Place::Before(score, member)), "order");
            }
            before = Some((member, score));
        }
        match &self.form {
            Form::Small(packed) => {
                packed.check();
                assert_eq!(packed.len() % 2, 0);
            }
            Form::Large(large) => large.check(env),
        }
    }
}

/// Whether an entry comes before a place.
fn precedes(score: f64, member: &[u8], place: Place) -> bool {
    match place {
        Place::BeforeScore(bound) => score < bound,
        Place::AfterScore(bound) => score <= bound,
        Place::BeforeMember(bound) => member < bound,
        Place::AfterMember(bound) => member <= bound,
        Place::Before(bound, name) => score < bound || (score == bound && member < name),
        Place::After(bound, name) => score < bound || (score == bound && member <= name),
    }
}

/// A score as the small form keeps it, in the fewest bytes that give it back exactly, but for the sign of zero, which Redis's
/// small form loses as well: 0 for zero; 1, 2, 3, 5, 6 or 7 for a whole number of so many bytes; 4 for an `f32`; else 8.
struct Score {
    bytes: [u8; 8],
    len: usize,
}

impl Score {
    const LONGEST: usize = 8;

    fn new(score: f64) -> Score {
        let whole = score as i64;
        let exact = whole as f64 == score;
        // The sign takes a bit too.
        let bits = 65 - (whole ^ (whole >> 63)).leading_zeros() as usize;
        let single = score as f32;
        let short = f64::from(single).to_bits() == score.to_bits();
        match (exact, bits.div_ceil(8)) {
            (true, _) if whole == 0 => Score { bytes: [0; 8], len: 0 },
            (true, len @ 1..=3) => Score { bytes: whole.to_le_bytes(), len },
            _ if short => Score { bytes: u64::from(single.to_bits()).to_le_bytes(), len: 4 },
            (true, len @ 5..=7) => Score { bytes: whole.to_le_bytes(), len },
            // Whole numbers of four bytes that are no `f32` take five: four would read as one.
            (true, 4) => Score { bytes: whole.to_le_bytes(), len: 5 },
            _ => Score { bytes: score.to_le_bytes(), len: 8 },
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn read(bytes: &[u8]) -> f64 {
        // Only what `new` wrote comes here: at most eight bytes.
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        match bytes.len() {
            0 => 0.0,
            4 => f64::from(f32::from_bits(u64::from_le_bytes(word) as u32)),
            8 => f64::from_le_bytes(word),
            len => {
                let unused = 64 - 8 * len as u32;
                ((i64::from_le_bytes(word) << unused) >> unused) as f64
            }
        }
    }
}

/// The score behind the member at `pos`.
fn score_after(packed: &Packed, pos: Pos) -> f64 {
    packed.next(pos).map_or(0.0, |score| Score::read(packed.at(score)))
}

/// Place and score of a member.
fn find(packed: &Packed, member: &[u8]) -> Option<(Pos, f64)> {
    let pos = packed.find(member, packed.first()?, 2)?;
    Some((pos, score_after(packed, pos)))
}

/// Puts a new member where it belongs. It fits.
fn insert(packed: &mut Packed, member: &[u8], score: f64) {
    let stored = Score::new(score);
    // Often the new member is the last one: asked first.
    let last = packed.last().and_then(|last| packed.prev(last));
    let is_last = last.is_some_and(|pos| precedes(score_after(packed, pos), packed.at(pos), Place::Before(score, member)));
    let mut next = packed.first().filter(|_| !is_last);
    while let Some(pos) = next {
        if !precedes(score_after(packed, pos), packed.at(pos), Place::Before(score, member)) {
            packed.insert(pos, stored.as_bytes());
            packed.insert(pos, member);
            return;
        }
        next = packed.next(pos).and_then(|pos| packed.next(pos));
    }
    packed.push_back(member);
    packed.push_back(stored.as_bytes());
}

/// Slots of an index that are freed as quickly as one member.
const SLOTS_AT_ONCE: usize = 8;

/// The large form. Every item is in both `table` and `tree`, and in nothing else.
struct Large {
    table: Table,
    tree: RankTree,
    /// Bytes of the items.
    items: usize,
}

/// An item of a `Large`, which lives as long as the borrow of that.
struct Entry<'a> {
    item: Item,
    member: &'a [u8],
}

impl Entry<'_> {
    fn score(&self) -> f64 {
        // SAFETY: the item is live, as `Large::item` made sure.
        unsafe { self.item.score() }
    }
}

impl Large {
    fn new() -> Self {
        Self { table: Table::new(), tree: RankTree::new(), items: 0 }
    }

    fn from_packed(env: &Env, packed: &Packed) -> Result<Self, OutOfMemory> {
        let mut large = Self::new();
        for (member, score) in Iter(Walk::Small(packed.iter())) {
            large.add(env, env.seed.hash(member), member, score)?;
        }
        Ok(large)
    }

    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        let mut copy = Self::new();
        let Large { table, tree, items } = &mut copy;
        // Should it fail, the items made so far are all in the tree, and are freed with it.
        self.table.clone_into(table, |pointer| {
            let entry = self.item(pointer);
            let item = Item::new(entry.score(), entry.member)?;
            if !Table::fits(item.as_ptr()) {
                // SAFETY: made above, and in no structure.
                unsafe { item.free() };
                return Err(OutOfMemory);
            }
            // SAFETY: items are freed only after their removal from the tree, and their members never change.
            unsafe { tree.insert(entry.score(), item) };
            *items += Item::bytes(entry.member.len());
            Ok(item.as_ptr())
        })?;
        Ok(copy)
    }

    fn free_some(&mut self, budget: usize) -> bool {
        let Large { table, tree, items } = self;
        // A table owns no items; without them it must not be asked for any.
        if !table.drain_some(budget.saturating_mul(SLOTS_AT_ONCE), |_| {}) {
            return false;
        }
        // SAFETY: the tree has taken it out and looks at no item until it has forgotten it.
        tree.remove_ranks(0..budget, &mut |item| *items -= unsafe { item.free() });
        tree.is_empty()
    }

    /// The item behind a pointer that `table` holds.
    fn item(&self, pointer: NonNull<u8>) -> Entry<'_> {
        // SAFETY: the table holds only items that live until they are removed from it, which needs `&mut self`.
        unsafe {
            let item = Item::from_ptr(pointer);
            Entry { item, member: item.member() }
        }
    }

    /// The member of an item that `tree` holds.
    fn member(&self, item: Item) -> &[u8] {
        // SAFETY: the tree holds only items that live until they are removed from it, which needs `&mut self`.
        unsafe { item.member() }
    }

    fn find(&self, env: &Env, member: &[u8]) -> Option<(table::Pos, Entry<'_>)> {
        self.find_hash(env.seed.hash(member), member)
    }

    fn find_hash(&self, hash: u64, member: &[u8]) -> Option<(table::Pos, Entry<'_>)> {
        let pos = self.table.find(hash, |pointer| self.item(pointer).member == member)?;
        Some((pos, self.item(self.table.get(pos))))
    }

    /// Adds what is no member yet.
    fn add(&mut self, env: &Env, hash: u64, member: &[u8], score: f64) -> Result<(), OutOfMemory> {
        let item = Item::new(score, member)?;
        // SAFETY: the pointers that a table asks about are those that it holds: live items.
        let rehash = |pointer| env.seed.hash(unsafe { Item::from_ptr(pointer).member() });
        if let Err(refused) = self.table.insert(hash, item.as_ptr(), rehash) {
            // SAFETY: made above, and nobody else took it.
            unsafe { item.free() };
            return Err(refused);
        }
        // SAFETY: items are freed only after their removal from the tree, and their members never change.
        unsafe { self.tree.insert(score, item) };
        self.items += Item::bytes(member.len());
        Ok(())
    }

    fn update(
        &mut self,
        env: &Env,
        member: &[u8],
        decide: &mut dyn FnMut(Option<f64>) -> Option<f64>,
    ) -> Result<Change, OutOfMemory> {
        let hash = env.seed.hash(member);
        let Some((_, entry)) = self.find_hash(hash, member) else {
            let Some(score) = decide(None) else { return Ok(Change::Same) };
            return self.add(env, hash, member, score).map(|()| Change::Added);
        };
        let old = entry.score();
        let mut item = entry.item;
        let Some(score) = decide(Some(old)).filter(|score| *score != old) else { return Ok(Change::Same) };
        if !self.tree.nudge(old, member, score) {
            self.tree.remove(old, member);
            // SAFETY: as in `add`.
            unsafe { self.tree.insert(score, item) };
        }
        // SAFETY: live, and no borrow of it is: `entry` was used for the last time above.
        unsafe { item.set_score(score) };
        Ok(Change::Updated)
    }

    fn remove(&mut self, env: &Env, member: &[u8]) -> Option<f64> {
        let (pos, entry) = self.find(env, member)?;
        let score = entry.score();
        let item = entry.item;
        self.tree.remove(score, member);
        self.table.remove(pos);
        // SAFETY: neither tree nor table has it any more.
        self.items -= unsafe { item.free() };
        Some(score)
    }

    fn remove_ranks(&mut self, env: &Env, ranks: Range<usize>) {
        let Large { table, tree, items } = self;
        tree.remove_ranks(ranks, &mut |item| {
            // SAFETY: live until it is freed below.
            let hash = env.seed.hash(unsafe { item.member() });
            if let Some(pos) = table.find(hash, |pointer| pointer == item.as_ptr()) {
                table.remove(pos);
            }
            // SAFETY: the table has it no more, and the tree has taken it out and looks at no item until it has forgotten it.
            *items -= unsafe { item.free() };
        });
    }

    #[cfg(any(test, debug_assertions))]
    fn check(&self, env: &Env) {
        self.tree.check();
        assert_eq!(self.table.len(), self.tree.len());
        let mut items = 0;
        for (score, item) in self.tree.iter(0..self.tree.len()) {
            let member = self.member(item);
            let found = self.find(env, member).map(|(_, entry)| (entry.item, entry.score()));
            assert_eq!(found, Some((item, score)), "table and tree agree");
            items += Item::bytes(member.len());
        }
        assert_eq!(items, self.items, "bytes of the items");
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        for (_, item) in self.tree.iter(0..self.tree.len()) {
            // SAFETY: each item is in the tree once, and a walk over the tree, which is the last use of it, looks at no item.
            unsafe { item.free() };
        }
    }
}

/// Members and scores in order, from either end.
#[derive(Clone)]
pub struct Iter<'a>(Walk<'a>);

#[derive(Clone)]
enum Walk<'a> {
    Small(packed::Iter<'a>),
    Large(&'a Large, rank_tree::Iter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Walk::Small(rest) => {
                let member = rest.next()?;
                Some((member, Score::read(rest.next()?)))
            }
            Walk::Large(large, rest) => rest.next().map(|(score, item)| (large.member(item), score)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Walk::Small(rest) => rest.len() / 2,
            Walk::Large(_, rest) => rest.len(),
        };
        (left, Some(left))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Walk::Small(rest) => {
                let score = Score::read(rest.next_back()?);
                Some((rest.next_back()?, score))
            }
            Walk::Large(large, rest) => rest.next_back().map(|(score, item)| (large.member(item), score)),
        }
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Limits;
    use crate::value::seed::Seed;
    use alloc::collections::BTreeMap;
    use alloc::format;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn env(entries: usize) -> Env {
        let limits = Limits { zset_max_listpack_entries: entries, zset_max_listpack_value: 12, ..Limits::default() };
        Env { seed: Seed::new(5), limits }
    }

    fn zset(env: &Env, entries: &[(f64, &str)]) -> ZSet {
        let mut zset = ZSet::new();
        entries.iter().for_each(|(score, member)| assert!(zset.insert(env, member.as_bytes(), *score).is_ok()));
        zset
    }

    /// The naive model: sorted anew whenever the order matters.
    type Model = BTreeMap<Vec<u8>, f64>;

    fn sorted(model: &Model) -> Vec<(&[u8], f64)> {
        let mut all: Vec<_> = model.iter().map(|(member, score)| (&member[..], *score)).collect();
        all.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap().then(a.0.cmp(b.0)));
        all
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u16, f64),
        Add(u16, f64),
        Remove(u16),
        RemoveRanks(usize, usize),
        Ask(u16, f64, f64, bool, bool),
        Copy,
    }

    fn score() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => (-6..6i32).prop_map(f64::from),
            1 => prop::sample::select(alloc::vec![0.5, -0.0, 1e300, f64::INFINITY, f64::NEG_INFINITY, 1.7e12, 16_777_217.0]),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        let member = 0..40u16;
        prop_oneof![
            6 => (member.clone(), score()).prop_map(|(member, score)| Step::Insert(member, score)),
            3 => (member.clone(), (-3..3i32)).prop_map(|(member, by)| Step::Add(member, f64::from(by) / 2.0)),
            3 => member.clone().prop_map(Step::Remove),
            1 => (0..45usize, 0..6usize).prop_map(|(from, count)| Step::RemoveRanks(from, count)),
            2 => (member, score(), score(), any::<bool>(), any::<bool>()).prop_map(|(m, a, b, c, d)| Step::Ask(m, a, b, c, d)),
            1 => Just(Step::Copy),
        ]
    }

    fn name(number: u16) -> Vec<u8> {
        format!("m{number}").into_bytes()
    }

    fn run(env: &Env, steps: Vec<Step>) {
        let mut zset = ZSet::new();
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Insert(member, score) => {
                    let before = model.insert(name(member), score);
                    if before == Some(score) {
                        model.insert(name(member), before.unwrap());
                    }
                    let expected = match before {
                        None => Change::Added,
                        Some(old) if old == score => Change::Same,
                        Some(_) => Change::Updated,
                    };
                    assert_eq!(zset.insert(env, &name(member), score), Ok(expected));
                }
                Step::Add(member, by) => {
                    let expected = model.get(&name(member)).map(|score| score + by);
                    zset.update(env, &name(member), &mut |score| score.map(|score| score + by)).unwrap();
                    if let Some(score) = expected {
                        model.insert(name(member), score);
                    }
                }
                Step::Remove(member) => assert_eq!(zset.remove(env, &name(member)), model.remove(&name(member))),
                Step::RemoveRanks(from, count) => {
                    let gone: Vec<Vec<u8>> = sorted(&model).iter().skip(from).take(count).map(|(m, _)| m.to_vec()).collect();
                    assert_eq!(zset.remove_ranks(env, from..from + count), gone.len());
                    gone.iter().for_each(|member| assert!(model.remove(member).is_some()));
                }
                Step::Ask(member, min, max, min_open, max_open) => {
                    ask(env, &zset, &model, &name(member), &ScoreRange { min, max, min_open, max_open });
                }
                Step::Copy => {
                    let mut old = core::mem::take(&mut zset);
                    zset = old.clone();
                    while !old.free_some(7) {}
                    assert_eq!(old.len(), 0);
                }
            }
            zset.check(env);
            assert_eq!(zset.iter(0..usize::MAX).collect::<Vec<_>>(), sorted(&model));
            assert_eq!(zset.len(), model.len());
        }
    }

    fn ask(env: &Env, zset: &ZSet, model: &Model, member: &[u8], range: &ScoreRange) {
        let all = sorted(model);
        assert_eq!(zset.score(env, member), model.get(member).copied());
        let rank = all.iter().position(|(have, _)| *have == member);
        assert_eq!(zset.rank(env, member), rank.map(|rank| (rank, all[rank].1)));
        assert_eq!(rank.and_then(|rank| zset.at(rank)), rank.map(|rank| all[rank]));
        assert_eq!(zset.at(all.len()), None);

        let inside = |score: f64| {
            (if range.min_open { range.min < score } else { range.min <= score })
                && (if range.max_open { score < range.max } else { score <= range.max })
        };
        let expected: Vec<_> = all.iter().copied().filter(|(_, score)| inside(*score)).collect();
        let ranks = zset.ranks_of_scores(range);
        assert_eq!(ranks.len(), expected.len());
        assert_eq!(zset.iter(ranks.clone()).collect::<Vec<_>>(), expected);
        assert_eq!(zset.iter(ranks).rev().collect::<Vec<_>>(), expected.into_iter().rev().collect::<Vec<_>>());

        let (mut cursor, mut seen) = (0, Vec::new());
        loop {
            cursor = zset.scan(cursor, 3, &mut |member, score| seen.push((member.to_vec(), score)));
            if cursor == 0 {
                break;
            }
        }
        seen.sort_by(|a, b| a.0.cmp(&b.0));
        seen.dedup();
        assert_eq!(seen.into_iter().collect::<Model>(), *model);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 150 }, failure_persistence: None, ..Default::default() })]

        #[test]
        fn small_behaves_like_the_model(steps in prop::collection::vec(step(), 1..if cfg!(miri) { 20 } else { 80 })) {
            run(&env(128), steps);
        }

        #[test]
        fn large_behaves_like_the_model(steps in prop::collection::vec(step(), 1..if cfg!(miri) { 20 } else { 200 })) {
            run(&env(0), steps);
        }

        #[test]
        fn growing_large_changes_nothing_else(steps in prop::collection::vec(step(), 1..if cfg!(miri) { 20 } else { 120 })) {
            run(&env(6), steps);
        }

        #[test]
        fn any_score_is_kept_exactly(score in any::<f64>().prop_filter("no NaN", |score| !score.is_nan())) {
            let kept = Score::new(score);
            prop_assert_eq!(Score::read(kept.as_bytes()).to_bits(), (score + 0.0).to_bits());
        }

        #[test]
        fn any_whole_score_is_kept_exactly(whole in any::<i64>(), shift in 0..64u32) {
            let score = (whole >> shift) as f64;
            let kept = Score::new(score);
            prop_assert_eq!(Score::read(kept.as_bytes()).to_bits(), score.to_bits());
        }
    }

    #[test]
    fn a_score_takes_few_bytes() {
        let scores = [(0.0, 0), (-1.0, 1), (127.0, 1), (128.0, 2), (-8_388_608.0, 3), (8_388_608.0, 4), (0.5, 4), (-0.0, 0)];
        let more =
            [(f64::INFINITY, 4), (16_777_217.0, 5), (1.7e9 + 1.0, 5), (1_700_000_000_001.0, 6), (0.1, 8), (1e17 + 16.0, 8)];
        for (score, bytes) in scores.into_iter().chain(more) {
            assert_eq!(Score::new(score).as_bytes().len(), bytes, "{score}");
        }
    }

    #[test]
    fn a_set_grows_large_at_either_limit() {
        let env = env(3);
        let mut zset = zset(&env, &[(1.0, "a"), (2.0, "b"), (3.0, "c")]);
        assert_eq!(zset.encoding(), "listpack");
        zset.insert(&env, b"c", 9.0).unwrap();
        zset.update(&env, b"d", &mut |_| None).unwrap();
        assert_eq!((zset.encoding(), zset.len()), ("listpack", 3));
        zset.insert(&env, b"d", 0.0).unwrap();
        assert_eq!((zset.encoding(), zset.len()), ("skiplist", 4));
        zset.remove_ranks(&env, 0..9);
        assert_eq!((zset.encoding(), zset.len()), ("skiplist", 0));
        zset.check(&env);

        let longest = super::tests::zset(&env, &[(1.0, "twelve bytes")]);
        assert_eq!(longest.encoding(), "listpack");
        let longer = super::tests::zset(&env, &[(1.0, "a"), (0.0, "thirteen byte")]);
        assert_eq!(longer.encoding(), "skiplist");
        assert_eq!(longer.iter(0..9).collect::<Vec<_>>(), [(&b"thirteen byte"[..], 0.0), (b"a", 1.0)]);
    }

    #[test]
    fn ranges_of_members() {
        for entries in [0, 128] {
            let env = env(entries);
            let zset = zset(&env, &[(0.0, "a"), (0.0, "b"), (0.0, "c"), (0.0, "d")]);
            for reverse in [false, true] {
                let ranks = |min, max| zset.ranks_of_members(min, max, reverse);
                assert_eq!(ranks(MemberBound::Least, MemberBound::Most), 0..4);
                assert_eq!(ranks(MemberBound::Closed(b"b"), MemberBound::Open(b"d")), 1..3);
                assert_eq!(ranks(MemberBound::Open(b"b"), MemberBound::Closed(b"d")), 2..4);
                assert!(ranks(MemberBound::Most, MemberBound::Least).is_empty());
                assert!(ranks(MemberBound::Closed(b"c"), MemberBound::Closed(b"b")).is_empty());
            }
        }
    }

    #[test]
    fn memory_is_what_it_owns() {
        let env = env(128);
        let mut zset = ZSet::new();
        assert_eq!(zset.memory(), 0);
        zset.insert(&env, b"member", 1.0).unwrap();
        assert!(zset.memory() >= 11);
        zset.remove(&env, b"member");
        assert_eq!(zset.memory(), 0);
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn a_member_of_a_large_set_costs_few_bytes() {
        let env = env(128);
        let mut zset = ZSet::new();
        let count = 50_000u32;
        for number in 0..count {
            let member = format!("member:{:08}", number.wrapping_mul(2_654_435_761) % 100_000_000);
            zset.insert(&env, member.as_bytes(), f64::from(number.wrapping_mul(40_503) % 65_536)).unwrap();
        }
        zset.check(&env);
        let each = (zset.memory() as f64) / zset.len() as f64;
        // 15 of them are the member itself.
        assert!(each < 56.0, "{each} bytes a member");
    }
}
