//! The hash: fields, each with a value.
//!
//! Small (`listpack`): one allocation of field, value, field, value … in the order in which fields came, searched from the front.
//! Large (`hashtable`): a table of entries, each field with its value in one allocation.
//!
//! A hash starts small, becomes large at the limits of [`Limits`](super::Limits), and stays large.
//!
//! **Deadlines of fields.** The table keeps them beside its slots and knows the next one, so a small hash becomes large when a field gets its first
//! deadline (and keeps Redis's name for a small one with deadlines, `listpackex`, as long as Redis would). A hash whose fields have none pays nothing.
//! Nothing here knows the time: fields whose deadline has passed are there until [`Hash::expire`] takes them.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::blob::{self, Blobs, DeadlineVisitor};
use super::packed::{self, Packed, Pos};
use super::table::Table;
use super::{Collection, Env, OutOfMemory, sample};

/// From this length on, room in a packed sequence is asked for first, so that a refusal is an answer and not the end of the process.
pub(super) const ASK_FIRST: usize = 4096;

/// Fields with values.
#[derive(Clone)]
pub struct Hash {
    form: Form,
}

#[derive(Clone)]
enum Form {
    Small(Packed),
    Large(Box<Blobs>),
}

impl Default for Hash {
    fn default() -> Self {
        Self::new()
    }
}

impl Collection for Hash {
    fn memory(&self) -> usize {
        match &self.form {
            Form::Small(packed) => packed.memory(),
            Form::Large(blobs) => size_of::<Blobs>() + blobs.memory(),
        }
    }

    fn len(&self) -> usize {
        match &self.form {
            Form::Small(packed) => packed.len() / 2,
            Form::Large(blobs) => blobs.len(),
        }
    }

    fn encoding(&self) -> &'static str {
        match &self.form {
            Form::Small(_) => "listpack",
            Form::Large(blobs) if blobs.packed_elsewhere => "listpackex",
            Form::Large(_) => "hashtable",
        }
    }

    fn next_due(&self) -> Option<u64> {
        match &self.form {
            Form::Small(_) => None,
            Form::Large(blobs) => blobs.next_due(),
        }
    }
}

impl Hash {
    /// What finds a field, in the large form.
    pub fn index(&self) -> Option<&Table> {
        if let Form::Large(blobs) = &self.form { Some(blobs.index()) } else { None }
    }

    /// An empty hash. Allocates nothing.
    pub fn new() -> Self {
        Self { form: Form::Small(Packed::new()) }
    }

    /// The value of a field. O(1), or O(n) in the small form.
    #[inline]
    pub fn get(&self, env: &Env, field: &[u8]) -> Option<&[u8]> {
        match &self.form {
            Form::Small(packed) => find(packed, field).map(|(_, value)| packed.at(value)),
            Form::Large(blobs) => blobs.find(env.seed.hash(field), field).map(|pos| blobs.at(pos).1),
        }
    }

    pub fn contains(&self, env: &Env, field: &[u8]) -> bool {
        self.get(env, field).is_some()
    }

    /// Length in bytes of a field's value.
    pub fn value_len(&self, env: &Env, field: &[u8]) -> Option<usize> {
        self.get(env, field).map(<[u8]>::len)
    }

    /// Gives a field a value, and takes its deadline away: true when the field is new. O(1), or O(n) in the small form.
    pub fn set(&mut self, env: &Env, field: &[u8], value: &[u8]) -> Result<bool, OutOfMemory> {
        let new = self.put(env, field, value, true)?;
        if !new {
            self.set_deadline(env, field, None)?;
        }
        Ok(new)
    }

    /// As [`Hash::set`], but the deadline stays.
    pub fn set_keeping(&mut self, env: &Env, field: &[u8], value: &[u8]) -> Result<bool, OutOfMemory> {
        self.put(env, field, value, true)
    }

    /// Gives a field a value unless it has one: true when it had none.
    pub fn set_if_absent(&mut self, env: &Env, field: &[u8], value: &[u8]) -> Result<bool, OutOfMemory> {
        self.put(env, field, value, false)
    }

    fn put(&mut self, env: &Env, field: &[u8], value: &[u8], overwrite: bool) -> Result<bool, OutOfMemory> {
        if let Form::Small(packed) = &mut self.form {
            let found = find(packed, field);
            if found.is_some() && !overwrite {
                return Ok(false);
            }
            let entries = packed.len() / 2 + usize::from(found.is_none());
            let cost = Packed::cost(field.len()).saturating_add(Packed::cost(value.len()));
            let stays = is_small(env, entries, field, value)
                && packed.byte_len().checked_add(cost).is_some_and(|bytes| bytes <= packed::MAX_BYTES);
            if stays {
                if cost >= ASK_FIRST && !packed.try_reserve(cost) {
                    return Err(OutOfMemory);
                }
                match found {
                    Some((_, pos)) => packed.replace(pos, value),
                    None => packed.push_back(field) && packed.push_back(value),
                };
                return Ok(found.is_none());
            }
            self.become_large(env)?;
        }
        let Form::Large(blobs) = &mut self.form else { return Err(OutOfMemory) };
        let found = blobs.find(env.seed.hash(field), field);
        match found {
            Some(pos) if overwrite => blobs.set_value(pos, value)?,
            Some(_) => return Ok(false),
            None => {
                blobs.insert(env.seed, field, value)?;
            }
        }
        blobs.packed_elsewhere &= is_small(env, blobs.len(), field, value);
        Ok(found.is_none())
    }

    /// When a field is due: `None` where there is no such field, `Some(None)` where it has no deadline.
    pub fn deadline(&self, env: &Env, field: &[u8]) -> Option<Option<u64>> {
        match &self.form {
            Form::Small(packed) => find(packed, field).map(|_| None),
            Form::Large(blobs) => blobs.find(env.seed.hash(field), field).map(|pos| blobs.deadline(pos)),
        }
    }

    /// Gives an existing field another deadline (ms, at most [`blob::LATEST`]) or none.
    pub fn set_deadline(&mut self, env: &Env, field: &[u8], deadline: Option<u64>) -> Result<(), OutOfMemory> {
        if deadline.is_some() && matches!(self.form, Form::Small(_)) {
            self.become_large(env)?;
            if let Form::Large(blobs) = &mut self.form {
                blobs.packed_elsewhere = true;
            }
        }
        if let Form::Large(blobs) = &mut self.form
            && let Some(pos) = blobs.find(env.seed.hash(field), field)
        {
            blobs.set_deadline(pos, deadline)?;
        }
        Ok(())
    }

    /// Removes up to `budget` fields whose deadline is at most `past`, each told to `gone`; how many.
    pub fn expire(&mut self, past: u64, budget: usize, gone: &mut dyn FnMut(&[u8])) -> usize {
        match &mut self.form {
            Form::Small(_) => 0,
            Form::Large(blobs) => blobs.expire(past, budget, gone),
        }
    }

    fn become_large(&mut self, env: &Env) -> Result<(), OutOfMemory> {
        if let Form::Small(packed) = &self.form {
            let mut blobs = Blobs::new(true);
            for (field, value) in pairs(packed) {
                blobs.insert(env.seed, field, value)?;
            }
            self.form = Form::Large(Box::new(blobs));
        }
        Ok(())
    }

    /// Removes a field: whether it was there. O(1), or O(n) in the small form.
    pub fn remove(&mut self, env: &Env, field: &[u8]) -> bool {
        match &mut self.form {
            Form::Small(packed) => {
                let found = find(packed, field);
                if let Some((pos, _)) = found {
                    packed.remove(pos, 2);
                }
                found.is_some()
            }
            Form::Large(blobs) => {
                let found = blobs.find(env.seed.hash(field), field);
                if let Some(pos) = found {
                    blobs.remove(pos);
                }
                found.is_some()
            }
        }
    }

    /// All fields with their values: in the order in which they came in the small form, in no order in the large one.
    pub fn iter(&self) -> Iter<'_> {
        Iter(match &self.form {
            Form::Small(packed) => IterForm::Small(packed.iter()),
            Form::Large(blobs) => IterForm::Large(blobs.iter()),
        })
    }

    /// All fields with their values and deadlines, in the order of `iter`.
    pub fn visit_all(&self, visit: &mut DeadlineVisitor<'_>) {
        match &self.form {
            Form::Small(packed) => pairs(packed).for_each(|(field, value)| visit(field, value, None)),
            Form::Large(blobs) => blobs.visit_all(visit),
        }
    }

    /// Visits fields and values from `cursor` on (0 = the start), at least `count` unless the end comes first; the cursor to go on with,
    /// 0 = the end. A field that is there from the first call to the last is visited at least once. The small form is visited
    /// whole, whatever the cursor, as Redis does.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(&[u8], &[u8])) -> u64 {
        match &self.form {
            Form::Small(packed) => {
                pairs(packed).for_each(|(field, value)| visit(field, value));
                0
            }
            Form::Large(blobs) => blobs.scan(cursor, count, visit),
        }
    }

    /// A field by chance with its value, each as likely as any other. O(1), or O(n) in the small form.
    pub fn random(&self, random: u64) -> Option<(&[u8], &[u8])> {
        match &self.form {
            Form::Small(packed) => {
                let field = packed.seek(2 * sample::below(random, packed.len() / 2))?;
                Some((packed.at(field), packed.at(packed.next(field)?)))
            }
            Form::Large(blobs) => blobs.sample(random).map(|pos| blobs.at(pos)),
        }
    }

    /// Chooses `count` different fields by chance (all of them when there are no more), each choice as likely as any other; to be given
    /// to [`Hash::visit`].
    pub fn choose(&self, count: usize, random: &mut dyn FnMut() -> u64) -> Result<Vec<usize>, OutOfMemory> {
        sample::distinct(self.len(), count, random)
    }

    /// Visits the fields at these places of the order of `iter`; the places ascend. The cost is one walk past the last of them at most.
    pub fn visit(&self, places: &[usize], visit: &mut dyn FnMut(&[u8], &[u8])) {
        match &self.form {
            Form::Small(packed) => {
                let mut places = places.iter().peekable();
                for (place, (field, value)) in pairs(packed).enumerate() {
                    if places.next_if(|wanted| **wanted == place).is_some() {
                        visit(field, value);
                    }
                }
            }
            Form::Large(blobs) => blobs.visit_ranks(places, visit),
        }
    }

    /// A copy of everything. O(N).
    pub fn try_clone(&self) -> Result<Self, OutOfMemory> {
        Ok(Self {
            form: match &self.form {
                Form::Small(packed) => Form::Small(packed.clone()),
                Form::Large(blobs) => Form::Large(Box::new(blobs.try_clone()?)),
            },
        })
    }

    /// Frees up to `budget` fields of a hash that nobody asks anything more; true once all is freed. For freeing what is big in slices.
    pub fn free_some(&mut self, budget: usize) -> bool {
        match &mut self.form {
            Form::Small(packed) => {
                packed.clear();
                true
            }
            Form::Large(blobs) => blobs.free_some(budget),
        }
    }

    /// Asserts what must always hold.
    #[cfg(any(test, debug_assertions))]
    #[doc(hidden)]
    pub fn check(&self, env: &Env) {
        match &self.form {
            Form::Small(packed) => {
                packed.check();
                assert_eq!(packed.len() % 2, 0);
            }
            Form::Large(blobs) => blobs.check(env.seed),
        }
    }
}

/// Whether the limits allow the small form with so many entries, the last of them this one.
fn is_small(env: &Env, entries: usize, field: &[u8], value: &[u8]) -> bool {
    let longest = env.limits.hash_max_listpack_value;
    entries <= env.limits.hash_max_listpack_entries && field.len() <= longest && value.len() <= longest
}

/// Places of a field and of its value.
fn find(packed: &Packed, field: &[u8]) -> Option<(Pos, Pos)> {
    let pos = packed.find(field, packed.first()?, 2)?;
    Some((pos, packed.next(pos)?))
}

fn pairs(packed: &Packed) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut all = packed.iter();
    core::iter::from_fn(move || Some((all.next()?, all.next()?)))
}

/// Fields of a [`Hash`], each with its value.
pub struct Iter<'a>(IterForm<'a>);

enum IterForm<'a> {
    Small(packed::Iter<'a>),
    Large(blob::Iter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            IterForm::Small(all) => Some((all.next()?, all.next()?)),
            IterForm::Large(all) => all.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            IterForm::Small(all) => (all.len() / 2, Some(all.len() / 2)),
            IterForm::Large(all) => all.size_hint(),
        }
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    fn name(n: u16) -> Vec<u8> {
        alloc::format!("field:{n}").into_bytes()
    }

    fn env() -> Env {
        Env { seed: super::super::seed::Seed::new(3), ..Env::default() }
    }

    #[test]
    fn becomes_large_past_either_limit_and_stays_so() {
        let env = env();
        let mut hash = Hash::new();
        for n in 0..512 {
            assert!(hash.set(&env, &name(n), b"v").unwrap());
        }
        assert!(!hash.set(&env, &name(511), b"w").unwrap());
        assert_eq!(hash.encoding(), "listpack");
        hash.set(&env, &name(512), b"v").unwrap();
        assert_eq!(hash.encoding(), "hashtable");
        (0..512).for_each(|n| assert!(hash.remove(&env, &name(n))));
        assert_eq!((hash.encoding(), hash.len()), ("hashtable", 1));

        for (field, value, encoding) in [(64, 64, "listpack"), (65, 1, "hashtable"), (1, 65, "hashtable")] {
            let mut hash = Hash::new();
            hash.set(&env, &alloc::vec![b'f'; field], &alloc::vec![b'v'; value]).unwrap();
            assert_eq!(hash.encoding(), encoding);
            assert!(hash.remove(&env, &alloc::vec![b'f'; field]));
            assert!(hash.is_empty());
        }
    }

    #[test]
    fn set_if_absent_leaves_a_value_alone() {
        let env = env();
        for n in [0, 600] {
            let mut hash = Hash::new();
            (0..n).for_each(|n| assert!(hash.set(&env, &name(n), b"").unwrap()));
            assert!(hash.set_if_absent(&env, b"f", b"1").unwrap());
            assert!(!hash.set_if_absent(&env, b"f", &[b'x'; 100]).unwrap());
            assert_eq!((hash.get(&env, b"f"), hash.value_len(&env, b"f")), (Some(&b"1"[..]), Some(1)));
            assert_eq!(hash.encoding(), if n == 0 { "listpack" } else { "hashtable" });
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 100 }, failure_persistence: None, ..ProptestConfig::default() })]

        /// Field; what is done: a value, a value that keeps the deadline, a deadline, none, removal, time passing.
        #[test]
        fn fields_go_at_their_deadlines(
            ops in proptest::collection::vec((0..40u16, 0..7u8, 0..500u64), 1..if cfg!(miri) { 40 } else { 400 }),
            entries in 0..60usize,
        ) {
            let mut env = env();
            env.limits.hash_max_listpack_entries = entries;
            let mut hash = Hash::new();
            let mut model: BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)> = BTreeMap::new();
            let mut past = 1000;
            for (n, op, amount) in ops {
                let field = name(n);
                let value = alloc::vec![b'v'; (amount % 9) as usize];
                match op {
                    0 | 1 => {
                        assert_eq!(hash.set(&env, &field, &value).unwrap(), model.insert(field.clone(), (value, None)).is_none());
                    }
                    2 => {
                        let kept = model.get(&field).and_then(|(_, deadline)| *deadline);
                        assert_eq!(hash.set_keeping(&env, &field, &value).unwrap(), model.insert(field.clone(), (value, kept)).is_none());
                    }
                    3 | 4 => {
                        let deadline = (op == 3).then_some(past + 1 + amount);
                        hash.set_deadline(&env, &field, deadline).unwrap();
                        if let Some((_, kept)) = model.get_mut(&field) {
                            *kept = deadline;
                        }
                    }
                    5 => assert_eq!(hash.remove(&env, &field), model.remove(&field).is_some()),
                    _ => {
                        past += amount / 4;
                        let before = model.len();
                        model.retain(|_, (_, deadline)| deadline.is_none_or(|deadline| deadline > past));
                        let mut gone = hash.expire(past, 3, &mut |_| {});
                        while hash.next_due().is_some_and(|due| due <= past) {
                            gone += hash.expire(past, 3, &mut |_| {});
                        }
                        assert_eq!(gone, before - model.len());
                    }
                }
                assert_eq!(hash.deadline(&env, &field), model.get(&field).map(|(_, deadline)| *deadline));
                assert_eq!(hash.get(&env, &field), model.get(&field).map(|(value, _)| &**value));
                let first = model.values().filter_map(|(_, deadline)| *deadline).min();
                assert!(first.is_none_or(|first| hash.next_due().is_some_and(|due| due <= first)), "never late");
            }
            hash.check(&env);
            let copy = hash.try_clone().unwrap();
            copy.check(&env);
            assert_eq!((copy.len(), copy.encoding(), copy.next_due()), (model.len(), hash.encoding(), hash.next_due()));
            assert!(copy.memory() <= hash.memory());
            assert!(model.iter().all(|(field, (_, deadline))| copy.deadline(&env, field) == Some(*deadline)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 100 }, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn behaves_like_a_map(
            ops in proptest::collection::vec((0..300u16, proptest::option::weighted(0.7, 0..80usize)), 1..if cfg!(miri) { 40 } else { 600 }),
            entries in 0..200usize,
        ) {
            let mut env = env();
            env.limits.hash_max_listpack_entries = entries;
            let mut hash = Hash::new();
            let mut model = BTreeMap::new();
            for (n, value) in ops {
                let field = name(n);
                match value {
                    Some(length) => {
                        let value = alloc::vec![b'v'; length];
                        assert_eq!(hash.set(&env, &field, &value).unwrap(), model.insert(field.clone(), value).is_none());
                    }
                    None => assert_eq!(hash.remove(&env, &field), model.remove(&field).is_some()),
                }
                assert_eq!(hash.get(&env, &field), model.get(&field).map(|value| &**value));
                assert_eq!(hash.len(), model.len());
                assert!(hash.encoding() == "hashtable" || hash.len() <= entries);
            }
            hash.check(&env);
            let mut all: Vec<_> = hash.iter().collect();
            assert_eq!(all.len(), hash.iter().len());
            all.sort();
            assert!(all.into_iter().eq(model.iter().map(|(field, value)| (&**field, &**value))));

            let (mut cursor, mut scanned) = (0, Vec::new());
            loop {
                cursor = hash.scan(cursor, 10, &mut |field, _| scanned.push(field.to_vec()));
                if cursor == 0 { break }
            }
            scanned.sort();
            assert!(scanned.iter().eq(model.keys()));

            let mut state = 7u64;
            let mut random = || { state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(11); state };
            for count in [0, 1, model.len() / 2, model.len(), model.len() + 5] {
                let mut picked = Vec::new();
                let chosen = hash.choose(count, &mut random).unwrap();
                hash.visit(&chosen, &mut |field, value| {
                    assert_eq!(model[field], value);
                    picked.push(field.to_vec());
                });
                picked.sort();
                picked.dedup();
                assert_eq!(picked.len(), count.min(model.len()));
            }
            assert_eq!(hash.random(random()).is_none(), model.is_empty());
            if let Some((field, value)) = hash.random(random()) {
                assert_eq!(model[field], value);
            }
            let mut copy = hash.try_clone().unwrap();
            copy.check(&env);
            assert_eq!(copy.len(), hash.len());
            while !copy.free_some(10) {}
            assert!(copy.is_empty());
        }
    }
}
