//! Any command by its words, as a client would send it, answered as a value to match on. `cargo run --example any_command`

use cachette::{Cache, ReplyError, Value};

fn main() -> Result<(), ReplyError> {
    let mut cache = Cache::new();
    cache.execute(&[b"ZADD", b"scores", b"31", b"ada", b"12", b"bob", b"27", b"cleo"])?;
    if let Value::Array(leaders) = cache.execute(&[b"ZRANGE", b"scores", b"0", b"1", b"REV"])? {
        for leader in leaders {
            println!("{}", String::from_utf8_lossy(leader.as_bytes().unwrap_or_default()));
        }
    }
    cache.execute(&[b"XADD", b"log", b"*", b"event", b"started"])?;
    println!("entries in the log: {:?}", cache.execute(&[b"XLEN", b"log"])?);
    match cache.execute(&[b"INCR", b"scores"]) {
        Err(error) => println!("refused: {error}"),
        Ok(value) => println!("unexpected: {value:?}"),
    }
    Ok(())
}
