//! A leaderboard in a sorted set, with counters beside it. `cargo run --example leaderboard`

use cachette::{Cache, ReplyError};

fn show(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

fn main() -> Result<(), ReplyError> {
    let mut cache = Cache::new();
    cache.zadd(b"scores", &[(310.0, b"ada"), (120.0, b"bob"), (275.0, b"eve"), (90.0, b"joe")])?;
    cache.zincr_by(b"scores", b"eve", 50.0)?;

    for (name, score) in cache.zrevrange(b"scores", 0, 2)? {
        println!("{score:>4} {}", show(name));
    }
    let rank = cache.zrevrank(b"scores", b"bob")?.map_or(0, |rank| rank + 1);
    println!("bob is number {rank}");

    cache.incr_by(b"views:home", 3)?;
    cache.hincr_by(b"counts", b"likes", 2)?;
    println!("views {:?}, likes {:?}", cache.get(b"views:home")?.map(show), cache.hget(b"counts", b"likes")?.map(show));
    Ok(())
}
