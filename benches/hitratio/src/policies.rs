//! Caches that only say whether they held a key: cachette's policies, peers as they are published, and textbook ones to compare with.

use cachette::Cache;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Asked for a key: true if it was there; else it is put in.
pub type Ask = Box<dyn FnMut(u32) -> bool>;

/// What is compared, by name. The first is what others are measured by; `belady` knows the future and is no policy.
pub const NAMES: [&str; 12] = [
    "fifo",
    "allkeys-s3fifo",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-lrm",
    "allkeys-random",
    "lru",
    "sieve",
    "lru crate",
    "quick_cache",
    "moka",
    "belady",
];

/// A cache of `keys` keys under a policy of [`NAMES`], for a trace.
pub fn make(name: &str, keys: usize, trace: &[u32]) -> Ask {
    match name {
        "fifo" => fifo(keys),
        "lru" => lru(keys),
        "sieve" => sieve(keys),
        "lru crate" => {
            let mut cache = lru::LruCache::new(keys.try_into().expect("a cache of one at least"));
            Box::new(move |key| cache.get(&key).is_some() || cache.put(key, ()).is_some_and(|()| false))
        }
        "quick_cache" => {
            let mut cache = quick_cache::unsync::Cache::new(keys);
            Box::new(move |key: u32| {
                let hit = cache.get(&key).is_some();
                if !hit {
                    cache.insert(key, ());
                }
                hit
            })
        }
        "moka" => {
            let cache = moka::sync::Cache::new(keys as u64);
            let mut asked = 0u32;
            Box::new(move |key: u32| {
                let hit = cache.get(&key).is_some();
                if !hit {
                    cache.insert(key, ());
                }
                // It does its housekeeping in batches, as in production.
                asked += 1;
                if asked.is_multiple_of(16) {
                    cache.run_pending_tasks();
                }
                hit
            })
        }
        "belady" => belady(keys, trace),
        policy => cachette(policy, keys),
    }
}

/// A value so large that what index and queues take besides is little.
const VALUE: [u8; 500] = [b'v'; 500];

fn cachette(policy: &str, keys: usize) -> Ask {
    // The limit is what so many keys take.
    let mut full = Cache::builder().maxmemory(u64::MAX / 2).policy(policy).seed(1).build();
    for key in 0..keys as u32 {
        full.set(&key.to_be_bytes(), &VALUE).expect("room");
    }
    let limit = full.stats().bytes;
    drop(full);
    let now = Arc::new(AtomicU64::new(1_700_000_000_000));
    let clock = now.clone();
    // LRU marks count seconds, LFU marks lose one a minute: the first wants requests far apart, the second a busy cache.
    let pace = if policy.ends_with("lfu") { 1 } else { 1000 };
    let builder = Cache::builder().maxmemory(limit).policy(policy).seed(1).clock(move || clock.load(Ordering::Relaxed));
    let mut cache = builder.build();
    Box::new(move |key| {
        now.fetch_add(pace, Ordering::Relaxed);
        let key = key.to_be_bytes();
        let hit = cache.get(&key).is_ok_and(|value| value.is_some());
        if !hit {
            cache.set(&key, &VALUE).expect("what is there may go");
        }
        hit
    })
}

fn fifo(keys: usize) -> Ask {
    let (mut held, mut queue) = (std::collections::HashSet::new(), VecDeque::new());
    Box::new(move |key| {
        if !held.insert(key) {
            return true;
        }
        queue.push_back(key);
        if queue.len() > keys {
            held.remove(&queue.pop_front().expect("not empty"));
        }
        false
    })
}

fn lru(keys: usize) -> Ask {
    let (mut used, mut order, mut now) = (HashMap::new(), BTreeSet::new(), 0u64);
    Box::new(move |key: u32| {
        now += 1;
        let before = used.insert(key, now);
        order.insert((now, key));
        if let Some(then) = before {
            order.remove(&(then, key));
        } else if used.len() > keys {
            let (_, oldest) = order.pop_first().expect("not empty");
            used.remove(&oldest);
        }
        before.is_some()
    })
}

/// SIEVE (Zhang et al., NSDI 2024): a hand goes from the oldest to the newest, takes marks away, and the first without mark goes.
fn sieve(keys: usize) -> Ask {
    let mut marks: HashMap<u32, (u64, bool)> = HashMap::new();
    let (mut order, mut next, mut hand) = (BTreeSet::new(), 0u64, 0u64);
    Box::new(move |key| {
        if let Some((_, mark)) = marks.get_mut(&key) {
            *mark = true;
            return true;
        }
        while marks.len() >= keys {
            let at: Option<&(u64, u32)> = order.range((hand, 0)..).next().or_else(|| order.first());
            let &(place, candidate) = at.expect("not empty");
            hand = place + 1;
            let mark = &mut marks.get_mut(&candidate).expect("it is held").1;
            if !std::mem::take(mark) {
                marks.remove(&candidate);
                order.remove(&(place, candidate));
            }
        }
        marks.insert(key, (next, false));
        order.insert((next, key));
        next += 1;
        false
    })
}

/// The optimum: the key that is asked for last goes; one that is asked for later than all others is not even taken in.
fn belady(keys: usize, trace: &[u32]) -> Ask {
    let mut following = vec![u64::MAX; trace.len()];
    let mut seen = HashMap::new();
    for (at, key) in trace.iter().enumerate().rev() {
        if let Some(next) = seen.insert(*key, at as u64) {
            following[at] = next;
        }
    }
    let (mut held, mut order, mut at) = (HashMap::new(), BTreeSet::new(), 0);
    Box::new(move |key| {
        let next = following[at];
        at += 1;
        let before = held.insert(key, next);
        if let Some(then) = before {
            order.remove(&(then, key));
        }
        order.insert((next, key));
        if held.len() > keys {
            let (_, last) = order.pop_last().expect("not empty");
            held.remove(&last);
        }
        before.is_some()
    })
}
