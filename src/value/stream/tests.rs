use super::*;
use alloc::collections::BTreeMap;
use alloc::vec;
use proptest::prelude::*;

fn env(entries: u64, bytes: u64) -> Env {
    let mut env = Env::default();
    (env.limits.stream_node_max_entries, env.limits.stream_node_max_bytes) = (entries, bytes);
    env
}

fn id(ms: u64, seq: u64) -> Id {
    Id { ms, seq }
}

fn filled(env: &Env, ids: impl IntoIterator<Item = Id>) -> Stream {
    let mut stream = Stream::new();
    for id in ids {
        stream.append(env, id, &[b"name", b"value"]).unwrap();
    }
    stream
}

fn ids<'s>(entries: impl Iterator<Item = Entry<'s>>) -> Vec<Id> {
    entries.map(|entry| entry.id).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Add { ms: u64, seq: u64, words: Vec<Vec<u8>> },
    Delete(usize),
    TrimLength(u64, bool, u64),
    TrimId(usize, bool),
    Range(usize, usize),
    Copy,
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => proptest::sample::select(vec![b"a".to_vec(), b"temperature".to_vec(), b"17".to_vec(), b"1234567".to_vec()]),
        1 => proptest::collection::vec(any::<u8>(), 0..200),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let words =
        proptest::collection::vec((word(), word()), 1..4).prop_map(|pairs| pairs.into_iter().flat_map(|(a, b)| [a, b]).collect());
    prop_oneof![
        8 => (0u64..3, prop_oneof![Just(1u64), 0u64..5, any::<u64>()], words).prop_map(|(ms, seq, words)| Step::Add { ms, seq, words }),
        4 => (0usize..40).prop_map(Step::Delete),
        1 => (0u64..40, any::<bool>(), 0u64..20).prop_map(|(length, approximate, most)| Step::TrimLength(length, approximate, most)),
        1 => (0usize..40, any::<bool>()).prop_map(|(at, approximate)| Step::TrimId(at, approximate)),
        3 => (0usize..40, 0usize..40).prop_map(|(from, to)| Step::Range(from, to)),
        1 => Just(Step::Copy),
    ]
}

type Model = BTreeMap<Id, Vec<Vec<u8>>>;

fn nth(model: &Model, at: usize) -> Id {
    model.keys().nth(at).copied().unwrap_or(id(at as u64, 7))
}

fn words_of(entry: Entry<'_>) -> Vec<Vec<u8>> {
    entry.fields().flat_map(|(name, value)| [name.to_vec(), value.to_vec()]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 200 }, ..ProptestConfig::default() })]
    #[test]
    fn it_keeps_what_a_sorted_map_keeps(entries in 0u64..9, bytes in prop_oneof![Just(0u64), 60u64..600], steps in proptest::collection::vec(step(), 0..120)) {
        let env = env(entries, bytes);
        let (mut stream, mut model) = (Stream::new(), Model::new());
        for step in steps {
            match step {
                Step::Add { ms, seq, words } => {
                    let last = stream.last_id;
                    let new = if ms == 0 { Id { ms: last.ms, seq: last.seq.saturating_add(seq.min(9)) } } else { id(last.ms + ms, seq) };
                    if new > last {
                        let borrowed: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                        stream.append(&env, new, &borrowed).unwrap();
                        model.insert(new, words);
                    }
                }
                Step::Delete(at) => {
                    let gone = nth(&model, at);
                    prop_assert_eq!(stream.delete(gone), model.remove(&gone).is_some());
                }
                Step::TrimLength(length, approximate, most) => {
                    let most = if approximate { most } else { 0 };
                    let trim = Trim { to: Threshold::Length(length), approximate, most, references: References::Keep };
                    let wanted = model.len().saturating_sub(length as usize);
                    let removed = stream.trim(&trim);
                    let right = if approximate { removed <= wanted } else { removed == wanted };
                    prop_assert!(right, "removed {} of {}", removed, wanted);
                    (0..removed).for_each(|_| drop(model.pop_first()));
                }
                Step::TrimId(at, approximate) => {
                    let least = nth(&model, at);
                    let removed = stream.trim(&Trim { to: Threshold::Id(least), approximate, most: 0, references: References::Keep });
                    let wanted = model.range(..least).count();
                    let right = if approximate { removed <= wanted } else { removed == wanted };
                    prop_assert!(right, "removed {} of {}", removed, wanted);
                    (0..removed).for_each(|_| drop(model.pop_first()));
                }
                Step::Range(from, to) => {
                    let (from, to) = (nth(&model, from), nth(&model, to));
                    let expected: Vec<_> = if from <= to { model.range(from..=to).collect() } else { Vec::new() };
                    let forward: Vec<_> = stream.range(from, to).map(|entry| (entry.id, words_of(entry))).collect();
                    prop_assert!(forward.iter().map(|(id, words)| (id, words)).eq(expected.iter().copied()));
                    prop_assert!(ids(stream.range_back(from, to)).iter().eq(expected.iter().rev().map(|(id, _)| *id)));
                }
                Step::Copy => {
                    let copy = stream.clone();
                    copy.check();
                    prop_assert_eq!(ids(copy.range(Id::MIN, Id::MAX)), ids(stream.range(Id::MIN, Id::MAX)));
                    stream = copy;
                }
            }
            stream.check();
            prop_assert_eq!(stream.len(), model.len());
            prop_assert_eq!(stream.first_id(), model.keys().next().copied().unwrap_or_default());
            prop_assert_eq!(stream.top_id(), model.keys().next_back().copied());
        }
    }

    #[test]
    fn groups_know_who_has_what(steps in proptest::collection::vec((0u8..6, 0u64..12, 0u8..3), 0..100)) {
        let mut stream = filled(&env(4, 0), (1..9).map(|ms| id(ms, 0)));
        stream.create_group(b"g", Id::MIN, None);
        let mut model: BTreeMap<Id, u8> = BTreeMap::new();
        for (step, ms, who) in steps {
            let name = [b'a' + who];
            let one = id(ms, 0);
            if step == 0 {
                    let (consumer, _) = stream.group_mut(b"g").unwrap().find_or_create(&name, 5);
                    let (from, count) = stream.deliver(b"g", consumer, 2, false, 7);
                    model.extend(ids(stream.range(from, Id::MAX).take(count)).into_iter().map(|id| (id, who)));
                continue;
            }
            let mut group = stream.group_mut(b"g").unwrap();
            match step {
                1 => {
                    let (consumer, _) = group.find_or_create(&name, 5);
                    group.assign(Pending { id: one, delivered: 1, deliveries: 1, consumer });
                    model.insert(one, who);
                }
                2 | 3 => prop_assert_eq!(group.acknowledge(one), model.remove(&one).is_some()),
                4 => {
                    let gone = group.remove_consumer(&name).unwrap_or(0);
                    prop_assert_eq!(gone, model.values().filter(|owner| **owner == who).count());
                    model.retain(|_, owner| *owner != who);
                }
                _ => group.last = one,
            }
            drop(group);
            stream.check();
            stream.clone().check();
            let group = stream.group(b"g").unwrap();
            let found: Vec<_> = group.pending_from(Id::MIN).map(|p| (p.id, group.consumer(p.consumer).unwrap().name()[0] - b'a')).collect();
            prop_assert!(found.into_iter().eq(model.iter().map(|(id, who)| (*id, *who))));
        }
    }
}

#[test]
fn entries_share_the_names_of_the_first_and_take_less_than_a_listpack() {
    let env = Env::default();
    let mut stream = Stream::new();
    for n in 0..1000u64 {
        let value = alloc::format!("{n}");
        stream.append(&env, id(1_700_000_000_000 + n, 0), &[b"sensor-id", value.as_bytes(), b"temperature", b"19.8"]).unwrap();
    }
    assert_eq!(stream.blocks(), 10);
    // Redis takes about 20 bytes an entry and 4 KB more.
    assert!(stream.memory() < 1000 * 16, "{}", stream.memory());
}

#[test]
fn extreme_ids_are_ids_like_others() {
    let env = env(3, 0);
    let all = [id(0, 1), id(0, u64::MAX), id(1, 0), id(u64::MAX - 1, u64::MAX), id(u64::MAX, 0), Id::MAX];
    let mut stream = filled(&env, all);
    stream.check();
    assert_eq!(ids(stream.range(Id::MIN, Id::MAX)), all);
    assert_eq!(ids(stream.range_back(id(1, 0), id(u64::MAX, 0))), [id(u64::MAX, 0), id(u64::MAX - 1, u64::MAX), id(1, 0)]);
    assert_eq!(stream.next_id(5), None);
    assert!(stream.delete(Id::MAX) && !stream.delete(Id::MAX));
    assert_eq!(stream.next_id(u64::MAX), None);
}

#[test]
fn a_block_whose_entries_go_gives_its_memory_back() {
    let env = env(0, 0);
    let mut stream = filled(&env, (1..=5000).map(|ms| id(ms, 0)));
    let full = stream.memory();
    for ms in (1..=5000).filter(|ms| ms % 10 != 0) {
        assert!(stream.delete(id(ms, 0)));
    }
    stream.check();
    assert!(stream.memory() < full / 4, "{} of {full}", stream.memory());
    assert_eq!(stream.trim(&Trim { to: Threshold::Length(0), approximate: false, most: 0, references: References::Keep }), 500);
    stream.check();
    assert_eq!(stream.blocks(), 0);
}

#[test]
fn trimming_minds_references_where_it_is_told_to() {
    let env = env(3, 0);
    let mut stream = filled(&env, (1..=9).map(|ms| id(ms, 0)));
    stream.create_group(b"g", Id::MIN, None);
    let (consumer, _) = stream.group_mut(b"g").unwrap().find_or_create(b"c", 0);
    stream.deliver(b"g", consumer, 5, false, 0);
    for ms in [1, 3, 4] {
        assert!(stream.group_mut(b"g").unwrap().acknowledge(id(ms, 0)));
    }
    let mut trim = Trim { to: Threshold::Length(0), approximate: false, most: 0, references: References::Acknowledged };
    assert_eq!(stream.clone().trim(&Trim { approximate: true, ..trim }), 0);
    assert_eq!(stream.trim(&trim), 3);
    assert_eq!(ids(stream.range(Id::MIN, Id::MAX)), [2, 5, 6, 7, 8, 9].map(|ms| id(ms, 0)));
    trim.references = References::Remove;
    assert_eq!(stream.trim(&trim), 6);
    assert_eq!(stream.group(b"g").unwrap().pending_count(), 0);
    stream.check();
}

#[test]
fn prefix_trees_have_a_node_for_each_chain_branching_and_end() {
    let nodes = |all: &[Id]| filled(&env(1, 0), all.iter().copied()).tree_nodes();
    assert_eq!(nodes(&[]), 1);
    assert_eq!(nodes(&[id(1, 0)]), 2);
    // A chain of 7 bytes, a branching, and behind it a chain of 8 bytes and an end each.
    assert_eq!(nodes(&[id(1, 0), id(2, 0)]), 6);
    assert_eq!(nodes(&[id(1, 1), id(1, 2), id(1, 3)]), 5);
    assert_eq!(nodes(&[id(1, 1), id(1, 2), id(2, 0)]), 8);
}

/// Frees `stream` in slices; how many blocks are left after each.
fn left_after_slices(mut stream: Stream, budget: usize) -> Vec<usize> {
    let mut left = Vec::new();
    loop {
        let done = stream.free_some(budget);
        assert_eq!(stream.blocks_heap, stream.blocks.iter().map(Block::memory).sum());
        left.push(stream.blocks.len());
        if done {
            return left;
        }
    }
}

#[test]
fn is_freed_in_slices_of_as_many_blocks_as_the_budget_says() {
    // 51 blocks of two entries, the last with one.
    let stream = || filled(&env(2, 4096), (1..=101).map(|ms| id(ms, 0)));
    let two_at_once: Vec<usize> = (0..=50).rev().filter(|left| left % 2 == 1).chain([0]).collect();
    assert_eq!(left_after_slices(stream(), 2 * ELEMENTS_OF_A_BLOCK), two_at_once);
    // Less than a block is a block.
    assert_eq!(left_after_slices(stream(), 1), (0..=50).rev().collect::<Vec<_>>());
    assert_eq!(left_after_slices(stream(), usize::MAX), [0]);
    assert_eq!(left_after_slices(Stream::new(), 1), [0]);
}
