//! Counters: single ones, one a day that ends by itself, and several in one key. `cargo run --example counter`

use cachette::{Cache, Remaining, ReplyError};
use std::time::Duration;

const TWO_DAYS: Duration = Duration::from_secs(2 * 86_400);

/// How often a page was seen on that day.
fn count(cache: &mut Cache, page: &str, day: &str) -> Result<i64, ReplyError> {
    let key = format!("views:{page}:{day}");
    let views = cache.incr_by(key.as_bytes(), 1)?;
    if views == 1 {
        cache.expire(key.as_bytes(), TWO_DAYS)?;
    }
    Ok(views)
}

fn main() -> Result<(), ReplyError> {
    let mut cache = Cache::new();
    for _ in 0..3 {
        cache.incr_by(b"views:home", 1)?;
    }
    println!("home: {}, about: {}", cache.incr_by(b"views:home", 0)?, cache.incr_by(b"views:about", 10)?);

    count(&mut cache, "home", "2026-11-29")?;
    let views = count(&mut cache, "home", "2026-11-29")?;
    if let Remaining::For(kept) = cache.ttl(b"views:home:2026-11-29") {
        println!("{views} that day, kept for {:.0} hours", kept.as_secs_f64() / 3600.0);
    }

    // One key for all that is counted of one thing.
    cache.execute(&[b"HINCRBY", b"user:1:counts", b"likes", b"2"])?;
    cache.execute(&[b"HINCRBY", b"user:1:counts", b"posts", b"1"])?;
    println!("likes: {}", String::from_utf8_lossy(cache.hget(b"user:1:counts", b"likes")?.unwrap_or(b"0")));
    Ok(())
}
