//! Deadlines of hash fields through the door, against a naive model: a map of maps, asked after every step.

use cachette::engine::{Engine, Options};
use cachette::session::{Peer, SessionId};
use proptest::prelude::*;
use std::collections::BTreeMap;

const START: u64 = 1_700_000_000_000;

type Fields = BTreeMap<u8, (u32, Option<u64>)>;

struct Pair {
    engine: Engine,
    session: SessionId,
    now: u64,
    model: BTreeMap<u8, Fields>,
}

#[derive(Clone, Debug)]
enum Op {
    Set(u8, u8, u32),
    Increment(u8, u8),
    Delete(u8, u8),
    Expire(u8, u8, u64),
    Persist(u8, u8),
    SetEx(u8, u8, u32, u64),
    Rename(u8, u8),
    Copy(u8, u8),
    ExpireKey(u8, u64),
    Pass(u64),
    Tick(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let (key, field, value, span) = (|| 0..3u8, || 0..6u8, || 0..50u32, || prop_oneof![0..60u64, Just(100_000)]);
    prop_oneof![
        4 => (key(), field(), value()).prop_map(|(k, f, v)| Op::Set(k, f, v)),
        2 => (key(), field()).prop_map(|(k, f)| Op::Increment(k, f)),
        1 => (key(), field()).prop_map(|(k, f)| Op::Delete(k, f)),
        4 => (key(), field(), span()).prop_map(|(k, f, s)| Op::Expire(k, f, s)),
        1 => (key(), field()).prop_map(|(k, f)| Op::Persist(k, f)),
        2 => (key(), field(), value(), span()).prop_map(|(k, f, v, s)| Op::SetEx(k, f, v, s)),
        1 => (key(), key()).prop_map(|(a, b)| Op::Rename(a, b)),
        1 => (key(), key()).prop_map(|(a, b)| Op::Copy(a, b)),
        1 => (key(), span()).prop_map(|(k, s)| Op::ExpireKey(k, s)),
        4 => (0..40u64).prop_map(Op::Pass),
        2 => (0..5usize).prop_map(Op::Tick),
    ]
}

impl Pair {
    fn new(large: bool) -> Self {
        let mut engine = Engine::new(Options { seed: 11, ..Options::default() });
        let session = engine.open(Peer::default(), START);
        let mut pair = Self { engine, session, now: START, model: BTreeMap::new() };
        if large {
            pair.say("CONFIG SET hash-max-listpack-entries 0");
        }
        pair
    }

    fn say(&mut self, request: &str) -> String {
        let mut out = Vec::new();
        self.engine.execute(self.session, format!("{request}\r\n").as_bytes(), self.now, &mut out).expect("a request");
        String::from_utf8(out).expect("text")
    }

    /// Fields whose deadline has passed go, and hashes without fields.
    fn settle(&mut self) {
        let now = self.now;
        for fields in self.model.values_mut() {
            fields.retain(|_, (_, deadline)| deadline.is_none_or(|deadline| deadline >= now));
        }
        self.model.retain(|_, fields| !fields.is_empty());
    }

    /// As Redis gives a field a deadline: one that is not in the future removes it.
    fn expire(&mut self, key: u8, field: u8, span: u64) {
        if let Some(entry) = self.model.get_mut(&key).and_then(|fields| fields.get_mut(&field)) {
            entry.1 = Some(if span == 0 { 0 } else { self.now + span });
        }
        self.settle();
    }

    fn step(&mut self, op: &Op) {
        match *op {
            Op::Set(k, f, v) => {
                self.say(&format!("HSET k{k} f{f} {v}"));
                self.model.entry(k).or_default().insert(f, (v, None));
            }
            Op::Increment(k, f) => {
                self.say(&format!("HINCRBY k{k} f{f} 1"));
                self.model.entry(k).or_default().entry(f).or_insert((0, None)).0 += 1;
            }
            Op::Delete(k, f) => {
                self.say(&format!("HDEL k{k} f{f}"));
                self.model.entry(k).or_default().remove(&f);
            }
            Op::Expire(k, f, span) => {
                self.say(&format!("HPEXPIRE k{k} {span} FIELDS 1 f{f}"));
                self.expire(k, f, span);
            }
            Op::Persist(k, f) => {
                self.say(&format!("HPERSIST k{k} FIELDS 1 f{f}"));
                if let Some(entry) = self.model.get_mut(&k).and_then(|fields| fields.get_mut(&f)) {
                    entry.1 = None;
                }
            }
            Op::SetEx(k, f, v, span) => {
                self.say(&format!("HSETEX k{k} PX {span} FIELDS 1 f{f} {v}"));
                self.model.entry(k).or_default().insert(f, (v, None));
                self.expire(k, f, span);
            }
            Op::Rename(a, b) => {
                self.say(&format!("RENAME k{a} k{b}"));
                if let Some(fields) = self.model.remove(&a) {
                    self.model.insert(b, fields);
                }
            }
            Op::Copy(a, b) => {
                self.say(&format!("COPY k{a} k{b} REPLACE"));
                if let Some(fields) = self.model.get(&a).cloned() {
                    self.model.insert(b, fields);
                }
            }
            // A deadline of the key beside those of its fields, taken back at once: it must disturb neither.
            Op::ExpireKey(k, span) => {
                self.say(&format!("PEXPIRE k{k} {}", span + 1));
                self.say(&format!("PERSIST k{k}"));
            }
            Op::Pass(ms) => self.now += ms,
            Op::Tick(budget) => {
                self.settle();
                let due = self.engine.tick(self.now, budget);
                let first = self.model.values().flatten().filter_map(|(_, (_, deadline))| *deadline).min();
                assert!(first.is_none_or(|first| due.is_some_and(|due| due <= first + 1)), "due {due:?}, first {first:?}");
            }
        }
        self.settle();
    }

    fn compare(&mut self) {
        for key in 0..3u8 {
            let fields = self.model.get(&key).cloned().unwrap_or_default();
            assert_eq!(self.say(&format!("HLEN k{key}")), format!(":{}\r\n", fields.len()));
            assert_eq!(self.say(&format!("EXISTS k{key}")), format!(":{}\r\n", u8::from(!fields.is_empty())));
            for field in 0..6u8 {
                let (value, deadline) = match fields.get(&field) {
                    None => ("$-1\r\n".to_owned(), -2),
                    Some((value, deadline)) => {
                        let text = value.to_string();
                        (format!("${}\r\n{text}\r\n", text.len()), deadline.map_or(-1, |deadline| deadline as i64))
                    }
                };
                assert_eq!(self.say(&format!("HGET k{key} f{field}")), value);
                assert_eq!(self.say(&format!("HPEXPIRETIME k{key} FIELDS 1 f{field}")), format!("*1\r\n:{deadline}\r\n"));
            }
        }
        assert_eq!(self.engine.keys.used_memory(), self.engine.keys.audit());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hashes_behave_like_a_map_of_maps_with_deadlines(ops in proptest::collection::vec(op(), 1..120), large: bool, every in 1..9usize) {
        let mut pair = Pair::new(large);
        for (at, op) in ops.iter().enumerate() {
            pair.step(op);
            // Looking removes what is past, so it is not always done.
            if at % every == 0 {
                pair.compare();
            }
        }
        pair.compare();
        // Nobody looks: tick alone removes everything that has a deadline.
        pair.now += 1_000_000;
        pair.settle();
        while pair.engine.tick(pair.now, 2).is_some_and(|due| due <= pair.now + 1) {
            pair.now += 1;
        }
        prop_assert_eq!(pair.engine.keys.len(), pair.model.len());
        prop_assert_eq!(pair.engine.keys.used_memory(), pair.engine.keys.audit());
    }
}

#[test]
fn tick_takes_fields_in_bounded_steps_and_the_key_with_the_last() {
    let mut pair = Pair::new(false);
    for n in 0..1000 {
        pair.say(&format!("HSET h f{n} {n}"));
        pair.say(&format!("HPEXPIRE h 50 FIELDS 1 f{n}"));
    }
    assert!(pair.engine.tick(pair.now, 10).is_some_and(|due| due <= START + 51));
    pair.now += 51;
    let mut rounds = 0;
    while pair.engine.tick(pair.now, 100).is_some() {
        // What it left is due with the next millisecond.
        pair.now += 1;
        rounds += 1;
        assert!(rounds < 20, "it comes to an end");
    }
    assert!(rounds >= 9, "{rounds} rounds of 100 for 1000 fields");
    assert_eq!(pair.engine.keys.len(), 0);
    assert_eq!(pair.engine.keys.used_memory(), pair.engine.keys.audit());
}
