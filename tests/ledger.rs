//! The memory ledger against an allocator that counts: what the engine says it keeps is what it really keeps, to the byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use support::engine::InProcess;
use support::grammar::Grammar;
use support::resp::encode;
use support::target::Target;
use support::words::line;

/// Counts the bytes asked for and given back, thread by thread.
struct Counting;

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
}

fn note(bytes: i64) {
    let _ = HELD.try_with(|held| held.set(held.get() + bytes));
}

// SAFETY: every call goes to the system allocator as it came; counting touches no memory of the allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(-(layout.size() as i64));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size as i64 - layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn held() -> i64 {
    HELD.with(Cell::get)
}

fn run(engine: &mut InProcess, client: usize, argv: &[Vec<u8>]) {
    engine.send(client, &encode(argv));
    while engine.receive(client).is_ok() {}
}

/// Bytes that are held, the pages of entries' blocks counted as what lies on them.
fn held_by_data(engine: &InProcess) -> i64 {
    held() - engine.engine.keys.block_overhead() as i64
}

/// Bytes that the engine's data take by the ledger and by the allocator: the difference that emptying makes.
fn weigh(engine: &mut InProcess, client: usize) -> (i64, i64) {
    engine.audit().unwrap();
    // The buffers of the conversation have their final size before the scales are read.
    run(engine, client, &[b"PING".to_vec()]);
    let (ledger, allocated) = (engine.engine.keys.used_memory() as i64, held_by_data(engine));
    for db in 0..engine.engine.keys.databases() {
        engine.engine.keys.within(db, |keys| keys.flush());
    }
    // What is big is freed in slices, and stays in the books until then.
    while !engine.engine.keys.free_waste(100) {
        engine.audit().unwrap();
    }
    (ledger - engine.engine.keys.used_memory() as i64, allocated - held_by_data(engine))
}

#[test]
fn random_workloads_weigh_what_the_ledger_says() {
    let rounds = if cfg!(miri) { 1 } else { 60 };
    let mut weighed = 0;
    for seed in 0..rounds {
        let mut engine = InProcess::new(seed);
        let client = engine.connect();
        let mut grammar = Grammar::new(seed);
        let mut log = Vec::new();
        for _ in 0..1000 + seed * 20 {
            let argv = grammar.command();
            let name = String::from_utf8_lossy(&argv[0]).to_ascii_uppercase();
            // What sessions keep for themselves (queues, watches, names) is no data.
            if ["MULTI", "EXEC", "WATCH", "HELLO", "RESET", "CLIENT"].contains(&name.as_str())
                || argv.contains(&b"$cursor".to_vec())
            {
                continue;
            }
            run(&mut engine, client, &argv);
            log.push(argv);
        }
        let (ledger, allocated) = weigh(&mut engine, client);
        weighed += ledger;
        if ledger != allocated {
            let shortest = shrink(seed, &log);
            let shown: Vec<String> = shortest.iter().map(|argv| line(argv)).collect();
            panic!(
                "seed {seed}: the ledger says {ledger} bytes, the allocator {allocated}; it needs only:\n{}",
                shown.join("\n")
            );
        }
    }
    assert!(weighed > 0);
    println!("{weighed} bytes of data weighed in {rounds} workloads");
}

/// The commands without which the difference goes away.
fn shrink(seed: u64, log: &[Vec<Vec<u8>>]) -> Vec<Vec<Vec<u8>>> {
    let differs = |log: &[Vec<Vec<u8>>]| {
        let mut engine = InProcess::new(seed);
        let client = engine.connect();
        log.iter().for_each(|argv| run(&mut engine, client, argv));
        let (ledger, allocated) = weigh(&mut engine, client);
        ledger != allocated
    };
    let mut kept = log.to_vec();
    let mut size = kept.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < kept.len() {
            let end = (at + size).min(kept.len());
            let without: Vec<_> = kept[..at].iter().chain(&kept[end..]).cloned().collect();
            if differs(&without) {
                kept = without;
            } else {
                at = end;
            }
        }
        size /= 2;
    }
    kept
}

#[test]
fn many_keys_of_every_type_weigh_what_the_ledger_says() {
    fill_and_weigh(&[]);
    for policy in ["allkeys-s3fifo", "volatile-s3fifo", "allkeys-lru"] {
        fill_and_weigh(&[&format!("CONFIG SET maxmemory-policy {policy} maxmemory 600000")]);
    }
}

fn fill_and_weigh(before: &[&str]) {
    let mut engine = InProcess::new(7);
    let client = engine.connect();
    before.iter().for_each(|text| run(&mut engine, client, &support::words::split(text).unwrap()));
    let fills: &[&str] = &[
        "SET s:$i $i EX 1000",
        "SET long:$i xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "RPUSH l $i abc",
        "RPUSH l:$i a b c",
        "HSET h f$i v$i",
        "HSET h:$i f v g w",
        "SADD t $i",
        "SADD t:$i a b c",
        "SADD u m$i",
        "ZADD z $i m$i",
        "ZADD z:$i 1 a 2 b",
    ];
    for fill in fills {
        for i in 0..2000 {
            let argv = support::words::split(&fill.replace("$i", &i.to_string())).unwrap();
            run(&mut engine, client, &argv);
        }
    }
    let (ledger, allocated) = weigh(&mut engine, client);
    println!("{} keys were {ledger} bytes by the ledger, {allocated} by the allocator", fills.len() * 2000);
    assert_eq!(ledger, allocated);
}
