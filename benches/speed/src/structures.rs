//! `structures`: collections of a million members. The engine runs in this process and is fed with the bytes that redis-server gets over TCP, in
//! pipelines of a hundred; what counts is CPU time: of this thread, and of redis-server's process.

use crate::measure::{Random, Samples, cpu_time};
use crate::plot::Chart;
use crate::report::Report;
use crate::servers::{Client, Server, request};
use cachette::engine::{Engine, Options};
use cachette::session::{Peer, SessionId};
use std::error::Error;

const MEMBERS: usize = 1_000_000;
const BATCH: usize = 100;

/// Writes the request number `at` of a measurement, on a collection of `members`.
type Make = fn(at: usize, members: usize, random: &mut Random, out: &mut Vec<u8>);

struct Work {
    name: &'static str,
    /// How many requests; 0: as many as there are members.
    count: usize,
    make: Make,
    bar: Option<f64>,
    /// Whether the plot shows it.
    drawn: bool,
}

fn words(out: &mut Vec<u8>, line: &str) {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    request(out, &words);
}

/// A number that is no smaller and no larger than those before it by any rule.
fn scattered(at: usize) -> usize {
    at.wrapping_mul(2_654_435_761) % 1_000_000_007
}

macro_rules! work {
    ($name:literal, $count:expr, $bar:expr, $drawn:literal, |$at:ident, $members:ident, $random:ident| $line:expr) => {
        Work {
            name: $name,
            count: $count,
            bar: $bar,
            drawn: $drawn,
            make: |$at, $members, $random, out| {
                let _ = ($at, $members, &$random);
                words(out, &$line);
            },
        }
    };
}

fn all() -> Vec<Work> {
    vec![
        work!("ZADD new", 0, Some(0.25), true, |at, members, random| format!("ZADD z {} member:{at}", scattered(at))),
        work!("ZADD update", 300_000, Some(0.33), true, |at, members, random| {
            format!("ZADD z {} member:{}", random.below(1_000_000_007), random.below(members))
        }),
        work!("ZSCORE", 300_000, None, false, |at, members, random| format!("ZSCORE z member:{}", random.below(members))),
        work!("ZRANK", 300_000, Some(0.33), true, |at, members, random| format!("ZRANK z member:{}", random.below(members))),
        work!("ZRANGE of 10", 200_000, Some(0.17), true, |at, members, random| {
            let from = random.below(members);
            format!("ZRANGE z {from} {}", from + 9)
        }),
        work!("ZRANGEBYSCORE, first 10", 200_000, None, true, |at, members, random| {
            format!("ZRANGEBYSCORE z {} +inf LIMIT 0 10", random.below(1_000_000_007))
        }),
        work!("LPUSH", 0, None, true, |at, members, random| format!("LPUSH l element:{at}")),
        work!("LRANGE of 10, anywhere", 5_000, None, false, |at, members, random| {
            let from = random.below(members);
            format!("LRANGE l {from} {}", from + 9)
        }),
        work!("LINDEX, anywhere", 5_000, None, true, |at, members, random| format!("LINDEX l {}", random.below(members))),
        work!("LINSERT, anywhere", 20, None, false, |at, members, random| {
            format!("LINSERT l BEFORE element:{} new", random.below(members))
        }),
        work!("SADD", 0, None, true, |at, members, random| format!("SADD s member:{at}")),
        work!("SADD to another, each third", 333_333, None, false, |at, members, random| format!("SADD t member:{}", at * 3)),
        work!("SISMEMBER", 300_000, None, false, |at, members, random| format!("SISMEMBER s member:{}", random.below(members))),
        work!("SINTERCARD of both", 3, None, false, |at, members, random| String::from("SINTERCARD 2 s t")),
        work!("HSET", 0, None, true, |at, members, random| format!("HSET h field:{at} value:{at}")),
        work!("HGET", 300_000, None, true, |at, members, random| format!("HGET h field:{}", random.below(members))),
        work!("HGETALL", 3, None, false, |at, members, random| String::from("HGETALL h")),
        work!("XADD", 0, None, true, |at, members, random| format!("XADD x {}-0 field value:{at}", at + 1)),
        work!("XRANGE of 10", 100_000, None, true, |at, members, random| format!(
            "XRANGE x {} + COUNT 10",
            random.below(members)
        )),
    ]
}

/// The engine with one conversation.
pub struct InProcess {
    engine: Engine,
    session: SessionId,
    out: Vec<u8>,
}

const NOW: u64 = 1_700_000_000_000;

impl InProcess {
    pub fn new() -> Self {
        let mut engine = Engine::new(Options { seed: 1, ..Options::default() });
        let session = engine.open(Peer::default(), NOW);
        Self { engine, session, out: Vec::new() }
    }

    /// Background work; true while there is more of it now.
    pub fn tick(&mut self, budget: usize) -> bool {
        self.engine.tick(NOW, budget).is_some_and(|due| due <= NOW)
    }

    pub fn batch(&mut self, requests: &[u8]) {
        self.out.clear();
        let taken = self.engine.execute(self.session, requests, NOW, &mut self.out);
        assert_eq!(taken.ok(), Some(requests.len()));
        assert!(!self.out.starts_with(b"-"), "{}", String::from_utf8_lossy(&self.out));
    }
}

/// All requests of a measurement, in batches, so that making them costs nobody.
fn batches(work: &Work, members: usize) -> (usize, Vec<Vec<u8>>) {
    let count = if work.count == 0 { members } else { work.count.min(members.max(1000)) };
    let mut random = Random(7);
    let mut all = Vec::new();
    for from in (0..count).step_by(BATCH) {
        let mut batch = Vec::new();
        (from..count.min(from + BATCH)).for_each(|at| (work.make)(at, members, &mut random, &mut batch));
        all.push(batch);
    }
    (count, all)
}

fn own(engine: &mut InProcess, batches: &[Vec<u8>]) -> f64 {
    let start = cpu_time();
    batches.iter().for_each(|batch| engine.batch(batch));
    (cpu_time() - start) as f64
}

fn theirs(server: &Server, client: &mut Client, batches: &[Vec<u8>]) -> Result<f64, Box<dyn Error>> {
    let start = server.cpu_time();
    for batch in batches {
        client.batch(batch)?;
    }
    Ok(server.cpu_time() - start)
}

/// Cost by size of the collection, of the engine alone.
fn curves() -> Vec<Chart> {
    let works: Vec<Work> = all().into_iter().filter(|work| work.drawn).collect();
    let mut lines: Vec<(String, Vec<(f64, f64)>)> = works.iter().map(|work| (work.name.to_owned(), Vec::new())).collect();
    for power in 0..=6 {
        let members = 10usize.pow(power);
        // Small collections are built many times over, for the clock to see them.
        let times = (100_000 / members).clamp(1, 2000);
        let prepared: Vec<(usize, Vec<Vec<u8>>)> = works.iter().map(|work| batches(work, members)).collect();
        let mut sums = vec![0.0; works.len()];
        for _ in 0..times {
            let mut engine = InProcess::new();
            for (sum, (count, batches)) in sums.iter_mut().zip(&prepared) {
                *sum += own(&mut engine, batches) / *count as f64;
            }
        }
        for (line, sum) in lines.iter_mut().zip(sums) {
            line.1.push((members as f64, sum / times as f64));
        }
    }
    let chart = |title: &str, starts: &[&str]| Chart {
        title: title.to_owned(),
        unit: "ns a request against members",
        lines: lines.iter().filter(|(name, _)| starts.iter().any(|start| name.starts_with(start))).cloned().collect(),
    };
    vec![chart("sorted set", &["Z"]), chart("list, set, hash, stream", &["L", "S", "H", "X"])]
}

pub fn run(quick: bool) -> Result<Report, Box<dyn Error>> {
    let mut report = Report::new(
        "structures",
        "Collections of a million members",
        "The engine in this process (CPU time of its thread, RESP in and out) beside redis-server (CPU time of its process, kernel included), both fed with the same\n\
         bytes in pipelines of 100. Medians.",
    );
    let works: Vec<Work> = all().into_iter().filter(|work| !quick || work.bar.is_some()).collect();
    let mut samples = vec![[Samples::default(), Samples::default()]; works.len()];
    for round in 0..if quick { 3 } else { 2 } {
        let redis = Server::redis()?;
        let mut client = redis.client()?;
        let mut engine = InProcess::new();
        for (work, samples) in works.iter().zip(&mut samples) {
            let (count, batches) = batches(work, MEMBERS);
            let mut each = [0.0; 2];
            for at in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                each[at] = if at == 0 { own(&mut engine, &batches) } else { theirs(&redis, &mut client, &batches)? };
                samples[at].push(each[at] / count as f64);
            }
            eprintln!("{}: {:.0} {:.0}", work.name, each[0] / count as f64, each[1] / count as f64);
        }
    }
    let mut rows = Vec::new();
    for (work, [own, theirs]) in works.iter().zip(&samples) {
        let ratio = own.ratio_to(theirs);
        let us = |samples: &Samples| format!("{:.2}", samples.median() / 1000.0);
        rows.push(vec![work.name.to_owned(), us(own), us(theirs), format!("{:.2} ±{:.0} %", ratio.median(), ratio.spread())]);
        if let Some(bar) = work.bar {
            report.bar(format!("{}, cachette / redis-server CPU", work.name), ratio.median(), bar);
        }
    }
    let head = ["", "cachette, us", "redis-server, us", "cachette / redis-server"].map(str::to_owned);
    report.table("CPU time a request", &head, &rows);
    if !quick {
        report.curves = curves();
    }
    Ok(report)
}
