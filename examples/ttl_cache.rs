//! A cache in front of something slow: entries live for a while, memory is bounded, and statistics tell how well it works.
//! `cargo run --example ttl_cache`

use cachette::{Cache, ReplyError};
use std::time::Duration;

/// What takes long: a query, a request, a computation.
fn slow(id: u32) -> String {
    std::thread::sleep(Duration::from_millis(5));
    format!("{{\"id\":{id},\"square\":{}}}", id * id)
}

fn fetch(cache: &mut Cache, id: u32) -> Result<String, ReplyError> {
    let key = format!("answer:{id}");
    if let Some(kept) = cache.get(key.as_bytes())? {
        return Ok(String::from_utf8_lossy(kept).into_owned());
    }
    let fresh = slow(id);
    cache.set_ttl(key.as_bytes(), fresh.as_bytes(), Duration::from_secs(60))?;
    Ok(fresh)
}

fn main() -> Result<(), ReplyError> {
    let mut cache = Cache::builder().maxmemory(16 << 20).build();
    for visit in 0..200 {
        fetch(&mut cache, visit % 10)?;
    }
    let stats = cache.stats();
    println!("{} hits, {} misses, {} keys in {} bytes", stats.hits, stats.misses, stats.keys, stats.bytes);
    Ok(())
}
