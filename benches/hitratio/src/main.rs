//! `cargo xtask bench hitratio [TRACE …]`: how many requests a cache answers, by policy, trace and size.
//!
//! Traces are made up (see `tests/traces`), and read from the files named: one key number a line, gzipped where the name ends in `.gz`. Sizes are
//! shares of the keys that a trace asks for. Writes `benches/results/hitratio.md` and `hitratio.svg`.

mod plot;
mod policies;
#[path = "../../../tests/traces/mod.rs"]
mod traces;

use policies::NAMES;
use std::collections::HashSet;
use std::error::Error;
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

/// Sizes, in percent of the keys.
const SIZES: [f64; 4] = [1.0, 5.0, 10.0, 25.0];
const REQUESTS: usize = 300_000;

pub struct Trace {
    pub name: String,
    requests: Vec<u32>,
    keys: usize,
    /// Hit ratios: by size, then by policy.
    pub ratios: Vec<Vec<f64>>,
}

impl Trace {
    fn new(name: impl Into<String>, requests: Vec<u32>) -> Self {
        let keys = requests.iter().collect::<HashSet<_>>().len();
        Self { name: name.into(), requests, keys, ratios: Vec::new() }
    }

    fn replay(&mut self) {
        for size in SIZES {
            let keys = ((self.keys as f64 * size / 100.0) as usize).max(2);
            let ratio = |name: &&str| {
                let mut ask = policies::make(name, keys, &self.requests);
                let hits = self.requests.iter().filter(|key| ask(**key)).count();
                hits as f64 / self.requests.len() as f64
            };
            self.ratios.push(NAMES.iter().map(ratio).collect());
        }
        eprintln!("{}", self.name);
    }
}

fn generated() -> Vec<Trace> {
    let zipf = |skew: f64| traces::zipf(50_000, skew, REQUESTS, 1);
    let mut all: Vec<Trace> = [0.6, 0.8, 1.0, 1.2].map(|skew| Trace::new(format!("zipf {skew}"), zipf(skew))).into();
    all.push(Trace::new("zipf 0.9 and scans", traces::with_scans(&traces::zipf(20_000, 0.9, REQUESTS, 2), 30_000, 5000)));
    all.push(Trace::new("shifting hot set", traces::shifting(20_000, 1.0, REQUESTS, 10_000, 3)));
    all.push(Trace::new("round and round", traces::looping(10_000, REQUESTS)));
    all.push(Trace::new("recent", traces::recent(REQUESTS, 0.9, 4)));
    let mixed = traces::with_scans(&traces::shifting(20_000, 0.8, REQUESTS, 20_000, 5), 10_000, 1000);
    all.push(Trace::new("shifting and scans", mixed));
    all
}

fn read(path: &str) -> Result<Trace, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let mut text = String::new();
    if path.ends_with(".gz") {
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text)?;
    } else {
        text = String::from_utf8(bytes)?;
    }
    let keys = text.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>()?;
    let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
    Ok(Trace::new(name.split('.').next().unwrap_or_default(), keys))
}

/// Of each policy: by how much of FIFO's misses it has fewer, on the average, and how many points it is behind the best online policy at worst.
fn summary(traces: &[Trace]) -> Vec<(f64, f64, String)> {
    let runs: Vec<(&Trace, usize)> = traces.iter().flat_map(|trace| (0..SIZES.len()).map(move |size| (trace, size))).collect();
    let of = |policy: usize| {
        let (mut reduction, mut gap, mut place) = (0.0, 0.0, String::new());
        for (trace, size) in &runs {
            let ratios = &trace.ratios[*size];
            let misses = 1.0 - ratios[0];
            reduction += if misses > 0.0 { (ratios[policy] - ratios[0]) / misses } else { 0.0 };
            let best = ratios[..NAMES.len() - 1].iter().copied().fold(0.0, f64::max);
            if best - ratios[policy] > gap {
                (gap, place) = (best - ratios[policy], format!("{} at {} %", trace.name, SIZES[*size]));
            }
        }
        (100.0 * reduction / runs.len() as f64, 100.0 * gap, place)
    };
    (0..NAMES.len()).map(of).collect()
}

/// What the policy is held to that programs get when they name none.
fn bars(text: &mut String, summary: &[(f64, f64, String)]) -> std::fmt::Result {
    const POLICY: &str = "allkeys-s3fifo";
    let Some((_, (reduction, gap, _))) = NAMES.iter().zip(summary).find(|(name, _)| **name == POLICY) else { return Ok(()) };
    let verdict = |measured: f64, bar: f64| if measured <= bar { "met" } else { "short" };
    let misses = 1.0 - reduction / 100.0;
    writeln!(text, "\n### Bars\n\n| what | measured | bar | |\n|---|---|---|---|")?;
    writeln!(text, "| misses on the average, {POLICY} / fifo | {misses:.3} | 0.87 | {} |", verdict(misses, 0.87))?;
    writeln!(text, "| worst case in points, {POLICY} behind the best online policy | {gap:.1} | 14 | {} |", verdict(*gap, 14.0))
}

fn report(traces: &[Trace]) -> Result<String, std::fmt::Error> {
    let mut text = String::from(
        "# Hit ratios\n\n`cargo xtask bench hitratio` wrote this. Every request that misses puts its key in. All values are of one size; a size is so many percent of the\n\
         keys of the trace. Names with a dash are cachette's policies (LRU with one request a second, as its marks count seconds; LFU with one a\n\
         millisecond); `lru crate`, `quick_cache`, `moka` are crates; `fifo`, `lru`, `sieve` textbook policies; `belady` knows the future.\n\n\
         ![Hit ratio against size](hitratio.svg)\n\n| policy | fewer misses than FIFO, mean % | behind the best, at worst, points | where |\n|---|---|---|---|\n",
    );
    let summary = summary(traces);
    for (name, (reduction, gap, place)) in NAMES.iter().zip(&summary) {
        writeln!(text, "| {name} | {reduction:.1} | {gap:.1} | {place} |")?;
    }
    bars(&mut text, &summary)?;
    writeln!(
        text,
        "\n## Hit ratios in %\n\n| trace | size % | {} |\n|---|---|{}",
        NAMES.join(" | "),
        "---|".repeat(NAMES.len())
    )?;
    for trace in traces {
        for (size, ratios) in SIZES.iter().zip(&trace.ratios) {
            let cells: Vec<String> = ratios.iter().map(|ratio| format!("{:.1}", 100.0 * ratio)).collect();
            writeln!(text, "| {} | {size} | {} |", trace.name, cells.join(" | "))?;
        }
    }
    Ok(text)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut all = generated();
    for path in std::env::args().skip(1) {
        all.push(read(&path)?);
    }
    all.iter_mut().for_each(Trace::replay);
    let text = report(&all)?;
    print!("{text}");
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results");
    std::fs::write(results.join("hitratio.md"), text)?;
    std::fs::write(results.join("hitratio.svg"), plot::svg(&all, &SIZES)?)?;
    Ok(())
}
