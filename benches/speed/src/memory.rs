//! `memory`: bytes a key by type and size, as both servers tell them (`used_memory`) and as the system does (resident).

use crate::report::Report;
use crate::servers::{Server, request};
use std::error::Error;

/// What is filled in: a name, how many keys, and the words of the requests that make the key number `at`.
struct Fill {
    name: &'static str,
    keys: usize,
    make: fn(at: usize, out: &mut Vec<u8>),
    bar: Option<f64>,
}

fn string(at: usize, len: usize, ttl: bool, out: &mut Vec<u8>) {
    let (key, value) = (format!("user:{at:07}:profile"), "v".repeat(len));
    let mut words: Vec<&[u8]> = vec![b"SET", key.as_bytes(), value.as_bytes()];
    if ttl {
        words.extend([&b"EX"[..], b"3600"]);
    }
    request(out, &words);
}

/// One request that fills a collection with `members`, each of as many words as `member` makes.
fn collection(at: usize, command: &str, members: usize, member: fn(usize) -> Vec<String>, out: &mut Vec<u8>) {
    let mut words = vec![command.to_owned(), format!("user:{at:07}:{}", command.to_lowercase())];
    words.extend((0..members).flat_map(|nth| member(at * 1000 + nth)));
    let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
    request(out, &words);
}

fn hash(at: usize, fields: usize, out: &mut Vec<u8>) {
    collection(at, "HSET", fields, |nth| vec![format!("field:{}", nth % 1000), format!("value:{nth}")], out);
}

fn list(at: usize, elements: usize, out: &mut Vec<u8>) {
    collection(at, "RPUSH", elements, |nth| vec![format!("element:{nth}")], out);
}

fn set(at: usize, members: usize, out: &mut Vec<u8>) {
    collection(at, "SADD", members, |nth| vec![format!("member:{nth}")], out);
}

fn ints(at: usize, members: usize, out: &mut Vec<u8>) {
    collection(at, "SADD", members, |nth| vec![nth.to_string()], out);
}

fn sorted_set(at: usize, members: usize, out: &mut Vec<u8>) {
    collection(
        at,
        "ZADD",
        members,
        |nth| vec![(nth.wrapping_mul(2_654_435_761) % 100_003).to_string(), format!("member:{nth}")],
        out,
    );
}

fn stream(at: usize, entries: usize, out: &mut Vec<u8>) {
    for nth in 1..=entries {
        let (key, id, value) = (format!("user:{at:07}:events"), format!("{}-0", nth * 1000), format!("value:{nth}"));
        request(out, &[b"XADD", key.as_bytes(), id.as_bytes(), b"type", b"click", b"what", value.as_bytes()]);
    }
}

fn all() -> Vec<Fill> {
    let fill = |name, keys, make: fn(usize, &mut Vec<u8>)| Fill { name, keys, make, bar: None };
    vec![
        fill("string of 16 bytes", 1_000_000, |at, out| string(at, 16, false, out)),
        Fill { bar: Some(0.45), ..fill("string of 16 bytes with TTL", 1_000_000, |at, out| string(at, 16, true, out)) },
        fill("string of 100 bytes", 1_000_000, |at, out| string(at, 100, false, out)),
        Fill { bar: Some(0.67), ..fill("string of 100 bytes with TTL", 1_000_000, |at, out| string(at, 100, true, out)) },
        fill("string of 1,000 bytes with TTL", 100_000, |at, out| string(at, 1000, true, out)),
        fill("hash of 5 fields", 200_000, |at, out| hash(at, 5, out)),
        fill("hash of 50 fields", 20_000, |at, out| hash(at, 50, out)),
        fill("hash of 1,000 fields", 1000, |at, out| hash(at, 1000, out)),
        fill("list of 10 elements", 100_000, |at, out| list(at, 10, out)),
        fill("list of 1,000 elements", 1000, |at, out| list(at, 1000, out)),
        fill("set of 10 members", 100_000, |at, out| set(at, 10, out)),
        fill("set of 1,000 members", 1000, |at, out| set(at, 1000, out)),
        fill("set of 100 integers", 10_000, |at, out| ints(at, 100, out)),
        fill("sorted set of 10 members", 100_000, |at, out| sorted_set(at, 10, out)),
        fill("sorted set of 1,000 members", 1000, |at, out| sorted_set(at, 1000, out)),
        fill("stream of 100 entries", 2000, |at, out| stream(at, 100, out)),
    ]
}

/// Bytes a key: by `used_memory`, and resident.
fn weigh(server: &Server, fill: &Fill) -> Result<[f64; 2], Box<dyn Error>> {
    let mut client = server.client()?;
    let before = [client.memory("used_memory")?, server.resident()];
    let mut batch = Vec::new();
    for at in 0..fill.keys {
        (fill.make)(at, &mut batch);
        if batch.len() > 100_000 || at + 1 == fill.keys {
            client.batch(&batch)?;
            batch.clear();
        }
    }
    let after = [client.memory("used_memory")?, server.resident()];
    Ok([0, 1].map(|at| (after[at] - before[at]) / fill.keys as f64))
}

pub fn run(quick: bool) -> Result<Report, Box<dyn Error>> {
    let mut report = Report::new(
        "memory",
        "Bytes a key",
        "Keys of 20 bytes or so; each fill in servers of its own, started afresh. `used_memory` is what the servers say of themselves: cachette's ledger counts the bytes\n\
         asked of the allocator, redis-server those that it got; resident is what the process grew by.",
    );
    let mut rows = Vec::new();
    for fill in all().iter().filter(|fill| !quick || fill.bar.is_some()) {
        let own = weigh(&Server::cachette()?, fill)?;
        let theirs = weigh(&Server::redis()?, fill)?;
        let mut row = vec![fill.name.to_owned()];
        for at in 0..2 {
            row.extend([format!("{:.0}", own[at]), format!("{:.0}", theirs[at]), format!("{:.2}", own[at] / theirs[at])]);
        }
        eprintln!("{}", row.join("  "));
        rows.push(row);
        if let Some(bar) = fill.bar {
            report.bar(format!("{}, cachette / redis-server's used_memory", fill.name), own[0] / theirs[0], bar);
        }
    }
    let head = ["", "cachette", "redis", "ratio", "cachette, resident", "redis, resident", "ratio"].map(str::to_owned);
    report.table("Bytes a key", &head, &rows);
    Ok(report)
}
