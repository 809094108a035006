//! A fixed-window rate limit, with a clock of our own so that nothing has to wait. `cargo run --example rate_limit`

use cachette::{Cache, ReplyError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// True while the caller has had at most `limit` calls in this second.
fn allowed(cache: &mut Cache, caller: &str, limit: i64) -> Result<bool, ReplyError> {
    let key = format!("calls:{caller}");
    let calls = cache.incr_by(key.as_bytes(), 1)?;
    if calls == 1 {
        cache.expire(key.as_bytes(), Duration::from_secs(1))?;
    }
    Ok(calls <= limit)
}

fn main() -> Result<(), ReplyError> {
    let clock = Arc::new(AtomicU64::new(1_700_000_000_000));
    let reading = Arc::clone(&clock);
    let mut cache = Cache::builder().clock(move || reading.load(Relaxed)).build();

    let verdicts: Vec<bool> = (0..5).map(|_| allowed(&mut cache, "ada", 3)).collect::<Result<_, _>>()?;
    println!("five calls at once: {verdicts:?}");
    clock.fetch_add(1_001, Relaxed);
    println!("a second later: {}", allowed(&mut cache, "ada", 3)?);
    Ok(())
}
