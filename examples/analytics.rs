//! Visitors counted by HyperLogLogs, days of activity as bits. `cargo run --example analytics`

use cachette::{Cache, ReplyError};

fn count(cache: &mut Cache, words: &[&[u8]]) -> Result<i64, ReplyError> {
    Ok(cache.execute(words)?.as_integer().unwrap_or_default())
}

fn main() -> Result<(), ReplyError> {
    let mut cache = Cache::new();
    for visitor in 0..10_000 {
        cache.execute(&[b"PFADD", b"monday", visitor.to_string().as_bytes()])?;
        cache.execute(&[b"PFADD", b"tuesday", (visitor + 5_000).to_string().as_bytes()])?;
    }
    println!("both days, of 15,000: {}", count(&mut cache, &[b"PFCOUNT", b"monday", b"tuesday"])?);
    println!("in {} bytes a day", count(&mut cache, &[b"STRLEN", b"monday"])?);

    for (day, user) in [("mon", "1"), ("mon", "5"), ("mon", "900"), ("tue", "5"), ("tue", "900"), ("tue", "901")] {
        cache.execute(&[b"SETBIT", day.as_bytes(), user.as_bytes(), b"1"])?;
    }
    cache.execute(&[b"BITOP", b"AND", b"both", b"mon", b"tue"])?;
    println!("active on both days: {}", count(&mut cache, &[b"BITCOUNT", b"both"])?);
    Ok(())
}
