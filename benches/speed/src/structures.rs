//! `structures`: collections of a million members. The engine runs in this process and is fed with the bytes that redis-server gets over TCP, in
//! pipelines of a hundred; what counts is CPU time: of this thread, and of redis-server's process. Both have to answer the same.

use crate::measure::Samples;
use crate::report::Report;
use crate::sides::{InProcess, Redis};
use crate::works::{Shape, Work, collections};
use std::error::Error;

const MILLION: Shape = Shape { keys: 1, members: 1_000_000 };
const ROUNDS: usize = 3;

pub fn run(quick: bool) -> Result<Report, Box<dyn Error>> {
    let mut report = Report::new(
        "structures",
        "Collections of a million members",
        "The engine in this process (CPU time of its thread, RESP in and out) beside redis-server (CPU time of its process, kernel included), both fed with the same\n\
         bytes in pipelines of 100, in turn; their answers are compared. Medians of three rounds.",
    );
    let works: Vec<Work> = collections().into_iter().filter(|work| !quick || work.bar.is_some()).collect();
    let mut samples = vec![[Samples::default(), Samples::default()]; works.len()];
    for round in 0..ROUNDS {
        let (mut engine, mut redis) = (InProcess::new(), Redis::new()?);
        for (work, samples) in works.iter().zip(&mut samples) {
            let costs = work.compare([&mut engine, &mut redis], MILLION, round % 2 == 1)?;
            samples.iter_mut().zip(costs).for_each(|(samples, cost)| samples.push(cost));
            eprintln!("{}: {:.0} {:.0}", work.name, costs[0], costs[1]);
        }
    }
    let mut rows = Vec::new();
    for (work, [own, theirs]) in works.iter().zip(&samples) {
        let ratio = own.ratio_to(theirs);
        let us = |samples: &Samples| format!("{:.2}", samples.median() / 1000.0);
        rows.push(vec![
            work.name.to_owned(),
            work.count(MILLION).to_string(),
            us(own),
            us(theirs),
            format!("{:.2} ±{:.0} %", ratio.median(), ratio.spread()),
        ]);
        if let Some(bar) = work.bar {
            report.bar(format!("{}, cachette / redis-server CPU", work.name), ratio.median(), bar);
        }
    }
    let head = ["", "requests", "cachette, us", "redis-server, us", "cachette / redis-server"].map(str::to_owned);
    report.table("CPU time a request", &head, &rows);
    Ok(report)
}
