//! `growth`: what a call costs as there is more to work on: with 10^3 to 10^7 keys, and with 1 to 10^6 members of a collection.

use crate::measure::Samples;
use crate::native::{self, OPERATIONS, Plan, Runner};
use crate::plot::Chart;
use crate::report::Report;
use crate::sides::{InProcess, Redis, Side};
use crate::works::{Shape, Work, collections, strings};
use std::error::Error;

/// Caches in this process; each is alone while it is measured, for ten million entries of all of them are more than a machine may have.
const CACHES: [&str; 4] = ["cachette", "quick_cache unsync", "quick_cache sync", "hashbrown (no cache)"];
const SIDES: [&str; 2] = ["cachette", "redis-server"];

/// Cost of one operation: of each who was measured, by size.
struct Curves {
    operation: String,
    unit: &'static str,
    lines: Vec<(&'static str, Vec<(usize, f64)>)>,
}

impl Curves {
    fn all(operations: &[&str], unit: &'static str, names: &[&'static str]) -> Vec<Self> {
        let empty = || names.iter().map(|name| (*name, Vec::new())).collect();
        operations.iter().map(|operation| Self { operation: (*operation).to_owned(), unit, lines: empty() }).collect()
    }

    fn rows(&self) -> impl Iterator<Item = Vec<String>> + '_ {
        self.lines.iter().map(|(name, points)| {
            let cells = points.iter().map(|(_, cost)| format!("{cost:.0}"));
            std::iter::once(format!("{}, {name}", self.operation)).chain(cells).collect()
        })
    }

    fn chart(&self) -> Chart {
        let line = |(name, points): &(&'static str, Vec<(usize, f64)>)| {
            (String::from(*name), points.iter().map(|(size, cost)| (*size as f64, *cost)).collect())
        };
        Chart { title: self.operation.clone(), unit: self.unit, lines: self.lines.iter().map(line).collect() }
    }
}

/// Small collections are measured many times over, for the clock to see them.
fn rounds(requests: usize) -> usize {
    match requests {
        10_000_000.. => 1,
        _ => (100_000 / requests).clamp(3, 100),
    }
}

/// The embedded cache beside others.
fn embedded(powers: &[u32]) -> Vec<Curves> {
    let mut curves = Curves::all(&OPERATIONS, "ns a call against keys", &CACHES);
    let mut peers: Vec<Box<dyn Runner>> = native::all().into_iter().filter(|peer| CACHES.contains(&peer.name())).collect();
    for entries in powers.iter().map(|power| 10usize.pow(*power)) {
        let mut samples = vec![vec![Samples::default(); peers.len()]; OPERATIONS.len()];
        for round in 0..rounds(entries).min(15) {
            let plan = Plan::new(entries, round as u64);
            let mut order: Vec<usize> = (0..peers.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for at in order {
                peers[at].renew(entries);
                samples.iter_mut().enumerate().for_each(|(operation, of)| of[at].push(peers[at].run(operation, &plan)));
                peers[at].drop_all();
            }
        }
        for (curves, samples) in curves.iter_mut().zip(&samples) {
            curves.lines.iter_mut().zip(samples).for_each(|((_, points), of)| points.push((entries, of.median())));
        }
        eprintln!("{entries} entries");
    }
    curves
}

/// The engine beside redis-server, both behind RESP.
fn behind_resp(works: &[Work], unit: &'static str, shapes: impl Iterator<Item = Shape>) -> Result<Vec<Curves>, Box<dyn Error>> {
    let names: Vec<&str> = works.iter().map(|work| work.name).collect();
    let mut curves = Curves::all(&names, unit, &SIDES);
    for shape in shapes {
        // Memory that a large number of keys left behind is nothing that the next number should find.
        let (mut engine, mut redis) = (InProcess::new(), Redis::new()?);
        let mut samples = vec![[Samples::default(), Samples::default()]; works.len()];
        for round in 0..rounds(shape.all()) {
            for (work, samples) in works.iter().zip(&mut samples) {
                let costs = work.compare([&mut engine, &mut redis], shape, round % 2 == 1)?;
                samples.iter_mut().zip(costs).for_each(|(samples, cost)| samples.push(cost));
            }
            engine.clear()?;
            redis.clear()?;
        }
        for (curves, samples) in curves.iter_mut().zip(&samples) {
            curves.lines.iter_mut().zip(samples).for_each(|((_, points), of)| points.push((shape.members, of.median())));
        }
        eprintln!("{} of {}", shape.keys, shape.members);
    }
    Ok(curves)
}

fn show(report: &mut Report, heading: &str, powers: &[u32], curves: &[Curves]) {
    let mut head = vec!["ns a call".to_owned()];
    head.extend(powers.iter().map(|power| format!("10^{power}")));
    let rows: Vec<Vec<String>> = curves.iter().flat_map(Curves::rows).collect();
    report.table(heading, &head, &rows);
    report.curves.extend(curves.iter().map(Curves::chart));
}

pub fn run(quick: bool) -> Result<Report, Box<dyn Error>> {
    let mut report = Report::new(
        "growth",
        "Cost as work grows",
        "CPU time, medians, in turn. Embedded caches: each alone, keys of 20 bytes, 100 bytes and a TTL. Strings and collections: the engine in this process, RESP in\n\
         and out, beside redis-server with its share of the kernel, in pipelines of 100; their answers are compared. There are as many small collections at a time\n\
         as make 1,000 members.",
    );
    let keys: &[u32] = if quick { &[3, 4, 5] } else { &[3, 4, 5, 6, 7] };
    let members: &[u32] = if quick { &[0, 1, 2, 3, 4] } else { &[0, 1, 2, 3, 4, 5, 6] };
    show(&mut report, "Keys of embedded caches", keys, &embedded(keys));
    let shapes = keys.iter().map(|power| Shape { keys: 1, members: 10usize.pow(*power) });
    show(&mut report, "Keys, behind RESP", keys, &behind_resp(&strings(), "ns a request against keys", shapes)?);
    let works: Vec<Work> = collections().into_iter().filter(|work| work.grows).collect();
    let shapes = members.iter().map(|power| 10usize.pow(*power));
    let shapes = shapes.map(|members| Shape { keys: (1000 / members).max(1), members });
    show(
        &mut report,
        "Members of a collection, behind RESP",
        members,
        &behind_resp(&works, "ns a request against members", shapes)?,
    );
    Ok(report)
}
