//! The set: members, each once.
//!
//! Three forms, of which clients know two names:
//!
//! | form | name | while |
//! |---|---|---|
//! | sorted array of integers | `intset` | all members are integers, and not too many |
//! | one allocation, searched from the front | `hashtable` | few and short members |
//! | table of entries | `hashtable` | else |
//!
//! A set goes down this list, never up.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Deref;

use super::blob::{self, Blobs};
use super::hash::ASK_FIRST;
use super::intset::IntSet;
use super::packed::{self, Packed};
use super::table::Table;
use super::{Collection, Env, OutOfMemory, sample};
use crate::number::{parse_i64, write_i64};

/// Members up to which a set that is no `intset` stays in one allocation, and the length of the longest: at about 100 ns for a search
/// it is no slower than a table, and a member costs 2 bytes beside its own where a table costs 27.
const SMALL_ENTRIES: usize = 128;
const SMALL_MEMBER: usize = 64;

/// Distinct members.
#[derive(Clone)]
pub struct Set {
    form: Form,
}

#[derive(Clone)]
enum Form {
    Ints(IntSet),
    Small(Packed),
    Large(Box<Blobs>),
}

impl Default for Set {
    fn default() -> Self {
        Self::new()
    }
}

impl Collection for Set {
    fn memory(&self) -> usize {
        match &self.form {
            Form::Ints(ints) => ints.memory(),
            Form::Small(packed) => packed.memory(),
            Form::Large(blobs) => size_of::<Blobs>() + blobs.memory(),
        }
    }

    fn len(&self) -> usize {
        match &self.form {
            Form::Ints(ints) => ints.len(),
            Form::Small(packed) => packed.len(),
            Form::Large(blobs) => blobs.len(),
        }
    }

    fn encoding(&self) -> &'static str {
        match &self.form {
            Form::Ints(_) => "intset",
            Form::Small(_) | Form::Large(_) => "hashtable",
        }
    }
}

impl Set {
    /// What finds a member, in the large form.
    pub fn index(&self) -> Option<&Table> {
        if let Form::Large(blobs) = &self.form { Some(blobs.index()) } else { None }
    }

    /// An empty set. Allocates nothing.
    pub fn new() -> Self {
        Self { form: Form::Ints(IntSet::new()) }
    }

    /// Whether it is a member. O(1) in a table, O(log n) among integers, O(n) in the small form.
    #[inline]
    pub fn contains(&self, env: &Env, member: &[u8]) -> bool {
        match &self.form {
            Form::Ints(ints) => parse_i64(member).is_some_and(|number| ints.contains(number)),
            Form::Small(packed) => find(packed, member).is_some(),
            Form::Large(blobs) => blobs.find(env.seed.hash(member), member).is_some(),
        }
    }

    /// Adds a member: true when it is new. O(1) in a table, O(n) in the other forms.
    pub fn add(&mut self, env: &Env, member: &[u8]) -> Result<bool, OutOfMemory> {
        if let Form::Ints(ints) = &mut self.form {
            if let Some(number) = parse_i64(member) {
                let added = ints.insert(number)?;
                if added && ints.len() > env.limits.set_max_intset_entries {
                    self.leave_ints(env, 0)?;
                }
                return Ok(added);
            }
            self.leave_ints(env, member.len())?;
        }
        if let Form::Small(packed) = &mut self.form {
            if find(packed, member).is_some() {
                return Ok(false);
            }
            if packed.len() < SMALL_ENTRIES && member.len() <= SMALL_MEMBER {
                return Ok(packed.push_back(member));
            }
            self.become_large(env)?;
        }
        let Form::Large(blobs) = &mut self.form else { return Err(OutOfMemory) };
        if blobs.find(env.seed.hash(member), member).is_some() {
            return Ok(false);
        }
        blobs.insert(env.seed, member, &[]).map(|_| true)
    }

    /// Writes the integers out as text, in the form that suits them and a newcomer of this length.
    fn leave_ints(&mut self, env: &Env, newcomer: usize) -> Result<(), OutOfMemory> {
        let Form::Ints(ints) = &self.form else { return Ok(()) };
        let mut text = [0; 20];
        if ints.len() < SMALL_ENTRIES && newcomer <= SMALL_MEMBER {
            let mut packed = Packed::new();
            let bytes = ints.iter().map(|number| Packed::cost(write_i64(number, &mut text).len())).sum();
            if bytes >= ASK_FIRST && !packed.try_reserve(bytes) {
                return Err(OutOfMemory);
            }
            for number in ints.iter() {
                packed.push_back(write_i64(number, &mut text));
            }
            self.form = Form::Small(packed);
        } else {
            let mut blobs = Blobs::new(false);
            for number in ints.iter() {
                blobs.insert(env.seed, write_i64(number, &mut text), &[])?;
            }
            self.form = Form::Large(Box::new(blobs));
        }
        Ok(())
    }

    fn become_large(&mut self, env: &Env) -> Result<(), OutOfMemory> {
        if let Form::Small(packed) = &self.form {
            let mut blobs = Blobs::new(false);
            for member in packed.iter() {
                blobs.insert(env.seed, member, &[])?;
            }
            self.form = Form::Large(Box::new(blobs));
        }
        Ok(())
    }

    /// Removes a member: whether it was one. O(1) in a table, O(n) in the other forms.
    pub fn remove(&mut self, env: &Env, member: &[u8]) -> bool {
        match &mut self.form {
            Form::Ints(ints) => parse_i64(member).is_some_and(|number| ints.remove(number)),
            Form::Small(packed) => {
                let found = find(packed, member);
                if let Some(pos) = found {
                    packed.remove(pos, 1);
                }
                found.is_some()
            }
            Form::Large(blobs) => {
                let found = blobs.find(env.seed.hash(member), member);
                if let Some(pos) = found {
                    blobs.remove(pos);
                }
                found.is_some()
            }
        }
    }

    /// All members: integers ascending, in the small form as they came, in a table in no order.
    pub fn iter(&self) -> Iter<'_> {
        Iter(match &self.form {
            Form::Ints(ints) => IterForm::Ints(ints, 0),
            Form::Small(packed) => IterForm::Small(packed.iter()),
            Form::Large(blobs) => IterForm::Large(blobs.iter()),
        })
    }

    /// Visits members from `cursor` on (0 = the start), at least `count` unless the end comes first; the cursor to go on with, 0 = the
    /// end. A member that is there from the first call to the last is visited at least once. What is no table is visited whole,
    /// whatever the cursor, as Redis does.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(&[u8])) -> u64 {
        match &self.form {
            Form::Large(blobs) => blobs.scan(cursor, count, &mut |member, _| visit(member)),
            _ => {
                self.iter().for_each(|member| visit(&member));
                0
            }
        }
    }

    /// A member by chance, each as likely as any other. O(1), or O(n) in the small form.
    pub fn random(&self, random: u64) -> Option<Member<'_>> {
        let index = sample::below(random, self.len());
        match &self.form {
            Form::Ints(ints) => ints.get(index).map(Member::number),
            Form::Small(packed) => packed.get(index).map(Member::bytes),
            Form::Large(blobs) => blobs.sample(random).map(|pos| Member::bytes(blobs.at(pos).0)),
        }
    }

    /// Chooses `count` different members by chance (all of them when there are no more), each choice as likely as any other; to be given
    /// to [`Set::visit`].
    pub fn choose(&self, count: usize, random: &mut dyn FnMut() -> u64) -> Result<Vec<usize>, OutOfMemory> {
        sample::distinct(self.len(), count, random)
    }

    /// Visits the members at these places of the order of `iter`; the places ascend. The cost is one walk past the last of them at most.
    pub fn visit(&self, places: &[usize], visit: &mut dyn FnMut(&[u8])) {
        match &self.form {
            Form::Large(blobs) => blobs.visit_ranks(places, &mut |member, _| visit(member)),
            _ => {
                let mut places = places.iter().peekable();
                for (place, member) in self.iter().enumerate() {
                    if places.next_if(|wanted| **wanted == place).is_some() {
                        visit(&member);
                    }
                }
            }
        }
    }

    /// Takes a member out by chance, each as likely as any other. The cost is that of `random` and `remove`.
    pub fn pop(&mut self, random: u64) -> Result<Option<Vec<u8>>, OutOfMemory> {
        let Some(member) = self.random(random) else { return Ok(None) };
        let mut copy = Vec::new();
        copy.try_reserve_exact(member.len())?;
        copy.extend_from_slice(&member);
        let index = sample::below(random, self.len());
        match &mut self.form {
            Form::Ints(ints) => ints.remove_at(index),
            Form::Small(packed) => {
                if let Some(pos) = packed.seek(index) {
                    packed.remove(pos, 1);
                }
            }
            Form::Large(blobs) => {
                // The same draw again: it hits the same.
                if let Some(pos) = blobs.sample(random) {
                    blobs.remove(pos);
                }
            }
        }
        Ok(Some(copy))
    }

    /// A copy of everything. O(N).
    pub fn try_clone(&self) -> Result<Self, OutOfMemory> {
        Ok(Self {
            form: match &self.form {
                Form::Ints(ints) => Form::Ints(ints.clone()),
                Form::Small(packed) => Form::Small(packed.clone()),
                Form::Large(blobs) => Form::Large(Box::new(blobs.try_clone()?)),
            },
        })
    }

    /// Frees up to `budget` members of a set that nobody asks anything more; true once all is freed. For freeing what is big in slices.
    pub fn free_some(&mut self, budget: usize) -> bool {
        match &mut self.form {
            Form::Large(blobs) => blobs.free_some(budget),
            _ => {
                *self = Self::new();
                true
            }
        }
    }

    /// Asserts what must always hold.
    #[cfg(any(test, debug_assertions))]
    #[doc(hidden)]
    pub fn check(&self, env: &Env) {
        match &self.form {
            Form::Ints(ints) => ints.check(),
            Form::Small(packed) => packed.check(),
            Form::Large(blobs) => blobs.check(env.seed),
        }
    }
}

fn find(packed: &Packed, member: &[u8]) -> Option<packed::Pos> {
    packed.find(member, packed.first()?, 1)
}

/// A member as bytes: borrowed from its set, or an integer written out.
pub struct Member<'a>(Text<'a>);

enum Text<'a> {
    Bytes(&'a [u8]),
    Number { digits: [u8; 20], len: u8 },
}

impl<'a> Member<'a> {
    fn bytes(bytes: &'a [u8]) -> Self {
        Self(Text::Bytes(bytes))
    }

    fn number(number: i64) -> Self {
        let (mut digits, mut text) = ([0; 20], [0; 20]);
        let written = write_i64(number, &mut text);
        for (digit, byte) in digits.iter_mut().zip(written) {
            *digit = *byte;
        }
        Self(Text::Number { digits, len: written.len() as u8 })
    }
}

impl Deref for Member<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Text::Bytes(bytes) => bytes,
            Text::Number { digits, len } => digits.get(..*len as usize).unwrap_or_default(),
        }
    }
}

/// Members of a [`Set`].
pub struct Iter<'a>(IterForm<'a>);

enum IterForm<'a> {
    Ints(&'a IntSet, usize),
    Small(packed::Iter<'a>),
    Large(blob::Iter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            IterForm::Ints(ints, index) => {
                let number = ints.get(*index)?;
                *index += 1;
                Some(Member::number(number))
            }
            IterForm::Small(all) => all.next().map(Member::bytes),
            IterForm::Large(all) => all.next().map(|(member, _)| Member::bytes(member)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            IterForm::Ints(ints, index) => ints.len().saturating_sub(*index),
            IterForm::Small(all) => all.len(),
            IterForm::Large(all) => all.len(),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::{BTreeMap, BTreeSet};
    use alloc::format;
    use proptest::prelude::*;

    fn env() -> Env {
        Env { seed: super::super::seed::Seed::new(4), ..Env::default() }
    }

    #[test]
    fn is_an_intset_of_integers_up_to_the_limit() {
        let env = env();
        let mut set = Set::new();
        for n in (0..512).rev() {
            assert!(set.add(&env, format!("{n}").as_bytes()).unwrap());
        }
        assert!(!set.add(&env, b"17").unwrap());
        assert_eq!(set.encoding(), "intset");
        assert!(set.iter().map(|member| parse_i64(&member).unwrap()).eq(0..512), "in order");
        set.add(&env, b"512").unwrap();
        assert_eq!((set.encoding(), set.len()), ("hashtable", 513));
        (0..512).for_each(|n| assert!(set.remove(&env, format!("{n}").as_bytes())));
        assert_eq!((set.encoding(), set.len()), ("hashtable", 1));
    }

    #[test]
    fn only_what_prints_back_the_same_is_an_integer() {
        let env = env();
        for member in ["01", "+1", "-0", "1.0", "", " 1", "9223372036854775808", "a"] {
            let mut set = Set::new();
            set.add(&env, b"1").unwrap();
            assert!(!set.contains(&env, member.as_bytes()));
            assert!(set.add(&env, member.as_bytes()).unwrap());
            assert_eq!((set.encoding(), set.len()), ("hashtable", 2));
            assert!(set.contains(&env, b"1") && set.contains(&env, member.as_bytes()));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn random_members_are_uniform_in_every_form() {
        let mut env = env();
        for limit in [512, 0] {
            env.limits.set_max_intset_entries = limit;
            for many in [5u64, 100, 300] {
                let mut set = Set::new();
                for n in 0..many {
                    set.add(&env, format!("{n}").as_bytes()).unwrap();
                }
                let mut counts = BTreeMap::new();
                let mut state = 9u64;
                for _ in 0..many * 300 {
                    state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
                    *counts.entry(set.random(state ^ state >> 31).unwrap().to_vec()).or_insert(0u64) += 1;
                }
                let chi: f64 = counts.values().map(|&n| (n as f64 - 300.0).powi(2) / 300.0).sum();
                let freedom = many as f64 - 1.0;
                assert!(counts.len() == many as usize && chi < freedom + 5.0 * (2.0 * freedom).sqrt(), "{many}: {chi}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 150 }, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn behaves_like_a_set(
            ops in proptest::collection::vec((0..700u16, 0..4u8, any::<u64>()), 1..if cfg!(miri) { 40 } else { 900 }),
            ints in any::<bool>(),
            limit in 0..600usize,
            long in prop_oneof![Just(0usize), Just(70usize)],
        ) {
            let mut env = env();
            env.limits.set_max_intset_entries = limit;
            let mut set = Set::new();
            let mut model = BTreeSet::new();
            for (n, op, random) in ops {
                let member = if ints { format!("{n}") } else { format!("{n}{}", "x".repeat(1 + (n as usize % 50 / 49) * long)) }.into_bytes();
                match op {
                    0 => assert_eq!(set.remove(&env, &member), model.remove(&member)),
                    1 if random % 4 == 0 => match set.pop(random).unwrap() {
                        Some(popped) => assert!(model.remove(&popped)),
                        None => assert!(model.is_empty()),
                    },
                    _ => assert_eq!(set.add(&env, &member).unwrap(), model.insert(member.clone())),
                }
                assert_eq!(set.contains(&env, &member), model.contains(&member));
                assert_eq!(set.len(), model.len());
                assert!(set.encoding() == "hashtable" || set.len() <= limit);
            }
            set.check(&env);
            let mut all: Vec<_> = set.iter().map(|member| member.to_vec()).collect();
            assert_eq!(all.len(), set.iter().len());
            all.sort();
            assert!(all.iter().eq(model.iter()));

            let (mut cursor, mut scanned) = (0, BTreeSet::new());
            loop {
                cursor = set.scan(cursor, 10, &mut |member| assert!(scanned.insert(member.to_vec())));
                if cursor == 0 { break }
            }
            assert_eq!(&scanned, &model);

            let mut state = 7u64;
            let mut random = || { state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(11); state };
            for count in [0, 1, model.len() / 2, model.len(), model.len() + 5] {
                let mut picked = BTreeSet::new();
                let chosen = set.choose(count, &mut random).unwrap();
                set.visit(&chosen, &mut |member| assert!(picked.insert(member.to_vec())));
                assert!(picked.is_subset(&model));
                assert_eq!(picked.len(), count.min(model.len()));
            }
            let mut copy = set.try_clone().unwrap();
            copy.check(&env);
            assert_eq!(copy.len(), set.len());
            while !copy.free_some(10) {}
            assert!(copy.is_empty());
        }
    }
}
