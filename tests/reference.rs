//! Keys that stand for something outside (`keyspace/reference.rs`): every slot is told exactly once when its key is gone, and the books stay exact.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cachette::engine::{Engine, Options};
use cachette::keyspace::{Keyspace, Lfu, Policy, Ttl};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Step {
    Set { key: u16, size: u32, ttl: Option<u64> },
    Get(u16),
    Delete(u16),
    Drop(u16),
    Evict,
    Pass(u64),
    Tick,
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..300u16;
    prop_oneof![
        20 => (key(), 0..1000u32, proptest::option::of(0..5000u64)).prop_map(|(key, size, ttl)| Step::Set { key, size, ttl }),
        20 => key().prop_map(Step::Get),
        5 => key().prop_map(Step::Delete),
        5 => key().prop_map(Step::Drop),
        2 => Just(Step::Evict),
        3 => (0..3000u64).prop_map(Step::Pass),
        2 => Just(Step::Tick),
        1 => prop_oneof![1 => Just(Step::Clear), 9 => Just(Step::Tick)],
    ]
}

/// Who has which slot, as a shell would know it.
#[derive(Default)]
struct Shell {
    /// Key and size of each slot in use.
    used: BTreeMap<u32, (u16, u32)>,
    free: BTreeSet<u32>,
    top: u32,
}

impl Shell {
    fn candidate(&self) -> u32 {
        self.free.first().copied().unwrap_or(self.top)
    }

    fn take(&mut self, slot: u32, key: u16, size: u32) {
        if !self.free.remove(&slot) && slot == self.top {
            self.top += 1;
        }
        self.used.insert(slot, (key, size));
    }

    fn give(&mut self, slot: u32) {
        assert!(self.used.remove(&slot).is_some(), "slot {slot} became free twice");
        self.free.insert(slot);
    }

    fn slot_of(&self, key: u16) -> Option<u32> {
        self.used.iter().find(|(_, (of, _))| *of == key).map(|(slot, _)| *slot)
    }
}

fn name(key: u16) -> Vec<u8> {
    format!("user:{key}:profile").into_bytes()
}

fn collect(keys: &mut Keyspace, shell: &mut Shell) {
    while keys.freed() > 0 {
        keys.take_freed(7).for_each(|slot| shell.give(slot));
    }
}

fn run(steps: &[Step], most_keys: u64, most_size: u64) {
    let mut engine = Engine::new(Options::default());
    let keys = &mut engine.keys;
    keys.limit_references(most_keys, most_size);
    keys.evict_by(Policy::named(b"allkeys-s3fifo"), Lfu { log_factor: 10, decay_minutes: 1 }, 5, false);
    let mut shell = Shell::default();
    let mut now = 1_000_000;
    keys.set_now(now);
    for step in steps {
        match step {
            Step::Set { key, size, ttl } => {
                let candidate = shell.candidate();
                let ttl = ttl.map_or(Ttl::Clear, |ttl| Ttl::At(now + ttl));
                let slot = keys.refer(&name(*key), candidate, *size, ttl).unwrap();
                let kept = shell.used.get(&slot).is_some_and(|(of, _)| of == key);
                assert!(slot == candidate || kept, "a slot of somebody else");
                if !kept || keys.freed() == 0 || keys.peek_reference(&name(*key)) == Some(slot) {
                    collect(keys, &mut shell);
                    shell.take(slot, *key, *size);
                } else {
                    // It grew beyond the limit, and went itself.
                    collect(keys, &mut shell);
                }
            }
            Step::Get(key) => {
                let found = keys.reference(&name(*key));
                collect(keys, &mut shell);
                assert_eq!(found, shell.slot_of(*key));
            }
            Step::Delete(key) => {
                let existed = keys.discard(&name(*key));
                collect(keys, &mut shell);
                assert!(shell.slot_of(*key).is_none(), "{existed}");
            }
            Step::Drop(key) => {
                let slot = shell.slot_of(*key);
                assert_eq!(keys.discard_slot(slot.unwrap_or(u32::MAX)), slot.is_some());
                collect(keys, &mut shell);
            }
            Step::Evict => {
                let before = shell.used.len();
                assert_eq!(keys.evict_next(), before > 0);
                collect(keys, &mut shell);
                assert!(before == 0 || shell.used.len() < before);
            }
            Step::Pass(ms) => {
                now += ms;
                keys.set_now(now);
            }
            Step::Tick => {
                while !keys.expire_due(10) {}
                collect(keys, &mut shell);
            }
            Step::Clear => {
                keys.flush();
                keys.forget_references();
                shell = Shell::default();
            }
        }
        assert_eq!(keys.len(), shell.used.len());
        assert_eq!(keys.referenced_size(), shell.used.values().map(|(_, size)| u64::from(*size)).sum::<u64>());
        assert_eq!(keys.used_memory(), keys.audit());
        assert!(most_keys == 0 || keys.len() as u64 <= most_keys);
        assert!(most_size == 0 || keys.referenced_size() <= most_size || keys.len() == 1);
        for (slot, (key, _)) in &shell.used {
            assert_eq!(keys.key_of(*slot), Some(&name(*key)[..]));
        }
    }
    keys.flush();
    keys.forget_references();
    assert_eq!(keys.used_memory(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn slots_are_told_once_whatever_happens_to_their_keys(
        steps in proptest::collection::vec(step(), 1..300),
        most_keys in prop_oneof![Just(0u64), 1..100u64],
        most_size in prop_oneof![Just(0u64), 1000..30_000u64],
    ) {
        run(&steps, most_keys, most_size);
    }
}

#[test]
fn the_limits_hold_and_the_hot_ones_stay() {
    let mut engine = Engine::new(Options::default());
    let keys = &mut engine.keys;
    keys.limit_references(1000, 0);
    keys.evict_by(Policy::named(b"allkeys-s3fifo"), Lfu { log_factor: 10, decay_minutes: 1 }, 5, false);
    keys.set_now(1);
    for slot in 0..500 {
        keys.refer(&name(slot), slot.into(), 0, Ttl::Clear).unwrap();
        keys.reference(&name(slot)).unwrap();
        keys.reference(&name(slot)).unwrap();
    }
    // A scan over what is wanted once.
    let mut next = 500;
    for key in 10_000..20_000u16 {
        let freed = keys.take_freed(1).next();
        let slot = freed.unwrap_or(next);
        next += u32::from(freed.is_none());
        keys.refer(&name(key), slot, 0, Ttl::Clear).unwrap();
    }
    assert_eq!(keys.len(), 1000);
    let stayed = (0..500).filter(|key| keys.peek_reference(&name(*key)).is_some()).count();
    assert!(stayed > 480, "{stayed} of 500");
}
