//! Eviction: the limit holds, the books stay exact, and those go whom the policy names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod traces;

use cachette::keyspace::{Class, Policy};
use cachette::{Cache, Event};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A cache whose clock the test moves.
fn cache(limit: u64, policy: &str) -> (Cache, Arc<AtomicU64>) {
    let now = Arc::new(AtomicU64::new(1_700_000_000_000));
    let clock = now.clone();
    let builder = Cache::builder().maxmemory(limit).policy(policy).seed(7).listen(Class::EVICTED);
    (builder.clock(move || clock.load(Ordering::Relaxed)).build(), now)
}

fn pass(now: &AtomicU64, ms: u64) {
    now.fetch_add(ms, Ordering::Relaxed);
}

fn evicted(cache: &mut Cache) -> Vec<Vec<u8>> {
    let events = std::iter::from_fn(|| cache.take_event());
    events.map(|event| if let Event::Key(notice) = event { notice.key } else { panic!("{event:?}") }).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Set(u16, usize),
    SetTtl(u16, usize, u64),
    Get(u16),
    Del(u16),
    Expire(u16, u64),
    Persist(u16),
    Push(u16, usize),
    Append(u16, usize),
    Rename(u16, u16),
    Select(u8),
    Config(&'static str),
    Limit(u64),
    Flush,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..200u16;
    prop_oneof![
        20 => (key(), 0..300usize).prop_map(|(key, len)| Step::Set(key, len)),
        10 => (key(), 0..300usize, 1..90_000u64).prop_map(|(key, len, ttl)| Step::SetTtl(key, len, ttl)),
        20 => key().prop_map(Step::Get),
        8 => key().prop_map(Step::Del),
        4 => (key(), 1..90_000u64).prop_map(|(key, ttl)| Step::Expire(key, ttl)),
        3 => key().prop_map(Step::Persist),
        8 => (key(), 0..300usize).prop_map(|(key, len)| Step::Push(key, len)),
        4 => (key(), 0..900usize).prop_map(|(key, len)| Step::Append(key, len)),
        3 => (key(), key()).prop_map(|(from, to)| Step::Rename(from, to)),
        2 => (0..3u8).prop_map(Step::Select),
        1 => proptest::sample::select(Policy::NAMES).prop_map(Step::Config),
        1 => (0..30_000u64).prop_map(Step::Limit),
        1 => Just(Step::Flush),
        5 => (0..5000u64).prop_map(Step::Pass),
    ]
}

fn name(key: u16) -> Vec<u8> {
    format!("key:{key}").into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_limit_holds_and_the_books_are_exact(
        policy in proptest::sample::select(Policy::NAMES),
        limit in 2000..30_000u64,
        steps in prop::collection::vec(step(), 1..600),
    ) {
        let (mut cache, now) = cache(limit, policy);
        let (mut limit, mut policy) = (limit, policy);
        for step in steps {
            let before = cache.stats();
            let run = |cache: &mut Cache, words: &[&[u8]]| cache.execute(words).map(drop);
            let value = |len: usize| vec![b'v'; len];
            let grown = match &step {
                Step::Set(key, len) => cache.set(&name(*key), &value(*len)),
                Step::SetTtl(key, len, ttl) => cache.set_ttl(&name(*key), &value(*len), Duration::from_millis(*ttl)),
                Step::Push(key, len) => run(&mut cache, &[b"RPUSH", &name(*key), &value(*len)]),
                Step::Append(key, len) => run(&mut cache, &[b"APPEND", &name(*key), &value(*len)]),
                _ => Ok(()),
            };
            match &step {
                Step::Get(key) => drop(cache.get(&name(*key)).is_ok()),
                Step::Del(key) => drop(cache.del(&name(*key))),
                Step::Expire(key, ttl) => drop(cache.expire(&name(*key), Duration::from_millis(*ttl)).unwrap()),
                Step::Persist(key) => drop(cache.persist(&name(*key)).unwrap()),
                Step::Rename(from, to) => drop(run(&mut cache, &[b"RENAME", &name(*from), &name(*to)])),
                Step::Select(db) => run(&mut cache, &[b"SELECT", &[b'0' + db]]).unwrap(),
                Step::Config(new) => {
                    run(&mut cache, &[b"CONFIG", b"SET", b"maxmemory-policy", new.as_bytes()]).unwrap();
                    policy = new;
                }
                Step::Limit(new) => {
                    run(&mut cache, &[b"CONFIG", b"SET", b"maxmemory", new.to_string().as_bytes()]).unwrap();
                    limit = *new;
                }
                Step::Flush => cache.clear(),
                Step::Pass(ms) => pass(&now, *ms),
                _ => {}
            }
            let after = cache.stats();
            prop_assert_eq!(after.bytes, cache.engine().keys.audit(), "after {:?} under {}", step, policy);
            let grows = matches!(step, Step::Set(..) | Step::SetTtl(..) | Step::Push(..) | Step::Append(..));
            if grows && limit != 0 {
                match grown {
                    // One value, and what index, queues and a list may take for it.
                    Ok(()) => prop_assert!(after.bytes <= limit + 4096 , "{} of {limit} after {step:?} under {policy}", after.bytes),
                    Err(error) if error.code() == b"OOM" => {
                        prop_assert!(before.bytes > limit);
                        let volatile = policy.starts_with("volatile");
                        prop_assert!(volatile || policy == "noeviction", "OOM under {policy} at {step:?}");
                        let left: usize = (0..16).map(|db| cache.engine().keys.within(db, |keys| keys.expires())).sum();
                        prop_assert!(policy == "noeviction" || left == 0, "{left} could have gone under {policy}");
                    }
                    Err(_) => {}
                }
            }
        }
        cache.execute(&[b"FLUSHALL"]).unwrap();
        prop_assert_eq!((cache.stats().bytes, cache.engine().keys.audit()), (0, 0));
    }
}

/// Keys that an overfull cache keeps of `count`, after `use_them`.
fn kept(policy: &str, count: u32, use_them: impl Fn(&mut Cache, &AtomicU64)) -> HashMap<u32, bool> {
    let (mut cache, now) = cache(1 << 40, policy);
    cache.execute(&[b"CONFIG", b"SET", b"lfu-decay-time", b"0"]).unwrap();
    for id in 0..count {
        cache.set_ttl(format!("k:{id}").as_bytes(), &[b'v'; 100], Duration::from_secs(10_000 + u64::from(id))).unwrap();
        pass(&now, 1000);
    }
    let room = cache.stats().bytes;
    cache.execute(&[b"CONFIG", b"SET", b"maxmemory", room.to_string().as_bytes()]).unwrap();
    cache.execute(&[b"CONFIG", b"SET", b"maxmemory-samples", b"10"]).unwrap();
    use_them(&mut cache, &now);
    for id in 0..count / 2 {
        cache.set(format!("new:{id}").as_bytes(), &[b'v'; 100]).unwrap();
    }
    (0..count).map(|id| (id, cache.contains(format!("k:{id}").as_bytes()))).collect()
}

fn share(kept: &HashMap<u32, bool>, of: impl Fn(u32) -> bool) -> f64 {
    let asked = kept.iter().filter(|(id, _)| of(**id));
    let (all, here) = asked.fold((0, 0), |(all, here), (_, kept)| (all + 1, here + i32::from(*kept)));
    f64::from(here) / f64::from(all)
}

fn read_even(cache: &mut Cache, now: &AtomicU64) {
    for _ in 0..3 {
        for id in (0..2000).step_by(2) {
            cache.get(format!("k:{id}").as_bytes()).unwrap();
        }
        pass(now, 100_000);
    }
}

fn write_even(cache: &mut Cache, now: &AtomicU64) {
    for id in (0..2000).step_by(2) {
        cache.set_ttl(format!("k:{id}").as_bytes(), &[b'w'; 100], Duration::from_secs(100_000)).unwrap();
    }
    pass(now, 100_000);
    read_odd(cache);
}

fn read_odd(cache: &mut Cache) {
    for id in (1..2000).step_by(2) {
        cache.get(format!("k:{id}").as_bytes()).unwrap();
    }
}

#[test]
fn those_go_whom_the_policy_names() {
    for policy in ["allkeys-lru", "volatile-lru", "allkeys-lfu", "volatile-lfu", "allkeys-s3fifo"] {
        let kept = kept(policy, 2000, read_even);
        let (even, odd) = (share(&kept, |id| id % 2 == 0), share(&kept, |id| id % 2 == 1));
        // Under S3-FIFO newcomers go, too.
        assert!(even > 0.9 && odd < even - 0.25, "{policy}: {even} {odd}");
    }
    for policy in ["allkeys-lrm", "volatile-lrm"] {
        let kept = kept(policy, 2000, write_even);
        let (even, odd) = (share(&kept, |id| id % 2 == 0), share(&kept, |id| id % 2 == 1));
        assert!(even > 0.9 && odd < even - 0.3, "{policy}: {even} {odd}");
    }
    let ttl = kept("volatile-ttl", 2000, |_, _| {});
    let (soon, late) = (share(&ttl, |id| id < 1000), share(&ttl, |id| id >= 1000));
    assert!(soon < 0.4 && late > 0.9, "{soon} {late}");
    let random = kept("allkeys-random", 2000, read_even);
    let (even, odd) = (share(&random, |id| id % 2 == 0), share(&random, |id| id % 2 == 1));
    assert!((even - odd).abs() < 0.1, "{even} {odd}");
}

#[test]
fn a_volatile_policy_spares_keys_without_deadline_and_then_refuses() {
    for policy in Policy::NAMES.iter().filter(|name| name.starts_with("volatile")) {
        let (mut cache, _) = cache(200_000, policy);
        for id in 0..500 {
            cache.set(format!("stays:{id}").as_bytes(), &[b's'; 100]).unwrap();
        }
        for id in 0..5000 {
            cache.set_ttl(format!("goes:{id}").as_bytes(), &[b'g'; 100], Duration::from_secs(1000 + id)).unwrap();
        }
        let gone = evicted(&mut cache);
        assert!(gone.len() > 3000 && gone.iter().all(|key| key.starts_with(b"goes:")), "{policy}: {}", gone.len());
        assert_eq!(cache.stats().evicted, gone.len() as u64);
        let refused = (0..5000).find_map(|id| cache.set(format!("more:{id}").as_bytes(), &[b's'; 100]).err());
        assert!(refused.is_some_and(|error| error.code() == b"OOM"), "{policy}");
        assert!((0..500).all(|id| cache.contains(format!("stays:{id}").as_bytes())), "{policy}");
        // One deadline, and there is room again.
        assert!(cache.expire(b"stays:7", Duration::from_secs(5000)).unwrap());
        cache.set(b"last", b"").unwrap();
        assert!(!cache.contains(b"stays:7"), "{policy}");
    }
}

#[test]
fn expired_keys_go_first() {
    for policy in Policy::NAMES {
        let (mut cache, now) = cache(100_000, policy);
        for id in 0..500 {
            cache.set_ttl(format!("old:{id}").as_bytes(), &[b'o'; 100], Duration::from_millis(50)).unwrap();
        }
        pass(&now, 100);
        for id in 0..500 {
            cache.set_ttl(format!("new:{id}").as_bytes(), &[b'n'; 100], Duration::from_secs(60)).unwrap();
        }
        let stats = cache.stats();
        assert_eq!(stats.evicted, 0, "{policy}");
        assert!((0..500).all(|id| cache.contains(format!("new:{id}").as_bytes())), "{policy}");
    }
}

#[test]
fn a_limit_that_comes_later_finds_the_keys_of_before() {
    for policy in Policy::NAMES.iter().filter(|name| name.starts_with("allkeys")) {
        let (mut cache, _) = cache(0, policy);
        for id in 0..5000 {
            cache.set(format!("k:{id}").as_bytes(), &[b'v'; 100]).unwrap();
        }
        cache.execute(&[b"CONFIG", b"SET", b"maxmemory", b"50000"]).unwrap();
        cache.set(b"one", b"more").unwrap();
        assert!(cache.stats().bytes <= 51_000 && cache.len() > 200, "{policy}: {:?}", cache.stats());
    }
}

#[test]
fn all_databases_give() {
    for policy in Policy::NAMES.iter().filter(|name| name.starts_with("allkeys")) {
        let (mut cache, _) = cache(100_000, policy);
        for id in 0..4000 {
            cache.execute(&[b"SELECT", if id % 2 == 0 { b"0" } else { b"9" }]).unwrap();
            cache.set(format!("k:{id}").as_bytes(), &[b'v'; 100]).unwrap();
        }
        let counts = [0, 9].map(|db| cache.engine().keys.within(db, |keys| keys.len()));
        assert!(counts.iter().all(|count| *count > 150), "{policy}: {counts:?}");
        assert!(cache.stats().bytes <= 101_000);
    }
}

#[test]
fn deletions_leave_no_long_queues_behind() {
    let (mut cache, _) = cache(1 << 30, "allkeys-s3fifo");
    for round in 0..40 {
        for id in 0..5000 {
            cache.set(format!("k:{id}").as_bytes(), &[b'v'; 20]).unwrap();
        }
        // Every seventh stays, another each time.
        for id in (0..5000).filter(|id| id % 7 != round % 7) {
            assert!(cache.del(format!("k:{id}").as_bytes()));
        }
    }
    // One that stays and many that come and go.
    for id in 0..200_000 {
        cache.set(format!("x:{id}").as_bytes(), b"").unwrap();
        assert!(cache.del(format!("x:{id}").as_bytes()));
    }
    let keys = cache.len() as u64;
    let entries: u64 = cache.stats().bytes - cache.engine().keys.index_memory();
    assert!(entries / keys < 60 + 40, "{} bytes an entry", entries / keys);
    assert_eq!(cache.stats().bytes, cache.engine().keys.audit());
}

#[test]
fn the_same_seed_evicts_the_same_keys() {
    for policy in Policy::NAMES.iter().filter(|name| name.starts_with("allkeys")) {
        let run = || {
            let (mut cache, now) = cache(50_000, policy);
            for id in traces::zipf(5000, 0.9, 20_000, 3) {
                let key = format!("k:{id}");
                if cache.get(key.as_bytes()).unwrap().is_none() {
                    cache.set(key.as_bytes(), &[b'v'; 50]).unwrap();
                }
                pass(&now, 100);
            }
            evicted(&mut cache)
        };
        assert_eq!(run(), run(), "{policy}");
    }
}

/// The share of requests of a trace that a cache of so many keys answers.
fn hit_ratio(policy: &str, keys: u64, trace: &[u32]) -> f64 {
    let (mut cache, now) = cache(keys * 66, policy);
    for id in trace {
        let key = id.to_be_bytes();
        if cache.get(&key).unwrap().is_none() {
            cache.set(&key, &[b'v'; 32]).unwrap();
        }
        // A second a request: the clock of the LRU marks is no finer.
        pass(&now, 1000);
    }
    cache.stats().hits as f64 / trace.len() as f64
}

#[test]
fn s3fifo_keeps_the_hot_set_through_scans() {
    let trace = traces::with_scans(&traces::zipf(20_000, 0.9, 200_000, 1), 20_000, 4000);
    let [s3, lru, random] = ["allkeys-s3fifo", "allkeys-lru", "allkeys-random"].map(|policy| hit_ratio(policy, 2000, &trace));
    println!("s3fifo {s3:.4} lru {lru:.4} random {random:.4}");
    assert!(s3 > lru + 0.02 && s3 > random + 0.02, "s3fifo {s3:.4} lru {lru:.4} random {random:.4}");
}
