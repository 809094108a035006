//! A live feed in a stream, and a group of workers that share its entries. `cargo run --example live_feed`

use cachette::{Cache, ReplyError, Value};

/// The id of the first entry in a reply of XREADGROUP.
fn first_id(reply: &Value) -> Option<&[u8]> {
    match reply {
        // A bulk string: the first that is met on the way down is the stream's name, so the first with a dash in it is an id.
        Value::Array(items) | Value::Push(items) | Value::Set(items) => items.iter().find_map(first_id),
        Value::Map(pairs) => pairs.iter().find_map(|(_, value)| first_id(value)),
        other => other.as_bytes().filter(|bytes| bytes.contains(&b'-')),
    }
}

fn main() -> Result<(), ReplyError> {
    let mut cache = Cache::new();
    for text in ["hello", "world", "again"] {
        cache.execute(&[b"XADD", b"feed", b"MAXLEN", b"1000", b"*", b"text", text.as_bytes()])?;
    }
    println!("entries: {:?}", cache.execute(&[b"XLEN", b"feed"])?);

    cache.execute(&[b"XGROUP", b"CREATE", b"feed", b"mailers", b"0"])?;
    for worker in ["one", "two", "three"] {
        let entry = cache.execute(&[
            b"XREADGROUP",
            b"GROUP",
            b"mailers",
            worker.as_bytes(),
            b"COUNT",
            b"1",
            b"STREAMS",
            b"feed",
            b">",
        ])?;
        // Worker three dies before it is done: its entry stays pending, for somebody to claim.
        if let (Some(id), true) = (first_id(&entry), worker != "three") {
            cache.execute(&[b"XACK", b"feed", b"mailers", id])?;
        }
    }
    if let Value::Array(pending) = cache.execute(&[b"XPENDING", b"feed", b"mailers"])? {
        println!("pending: {:?}", pending.first());
    }
    Ok(())
}
