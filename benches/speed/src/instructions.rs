//! `instructions`: how many instructions the hot paths take, which is the same on every run, as times are not.
//!
//! valgrind counts those of this program while it makes few calls of one kind, and many; the difference is the calls'. The figures of the table that lies in
//! `benches/results` are the bars: a change that costs more than a few percent has to say so by saving a new table.

use crate::load::Verb;
use crate::measure::Random;
use crate::report::Report;
use crate::sides::InProcess;
use cachette::Cache;
use std::error::Error;
use std::process::Command;
use std::time::Duration;

/// Entries that are there, and calls of the shorter run; the longer one makes three times as many.
const ENTRIES: usize = 20_000;
const CALLS: usize = 20_000;
/// What a figure may grow by before the bar is missed.
const SLACK: f64 = 1.03;
const HOUR: Duration = Duration::from_secs(3600);

/// A hot path: its name, and what runs it so many times.
type Path = (&'static str, fn(calls: usize));

/// Names of what is counted, and what it does `calls` times.
const PATHS: [Path; 10] = [
    ("get", |calls| cache(calls, |cache, key| assert!(cache.get(key).is_ok_and(|found| found.is_some())))),
    ("get of a missing key", |calls| {
        cache(calls, |cache, key| assert!(cache.get(&key[1..]).is_ok_and(|found| found.is_none())));
    }),
    ("overwrite", |calls| cache(calls, |cache, key| assert!(cache.set_ttl(key, &[b'b'; 100], HOUR).is_ok()))),
    ("set new and del", |calls| {
        cache(calls, |cache, key| {
            assert!(cache.set_ttl(&key[1..], &[b'b'; 100], HOUR).is_ok());
            cache.del(&key[1..]);
        });
    }),
    ("set new, with an eviction", evicting),
    ("GET of 64 pipelined", |calls| pipelined(calls, 64, |at, out| Verb::Get.encode(at, out))),
    ("SET of 64 pipelined", |calls| pipelined(calls, 64, |at, out| Verb::Set.encode(at, out))),
    ("GET alone", |calls| pipelined(calls, 1, |at, out| Verb::Get.encode(at, out))),
    ("ZADD", |calls| pipelined(calls, 16, |at, out| words(out, &format!("ZADD board {} member:{at}", at * 7 % 1000)))),
    ("ZRANGE of 10", |calls| pipelined(calls, 16, |at, out| words(out, &format!("ZRANGE big {at} {}", at + 9)))),
];

fn words(out: &mut Vec<u8>, line: &str) {
    crate::servers::request(out, &line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
}

/// A full cache of about as many entries; a key comes again when it is long gone and forgotten.
fn evicting(calls: usize) {
    let mut cache = Cache::builder().seed(1).clock(|| 1_700_000_000_000).maxmemory(180 * ENTRIES as u64).build();
    let keys: Vec<String> = (0..4 * ENTRIES).map(|at| format!("user:{at:07}:profile")).collect();
    for key in keys.iter().cycle().take(keys.len() + calls) {
        assert!(cache.set_ttl(key.as_bytes(), &[b'a'; 100], HOUR).is_ok());
    }
    assert!(cache.stats().evicted as usize > calls);
}

fn cache(calls: usize, call: fn(&mut Cache, &[u8])) {
    let mut cache = Cache::builder().seed(1).clock(|| 1_700_000_000_000).maxmemory(1 << 40).build();
    let keys: Vec<String> = (0..ENTRIES).map(|at| format!("user:{at:07}:profile")).collect();
    keys.iter().for_each(|key| assert!(cache.set_ttl(key.as_bytes(), &[b'a'; 100], HOUR).is_ok()));
    let mut random = Random(1);
    for _ in 0..calls {
        call(&mut cache, keys[random.below(ENTRIES)].as_bytes());
    }
}

fn pipelined(calls: usize, length: usize, encode: fn(usize, &mut Vec<u8>)) {
    let mut engine = InProcess::new();
    let mut batch = Vec::new();
    for at in 0..ENTRIES {
        batch.clear();
        Verb::Set.encode(at, &mut batch);
        words(&mut batch, &format!("ZADD big {at} member:{at}"));
        engine.batch(&batch);
    }
    let mut random = Random(1);
    // A few batches, made once: encoding them is not what is counted.
    let batches: Vec<Vec<u8>> = (0..64)
        .map(|_| {
            let mut batch = Vec::new();
            (0..length).for_each(|_| encode(random.below(ENTRIES - 10), &mut batch));
            batch
        })
        .collect();
    batches.iter().cycle().take(calls / length).for_each(|batch| engine.batch(batch));
}

/// Makes calls of one path: what runs below valgrind.
///
/// # Errors
/// There is no such path, or the count is no number.
pub fn count(args: &[String]) -> Result<(), Box<dyn Error>> {
    let [name, calls] = args else { return Err("PATH CALLS".into()) };
    let (_, path) = PATHS.iter().find(|(known, _)| known == name).ok_or("no such path")?;
    path(calls.parse()?);
    Ok(())
}

fn counted(name: &str, calls: usize) -> Result<f64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["count", name, &calls.to_string()])
        .output()?;
    let text = String::from_utf8(output.stderr)?;
    let line =
        text.lines().find_map(|line| line.split_once("I   refs:").or_else(|| line.split_once("I refs:"))).ok_or(text.clone())?;
    Ok(line.1.trim().replace(',', "").parse()?)
}

/// The figures of the saved table.
fn saved() -> Vec<(String, f64)> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../results/instructions.md")).unwrap_or_default();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    rows.filter_map(|(name, figure)| Some((name.to_owned(), figure.parse().ok()?))).collect()
}

/// # Errors
/// valgrind is not there.
pub fn run() -> Result<Report, Box<dyn Error>> {
    let mut report = Report::new(
        "instructions",
        "Instructions of the hot paths",
        "Counted by valgrind: `Cache` with a limit, deadlines and statistics, 20-byte keys and 100 bytes; and the engine behind RESP. Of 20,000 entries.",
    );
    let before = saved();
    let mut rows = Vec::new();
    for (name, _) in PATHS {
        let each = (counted(name, 3 * CALLS)? - counted(name, CALLS)?) / (2 * CALLS) as f64;
        eprintln!("{name}: {each:.0}");
        rows.push(vec![name.to_owned(), format!("{each:.0}")]);
        if let Some((_, bar)) = before.iter().find(|(known, _)| known == name) {
            report.bar(format!("{name}, beside the table"), each / bar, SLACK);
        }
    }
    report.table("Instructions a call", &["", "instructions"].map(str::to_owned), &rows);
    Ok(report)
}
