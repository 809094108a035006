//! `latency`: how long the slowest calls take, in a mix, and while many keys or large values go at once.
//!
//! Percentiles are wall time. On a machine that others use too, the very slowest call of five millions is most likely one that lost its core, so the
//! worst is told by CPU time as well, from a second run that reads the thread's clock around each call.

use crate::measure::{Random, cpu_time};
use crate::report::Report;
use crate::sides::InProcess;
use cachette::{Cache, ReplyError};
use std::time::{Duration, Instant};

const CALLS: usize = 5_000_000;
const HOUR: Duration = Duration::from_secs(3600);
/// Entries that the server lets background work look at between two turns.
const BUDGET: usize = 100;

/// Three reads, one write with a TTL in four, some of them of new keys, and a deletion now and then.
fn call(cache: &mut Cache, random: &mut Random, live: usize) -> Result<(), ReplyError> {
    let key = format!("user:{:07}:profile", random.below(live * 5 / 4));
    match random.below(20) {
        0 => {
            cache.del(key.as_bytes());
        }
        1..5 => cache.set_ttl(key.as_bytes(), &[b'v'; 100], HOUR)?,
        _ => {
            cache.get(key.as_bytes())?;
        }
    }
    Ok(())
}

fn filled(live: usize, huge_pages: bool) -> Result<Cache, ReplyError> {
    let mut cache = Cache::builder().maxmemory(1 << 40).huge_pages(huge_pages).build();
    for at in 0..live {
        cache.set_ttl(format!("user:{at:07}:profile").as_bytes(), &[b'v'; 100], HOUR)?;
    }
    Ok(cache)
}

/// The durations of all calls, ascending, by a clock.
fn mixed(live: usize, huge_pages: bool, clock: impl Fn() -> u64) -> Result<Vec<u32>, ReplyError> {
    let mut cache = filled(live, huge_pages)?;
    let mut random = Random(3);
    // Written to beforehand: that the system gives memory for it is no call's affair.
    let mut took = vec![u32::MAX; CALLS];
    let mut last = clock();
    for took in &mut took {
        call(&mut cache, &mut random, live)?;
        let now = clock();
        *took = u32::try_from(now - last).unwrap_or(u32::MAX);
        last = now;
    }
    took.sort_unstable();
    Ok(took)
}

/// As `disable-thp` has it in the server.
fn allow_huge_pages(yes: bool) {
    #[cfg(feature = "server-allocator")]
    crate::allocator::allow_huge_pages(yes);
    #[cfg(not(feature = "server-allocator"))]
    let _ = yes;
}

fn share(sorted: &[u32], part: f64) -> f64 {
    f64::from(sorted[((sorted.len() - 1) as f64 * part) as usize]) / 1000.0
}

/// Ticks until all is done: how many slices, the longest and all together, in microseconds of CPU.
fn slices(mut tick: impl FnMut() -> bool) -> (usize, f64, f64) {
    let (mut count, mut longest, mut all) = (0, 0u64, 0u64);
    loop {
        let start = cpu_time();
        let more = tick();
        let took = cpu_time() - start;
        (count, longest, all) = (count + 1, longest.max(took), all + took);
        if !more {
            return (count, longest as f64 / 1000.0, all as f64 / 1000.0);
        }
    }
}

fn storm(report: &mut Report, rows: &mut Vec<Vec<String>>, keys: usize) -> Result<(), ReplyError> {
    let now = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(1_700_000_000_000));
    let clock = now.clone();
    let mut cache = Cache::builder().huge_pages(false).clock(move || clock.load(std::sync::atomic::Ordering::Relaxed)).build();
    for at in 0..keys {
        cache.set_ttl(format!("user:{at:08}").as_bytes(), b"0123456789abcdef", HOUR)?;
    }
    let later = now.fetch_add(3_600_001, std::sync::atomic::Ordering::Relaxed) + 3_600_001;
    let (count, longest, all) = slices(|| cache.tick(BUDGET).is_some_and(|due| due <= later));
    assert_eq!(cache.len(), 0);
    row(report, rows, &format!("{} M keys expire at one moment", keys / 1_000_000), 0.0, (count, longest, all));
    Ok(())
}

fn row(report: &mut Report, rows: &mut Vec<Vec<String>>, name: &str, command: f64, (count, longest, all): (usize, f64, f64)) {
    rows.push(vec![
        name.to_owned(),
        format!("{command:.0}"),
        count.to_string(),
        format!("{longest:.0}"),
        format!("{:.0}", all / 1000.0),
    ]);
    eprintln!("{}", rows[rows.len() - 1].join("  "));
    report.bar(format!("{name}, longest stop in ms"), command.max(longest) / 1000.0, 1.0);
}

/// A command that lets go of much, and the slices in which that is freed.
fn freed(
    report: &mut Report,
    rows: &mut Vec<Vec<String>>,
    name: &str,
    fill: impl Fn(usize, &mut Vec<u8>),
    requests: usize,
    line: &str,
) {
    let mut engine = InProcess::new();
    let mut batch = Vec::new();
    for at in 0..requests {
        fill(at, &mut batch);
        if batch.len() > 100_000 || at + 1 == requests {
            engine.batch(&batch);
            batch.clear();
        }
    }
    crate::servers::request(&mut batch, &line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
    let start = cpu_time();
    engine.batch(&batch);
    let command = (cpu_time() - start) as f64 / 1000.0;
    let ticks = slices(|| engine.tick(BUDGET));
    row(report, rows, name, command, ticks);
}

fn words(out: &mut Vec<u8>, line: &str) {
    crate::servers::request(out, &line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
}

pub fn run(quick: bool) -> Result<Report, ReplyError> {
    let mut report = Report::new(
        "latency",
        "The slowest calls",
        &format!(
            "Calls of the embedded cache with the system's clock: 75 % get, 20 % set with a TTL, 5 % del, 100-byte values, keys uniform over 5/4 of those that live.\n\
             Memory comes from {}; there are no huge pages, as in cachette-server, but where they are named.",
            if cfg!(feature = "server-allocator") {
                "the allocator that cachette-server brings"
            } else {
                "the system's allocator"
            }
        ),
    );
    let mut rows = Vec::new();
    if !quick {
        for (live, huge_pages) in [(1_000_000, false), (4_000_000, false), (4_000_000, true)] {
            allow_huge_pages(huge_pages);
            let start = Instant::now();
            let wall = mixed(live, huge_pages, || start.elapsed().as_nanos() as u64)?;
            let cpu = mixed(live, huge_pages, cpu_time)?;
            let mut row = vec![format!("{} M live keys{}", live / 1_000_000, if huge_pages { ", huge pages" } else { "" })];
            row.extend([0.5, 0.99, 0.999, 0.9999, 1.0].map(|part| format!("{:.2}", share(&wall, part))));
            row.push(format!("{:.0}", share(&cpu, 1.0)));
            eprintln!("{}", row.join("  "));
            rows.push(row);
        }
        let head = ["us a call, 5 M calls", "p50", "p99", "p99.9", "p99.99", "max", "max, CPU"].map(str::to_owned);
        report.table("A mix of calls", &head, &rows);
    }
    rows.clear();
    allow_huge_pages(false);
    storm(&mut report, &mut rows, 10_000_000)?;
    let keys = |at: usize, out: &mut Vec<u8>| words(out, &format!("SET user:{at:08} 0123456789abcdef"));
    freed(&mut report, &mut rows, "FLUSHALL of 10 M keys", keys, 10_000_000, "FLUSHALL");
    freed(
        &mut report,
        &mut rows,
        "DEL of a sorted set of 1 M",
        |at, out| words(out, &format!("ZADD big {at} member:{at}")),
        1_000_000,
        "DEL big",
    );
    freed(
        &mut report,
        &mut rows,
        "UNLINK of a hash of 1 M",
        |at, out| words(out, &format!("HSET big field:{at} value:{at}")),
        1_000_000,
        "UNLINK big",
    );
    freed(
        &mut report,
        &mut rows,
        "SET over a set of 1 M",
        |at, out| words(out, &format!("SADD big member:{at}")),
        1_000_000,
        "SET big small",
    );
    freed(
        &mut report,
        &mut rows,
        "DEL of a list of 1 M",
        |at, out| words(out, &format!("RPUSH big element:{at}")),
        1_000_000,
        "DEL big",
    );
    freed(
        &mut report,
        &mut rows,
        "DEL of a stream of 1 M",
        |at, out| words(out, &format!("XADD big {}-0 f v", at + 1)),
        1_000_000,
        "DEL big",
    );
    let head = ["us of CPU", "the command", "slices of background work", "the longest", "all, ms"].map(str::to_owned);
    report.table(&format!("Much that goes at once (`tick` with a budget of {BUDGET})"), &head, &rows);
    Ok(report)
}
