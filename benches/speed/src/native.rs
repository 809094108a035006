//! `native`: the embedded cache beside other caches of Rust, in one process.
//!
//! All peers are alive at once and take turns operation by operation, in reversed order every other round, so that a noisy moment and a dirty cache
//! meet all of them. Keys come out of one array in the order in which they are asked for, so that reading them costs nobody a cache miss.

use crate::measure::{Random, Samples, cpu_each};
use crate::peers::*;
use crate::report::Report;
use std::hint::black_box;

/// `get` asks for keys that do not depend on each other, so that the processor works on several calls at once; `get in turn` has each call wait for
/// the value of the one before, as a program does that does something with it.
pub const OPERATIONS: [&str; 6] = ["set new", "get", "get in turn", "get miss", "overwrite", "del"];
/// Calls a measurement, at least.
const CALLS: usize = 400_000;
const MOST_CALLS: usize = 1_000_000;
const VALUE: usize = 100;

type Key = [u8; 20];

fn key(prefix: &str, number: usize) -> Key {
    let text = format!("{prefix}:{number:07}:profile");
    text.as_bytes().try_into().expect("twenty bytes")
}

/// What is asked for, in order.
pub struct Plan {
    fresh: Vec<Key>,
    asked: Vec<Key>,
    missing: Vec<Key>,
    gone: Vec<Key>,
}

impl Plan {
    pub fn new(entries: usize, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut fresh: Vec<Key> = (0..entries).map(|number| key("user", number)).collect();
        random.shuffle(&mut fresh);
        let mut gone = fresh.clone();
        random.shuffle(&mut gone);
        let calls = entries.clamp(CALLS, MOST_CALLS);
        let asked = (0..calls).map(|_| fresh[random.below(entries)]).collect();
        let missing = (0..calls).map(|_| key("none", random.below(9_999_999))).collect();
        Self { fresh, asked, missing, gone }
    }
}

/// A peer with its loops, each compiled for it alone.
pub trait Runner {
    fn name(&self) -> &'static str;
    /// CPU nanoseconds a call of one of [`OPERATIONS`].
    fn run(&mut self, operation: usize, plan: &Plan) -> f64;
    fn renew(&mut self, entries: usize);
    /// Lets go of all that it holds.
    fn drop_all(&mut self);
}

struct Subject<P>(&'static str, Option<P>);

impl<P: Peer> Runner for Subject<P> {
    fn name(&self) -> &'static str {
        self.0
    }

    fn renew(&mut self, entries: usize) {
        self.drop_all();
        self.1 = Some(P::new(entries * 2));
    }

    fn drop_all(&mut self) {
        self.1 = None;
    }

    fn run(&mut self, operation: usize, plan: &Plan) -> f64 {
        let peer = self.1.as_mut().expect("renewed");
        let (one, other) = ([b'a'; VALUE], [b'b'; VALUE]);
        let mut found = 0;
        let each = match operation {
            0 => cpu_each(plan.fresh.len(), || plan.fresh.iter().for_each(|key| peer.set(key, &one))),
            1 => cpu_each(plan.asked.len(), || found = plan.asked.iter().map(|key| peer.get(key)).sum()),
            2 => cpu_each(plan.asked.len(), || {
                let mut at = 0;
                while let Some(key) = plan.asked.get(at) {
                    let read = peer.get(key);
                    found += read;
                    // No value is as long as that; only the processor does not know.
                    at += 1 + (read >> 40);
                }
            }),
            3 => cpu_each(plan.missing.len(), || found = plan.missing.iter().map(|key| peer.get(key)).sum()),
            4 => cpu_each(plan.asked.len(), || plan.asked.iter().for_each(|key| peer.set(key, &other))),
            _ => cpu_each(plan.gone.len(), || plan.gone.iter().for_each(|key| peer.del(key))),
        };
        match operation {
            1 | 2 => assert_eq!(found, plan.asked.len() * (VALUE + usize::from(b'a')), "{} lost entries", self.0),
            3 => assert_eq!(found, 0),
            _ => {}
        }
        black_box(found);
        each
    }
}

fn subject<P: Peer + 'static>(name: &'static str) -> Box<dyn Runner> {
    Box::new(Subject::<P>(name, None))
}

pub fn all() -> Vec<Box<dyn Runner>> {
    vec![
        subject::<Cachette>("cachette"),
        subject::<CachetteSystemClock>("cachette, system clock"),
        subject::<QuickUnsync>("quick_cache unsync"),
        subject::<QuickSync>("quick_cache sync"),
        subject::<Moka>("moka"),
        subject::<MiniMoka>("mini-moka"),
        subject::<Foyer>("foyer-memory"),
        subject::<Lru>("lru"),
        subject::<Cached>("cached LruTtlCache"),
        subject::<Hashbrown>("hashbrown (no cache)"),
    ]
}

/// Samples by operation, then by peer.
type Outcome = Vec<Vec<Samples>>;

fn measure(peers: &mut [Box<dyn Runner>], entries: usize, rounds: usize) -> Outcome {
    let mut outcome = vec![vec![Samples::default(); peers.len()]; OPERATIONS.len()];
    for round in 0..rounds {
        let plan = Plan::new(entries, round as u64);
        let mut order: Vec<usize> = (0..peers.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        order.iter().for_each(|&peer| peers[peer].renew(entries));
        for (operation, samples) in outcome.iter_mut().enumerate() {
            for &peer in &order {
                samples[peer].push(peers[peer].run(operation, &plan));
            }
        }
        eprintln!("{entries} entries, round {}", round + 1);
    }
    outcome
}

fn show(report: &mut Report, peers: &[Box<dyn Runner>], entries: usize, outcome: &Outcome) {
    let mut head = vec!["ns a call (ratio of cachette to it, spread)".to_owned()];
    head.extend(OPERATIONS.map(str::to_owned));
    let rows: Vec<Vec<String>> = (0..peers.len())
        .map(|peer| {
            let cells = outcome.iter().map(|samples| {
                let ratio = samples[0].ratio_to(&samples[peer]);
                format!("{:.0} ({:.2} ±{:.0} %)", samples[peer].median(), ratio.median(), ratio.spread())
            });
            std::iter::once(peers[peer].name().to_owned()).chain(cells).collect()
        })
        .collect();
    report.table(&format!("{entries} entries of a 20-byte key, {VALUE} bytes and a TTL, uniform"), &head, &rows);
}

/// A hash map that is no cache: nothing is counted, marked, queued or evicted, and no deadline looked at.
const FLOOR: &str = "hashbrown (no cache)";

fn bars(report: &mut Report, peers: &[Box<dyn Runner>], outcome: &Outcome) {
    let named = |name: &str| peers.iter().position(|peer| peer.name() == name).expect("it is a peer");
    let floor = named(FLOOR);
    for (other, bar) in [("quick_cache unsync", 0.72), ("quick_cache sync", 0.5), ("moka", 0.17)] {
        let peer = named(other);
        for operation in [1, 2, 0, 4, 5] {
            let samples = &outcome[operation];
            let ratio = samples[0].ratio_to(&samples[peer]).median();
            let least = samples[floor].ratio_to(&samples[peer]).median();
            let name = format!("{} at 1 M, cachette / {other}", OPERATIONS[operation]);
            report.bar_above(name, ratio, bar, (least, FLOOR));
        }
    }
}

pub fn run(quick: bool, only: Option<&str>, entries: Option<usize>) -> Report {
    let mut report = Report::new(
        "native",
        "The embedded cache beside other caches of Rust",
        "CPU time of the thread, medians; all peers in one process, turn by turn, order reversed every other round. Eviction, statistics and deadlines are on;\n\
         nothing is evicted. Peers without deadlines keep them beside the value; quick_cache sync, moka, foyer-memory can be shared between threads.",
    );
    let mut peers = all();
    peers.retain(|peer| only.is_none_or(|only| only.split(',').any(|name| name == peer.name())));
    let chosen = entries.map(|entries| [(entries, if entries > 200_000 { 3 } else { 9 })]);
    let sizes: &[(usize, usize)] = if let Some(chosen) = &chosen {
        chosen
    } else if quick {
        &[(1_000_000, 3)]
    } else {
        &[(20_000, 9), (100_000, 5), (1_000_000, 5)]
    };
    for &(entries, rounds) in sizes {
        let outcome = measure(&mut peers, entries, rounds);
        show(&mut report, &peers, entries, &outcome);
        if entries == 1_000_000 && only.is_none() {
            bars(&mut report, &peers, &outcome);
        }
    }
    report
}
