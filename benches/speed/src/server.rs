//! `server`: cachette-server beside redis-server, asked by redis-benchmark.
//!
//! The server has one core and redis-benchmark the other. The two servers take turns, in reversed order every other round. CPU per request is what
//! the system booked on the server's process, kernel included: it says more than requests a second, which the client can hold back.

use crate::measure::Samples;
use crate::report::Report;
use crate::servers::{CLIENT_CORE, Server};
use std::error::Error;
use std::process::Command;

/// Requests a second, and CPU nanoseconds a request.
type Rate = (f64, f64);

struct Load {
    /// Name of the test to redis-benchmark, or of a command with its words.
    test: &'static str,
    pipeline: usize,
    clients: usize,
    requests: usize,
}

fn ask(server: &Server, load: &Load) -> Result<Rate, Box<dyn Error>> {
    let before = server.cpu_time();
    let output = Command::new("taskset")
        .args(["-c", CLIENT_CORE, "redis-benchmark", "--csv", "-d", "16", "-r", "100000"])
        .args(["-p", &server.port.to_string(), "-t", load.test])
        .args(["-P", &load.pipeline.to_string(), "-c", &load.clients.to_string(), "-n", &load.requests.to_string()])
        .output()?;
    let used = server.cpu_time() - before;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().rfind(|line| line.to_lowercase().starts_with(&format!("\"{}", load.test))).ok_or("no figures")?;
    let rate: f64 = line.split(',').nth(1).and_then(|cell| cell.trim_matches('"').parse().ok()).ok_or("no rate")?;
    Ok((rate, used / load.requests as f64))
}

fn compare(servers: &[Server; 2], load: &Load, rounds: usize) -> Result<[[Samples; 2]; 2], Box<dyn Error>> {
    let mut outcome: [[Samples; 2]; 2] = Default::default();
    for round in 0..rounds {
        for at in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let (rate, cpu) = ask(&servers[at], load)?;
            outcome[at][0].push(rate);
            outcome[at][1].push(cpu);
        }
    }
    Ok(outcome)
}

pub fn run(quick: bool) -> Result<Report, Box<dyn Error>> {
    let version = String::from_utf8(Command::new("redis-server").arg("--version").output()?.stdout)?;
    let version = version.split_whitespace().find_map(|word| word.strip_prefix("v=")).unwrap_or("of unknown version").to_owned();
    let mut report = Report::new(
        "server",
        "cachette-server beside redis-server",
        &format!(
            "redis-server {version} without persistence and cachette-server as they come; redis-benchmark with 100,000 random keys and 16 bytes of data over TCP\n\
             on the same machine. Medians of alternating runs. CPU is user and system time of the server a request."
        ),
    );
    let servers = [Server::redis()?, Server::cachette()?];
    // The keys that GET asks for.
    for server in &servers {
        ask(server, &Load { test: "set", pipeline: 64, clients: 50, requests: 1_000_000 })?;
    }
    let mut loads = Vec::new();
    for clients in if quick { vec![50] } else { vec![50, 1000] } {
        for (pipeline, requests) in [(1, 150_000), (16, 1_000_000), (64, 3_000_000)] {
            loads.extend(["get", "set"].map(|test| (Load { test, pipeline, clients, requests }, 3)));
        }
    }
    if !quick {
        for test in ["incr", "lpush", "rpop", "sadd", "hset", "zadd", "mset"] {
            let requests = if test == "mset" { 100_000 } else { 500_000 };
            loads.push((Load { test, pipeline: 16, clients: 50, requests }, 1));
        }
    }
    let mut rows = Vec::new();
    for (load, rounds) in &loads {
        let [redis, cachette] = compare(&servers, load, *rounds)?;
        let (faster, cheaper) = (cachette[0].ratio_to(&redis[0]), cachette[1].ratio_to(&redis[1]));
        let thousands = |samples: &Samples| format!("{:.0} k", samples.median() / 1000.0);
        let row = vec![
            format!("{} P{}, {} clients", load.test.to_uppercase(), load.pipeline, load.clients),
            thousands(&redis[0]),
            thousands(&cachette[0]),
            format!("{:.2} ±{:.0} %", faster.median(), faster.spread()),
            format!("{:.0}", redis[1].median()),
            format!("{:.0}", cachette[1].median()),
            format!("{:.2} ±{:.0} %", cheaper.median(), cheaper.spread()),
        ];
        eprintln!("{}", row.join("  "));
        rows.push(row);
        let bar = [(1, 1.0), (16, 0.62), (64, 0.4)].iter().find(|(pipeline, _)| *pipeline == load.pipeline).map(|(_, bar)| *bar);
        if let (Some(bar), 50, "get" | "set") = (bar, load.clients, load.test) {
            let name = format!("requests a second of {} P{}, redis-server / cachette", load.test.to_uppercase(), load.pipeline);
            report.bar(name, redis[0].ratio_to(&cachette[0]).median(), bar);
        }
    }
    let head =
        ["", "redis/s", "cachette/s", "times redis", "redis ns CPU", "cachette ns CPU", "of redis's CPU"].map(str::to_owned);
    report.table("Requests a second and CPU per request", &head, &rows);
    Ok(report)
}
