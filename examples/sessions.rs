//! Sessions as hashes that end, with a clock of our own so that nothing has to wait. `cargo run --example sessions`

use cachette::{Cache, ReplyError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const HALF_AN_HOUR: Duration = Duration::from_secs(1800);

fn main() -> Result<(), ReplyError> {
    let clock = Arc::new(AtomicU64::new(1_700_000_000_000));
    let reading = Arc::clone(&clock);
    let mut cache = Cache::builder().clock(move || reading.load(Relaxed)).build();

    let session = b"session:8f3a";
    cache.hset(session, &[(b"user", b"ada"), (b"theme", b"dark"), (b"code", b"4711")])?;
    cache.expire(session, HALF_AN_HOUR)?;
    // A field may end before its session does.
    cache.execute(&[b"HEXPIRE", session, b"60", b"FIELDS", b"1", b"code"])?;

    clock.fetch_add(61_000, Relaxed);
    println!("a minute later the code is {:?}", cache.hget(session, b"code")?);

    // Every request gives the session its time anew.
    cache.expire(session, HALF_AN_HOUR)?;
    clock.fetch_add(1_799_000, Relaxed);
    println!("still there: {}", cache.contains(session));
    clock.fetch_add(2_000, Relaxed);
    println!("over: {}", !cache.contains(session));
    Ok(())
}
