//! Bytes per entry: the figure this project promises, by the ledger and by what the process really grew.

use cachette::Cache;
use std::time::Duration;

const ENTRIES: u64 = 1_000_000;

/// Resident bytes of this process, where the system tells (Linux).
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

#[test]
fn a_million_small_keys_with_a_deadline_stay_compact() {
    let mut cache = Cache::new();
    let before = resident();
    let ttl = Duration::from_secs(3600);
    for id in 0..ENTRIES {
        cache.set_ttl(format!("user:{id:07}:visit").as_bytes(), b"0123456789abcdef", ttl).expect("room");
    }
    let ledger = cache.stats().bytes / ENTRIES;
    let grown = before.zip(resident()).map(|(before, after)| (after - before) / ENTRIES);
    println!("ledger {ledger} bytes an entry, resident {grown:?}");
    assert!(ledger <= 80, "{ledger} bytes an entry by the ledger");
    if let Some(grown) = grown {
        assert!(grown <= 100, "{grown} bytes an entry of resident memory");
    }
    assert_eq!(cache.engine().keys.audit(), cache.stats().bytes);
}
