//! `server`: cachette-server beside redis-server, and beside the least that a server can do.
//!
//! The server has one core and who asks the other. The servers take turns, in reversed order every other round. CPU per request is what the system
//! booked on the server's process, kernel included: it says more than requests a second, which the client can hold back. So GET and SET are asked by a
//! client that costs less than the servers (see [`load`]); redis-benchmark asks for the other commands.

use crate::load::{self, Load, Verb};
use crate::measure::Samples;
use crate::report::Report;
use crate::servers::{CLIENT_CORE, Server};
use std::error::Error;
use std::process::Command;

/// Requests a second, and CPU nanoseconds a request.
type Rate = (f64, f64);

/// Requests of a measurement, for each length of a pipeline, and the bar for redis-server's rate divided by ours.
const LOADS: [(usize, usize, f64); 3] = [(1, 200_000, 1.0), (16, 3_200_000, 0.62), (64, 6_400_000, 0.4)];

const FLOOR: &str = "what a server reaches that only reads and writes as many bytes";

fn measured(
    server: &Server,
    requests: usize,
    ask: impl FnOnce(u16) -> Result<f64, Box<dyn Error>>,
) -> Result<Rate, Box<dyn Error>> {
    let before = server.cpu_time();
    let rate = ask(server.port)?;
    Ok((rate, (server.cpu_time() - before) / requests as f64))
}

/// Rates and CPU of each server.
type Outcome<const N: usize> = [[Samples; 2]; N];

fn compare<const N: usize>(
    servers: [&Server; N],
    rounds: usize,
    requests: usize,
    ask: impl Fn(u16) -> Result<f64, Box<dyn Error>>,
) -> Result<Outcome<N>, Box<dyn Error>> {
    let mut outcome = [const { [Samples(Vec::new()), Samples(Vec::new())] }; N];
    for round in 0..rounds {
        for at in 0..N {
            let at = if round % 2 == 0 { at } else { N - 1 - at };
            let (rate, cpu) = measured(servers[at], requests, &ask)?;
            outcome[at][0].push(rate);
            outcome[at][1].push(cpu);
        }
    }
    Ok(outcome)
}

fn thousands(samples: &Samples) -> String {
    format!("{:.0} k", samples.median() / 1000.0)
}

fn ratio(one: &Samples, other: &Samples) -> String {
    let ratio = one.ratio_to(other);
    format!("{:.2} ±{:.0} %", ratio.median(), ratio.spread())
}

/// GET and SET, by the client that costs little.
fn counted(report: &mut Report, servers: [&Server; 2], quick: bool) -> Result<(), Box<dyn Error>> {
    let mut rows = Vec::new();
    for clients in if quick { vec![50] } else { vec![50, 1000] } {
        for (pipeline, requests, bar) in LOADS {
            for verb in [Verb::Get, Verb::Set] {
                let floor = Server::floor(verb.request() * pipeline, verb.reply() * pipeline)?;
                let load = Load { verb, pipeline, clients, requests };
                let ask = |port| load::ask(port, load);
                let all = [servers[0], servers[1], &floor];
                let [redis, own, floor] = compare(all, if quick { 3 } else { 5 }, requests, ask)?;
                let mut row = vec![format!("{} P{pipeline}, {clients} clients", verb.name())];
                row.extend([&redis[0], &own[0], &floor[0]].map(thousands));
                row.push(ratio(&own[0], &redis[0]));
                row.extend([&redis[1], &own[1], &floor[1]].map(|cpu| format!("{:.0}", cpu.median())));
                row.push(ratio(&own[1], &redis[1]));
                eprintln!("{}", row.join("  "));
                rows.push(row);
                if clients == 50 {
                    let name = format!("requests a second of {} P{pipeline}, redis-server / cachette", verb.name());
                    let least = redis[0].ratio_to(&floor[0]).median();
                    report.bar_above(name, redis[0].ratio_to(&own[0]).median(), bar, (least, FLOOR));
                }
            }
        }
    }
    let head = [
        "",
        "redis/s",
        "cachette/s",
        "floor/s",
        "times redis",
        "redis ns CPU",
        "cachette ns CPU",
        "floor ns CPU",
        "of redis's CPU",
    ];
    report.table("GET and SET: requests a second and CPU per request", &head.map(str::to_owned), &rows);
    Ok(())
}

/// One test of redis-benchmark.
struct Test {
    name: &'static str,
    pipeline: usize,
    requests: usize,
}

fn benchmark(port: u16, test: &Test) -> Result<f64, Box<dyn Error>> {
    let output = Command::new("taskset")
        .args(["-c", CLIENT_CORE, "redis-benchmark", "--csv", "-d", &load::VALUE.to_string(), "-r", &load::KEYS.to_string()])
        .args(["-p", &port.to_string(), "-t", test.name, "-P", &test.pipeline.to_string(), "-n", &test.requests.to_string()])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().rfind(|line| line.to_lowercase().starts_with(&format!("\"{}", test.name))).ok_or("no figures")?;
    Ok(line.split(',').nth(1).and_then(|cell| cell.trim_matches('"').parse().ok()).ok_or("no rate")?)
}

/// What redis-benchmark tells of the same, and of other commands.
fn benchmarked(report: &mut Report, servers: [&Server; 2]) -> Result<(), Box<dyn Error>> {
    let mut tests = Vec::new();
    for pipeline in [1, 16, 64] {
        let requests = if pipeline == 1 { 150_000 } else { 2_000_000 };
        tests.extend(["get", "set"].map(|name| Test { name, pipeline, requests }));
    }
    for name in ["incr", "lpush", "rpop", "sadd", "hset", "zadd", "mset"] {
        let requests = if name == "mset" { 200_000 } else { 1_000_000 };
        tests.push(Test { name, pipeline: 16, requests });
    }
    let mut rows = Vec::new();
    for test in &tests {
        let [redis, own] = compare(servers, 3, test.requests, |port| benchmark(port, test))?;
        let mut row = vec![format!("{} P{}", test.name.to_uppercase(), test.pipeline)];
        row.extend([thousands(&redis[0]), thousands(&own[0]), ratio(&own[0], &redis[0])]);
        row.extend([&redis[1], &own[1]].map(|cpu| format!("{:.0}", cpu.median())));
        row.push(ratio(&own[1], &redis[1]));
        eprintln!("{}", row.join("  "));
        rows.push(row);
    }
    let head = ["", "redis/s", "cachette/s", "times redis", "redis ns CPU", "cachette ns CPU", "of redis's CPU"];
    report.table("As redis-benchmark tells it, 50 clients", &head.map(str::to_owned), &rows);
    Ok(())
}

pub fn run(quick: bool) -> Result<Report, Box<dyn Error>> {
    let version = String::from_utf8(Command::new("redis-server").arg("--version").output()?.stdout)?;
    let version = version.split_whitespace().find_map(|word| word.strip_prefix("v=")).unwrap_or("of unknown version").to_owned();
    let mut report = Report::new(
        "server",
        "cachette-server beside redis-server",
        &format!(
            "redis-server {version} without persistence and cachette-server as they come, over TCP on the same machine: the server on one core, who asks on the other;\n\
             100,000 random keys, {} bytes of data. Medians of alternating runs. CPU is user and system time of the server a request. The floor is a server\n\
             that waits, reads and writes as they do, and knows neither requests nor keys.",
            load::VALUE
        ),
    );
    let (redis, own) = (Server::redis()?, Server::cachette()?);
    for server in [&redis, &own] {
        load::fill(server.port)?;
    }
    counted(&mut report, [&redis, &own], quick)?;
    if !quick {
        benchmarked(&mut report, [&redis, &own])?;
    }
    Ok(report)
}
