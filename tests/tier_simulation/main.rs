//! Deterministic simulation of the tier: seeded schedules of callers, others, and trouble, against a Redis that is this engine.
//!
//! `cargo test --test tier_simulation` runs some; `cargo xtask sim --schedules 1000000` many. A failure prints its seed; `TIER_SEED=n` runs that one and
//! tells its story.

mod schedule;
mod world;

use cachette::tier::Fault;
use schedule::Schedule;
use std::sync::atomic::{AtomicU64, Ordering};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Runs schedules in all cores until one fails. How many ran, checks made, and the failures.
fn run(first: u64, count: u64, fault: Option<Fault>, enough: usize) -> (u64, u64, Vec<(u64, String)>) {
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let (next, checks) = (AtomicU64::new(first), AtomicU64::new(0));
    let failures = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || failures.lock().unwrap().len() >= enough {
                        return;
                    }
                    let mut schedule = Schedule::new(seed, fault, false);
                    let outcome = schedule.run();
                    checks.fetch_add(schedule.checks, Ordering::Relaxed);
                    if let Err(what) = outcome {
                        failures.lock().unwrap().push((seed, what));
                    }
                }
            });
        }
    });
    let ran = next.load(Ordering::Relaxed).min(first + count) - first;
    (ran, checks.load(Ordering::Relaxed), failures.into_inner().unwrap())
}

#[test]
fn promises_hold_whatever_happens_to_redis() {
    if let Ok(seed) = std::env::var("TIER_SEED") {
        let mut schedule = Schedule::new(seed.parse().unwrap(), None, true);
        let outcome = schedule.run();
        println!("{}", schedule.story());
        outcome.unwrap();
        return;
    }
    let (first, count) = (number("TIER_FIRST", 1), number("TIER_SCHEDULES", 20_000));
    let (ran, checks, failures) = run(first, count, None, number("TIER_FAILURES", 1) as usize);
    for (seed, what) in &failures {
        println!("TIER_SEED={seed}: {what}");
    }
    assert!(failures.is_empty(), "a promise was broken");
    assert_eq!(ran, count);
    assert!(checks > count * 20, "the schedules did too little: {checks} answers");
    println!("{ran} schedules, {checks} answers checked, none broke a promise");
}

/// A checker that cannot fail shows nothing.
#[test]
fn a_broken_rule_is_noticed() {
    use Fault::{FillsSpoilt, ForgetsRemovals, KeepsEpoch, ReplaysBackwards, RetriesOverOthers};
    for fault in [FillsSpoilt, KeepsEpoch, ForgetsRemovals, ReplaysBackwards, RetriesOverOthers] {
        let (_, _, failures) = run(1, 3_000, Some(fault), 1);
        assert!(!failures.is_empty(), "{fault:?} went unnoticed");
    }
}
